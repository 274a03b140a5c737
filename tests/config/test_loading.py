"""What a good configuration becomes."""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from aggregator.config import Limit, Limits, Loaded, Tcp, Unix, load, render, summary
from aggregator.core.model import OnDeadline, Policy, Provider, Route, Service, Strategy
from tests.config.conftest import GOOD, Loads


def test_defaults(loads: Loads, tmp_path: Path) -> None:
    """What is left out has the default that the design names."""
    loaded = loads(GOOD)
    assert loaded.setup.policy == Policy()
    assert loaded.setup.providers == {
        "gulf": Provider("gulf", "https://gulf.example/api/v2", "s3cret", "standard", "USD")
    }
    assert loaded.setup.services == {
        1: Service(
            id=1,
            name="Followers",
            category="Instagram",
            type="Default",
            rate="0.90",
            rate_micros=900_000,
            min=50,
            max=10_000,
            routes=(Route("gulf", "4021"),),
        )
    }
    assert "cheapsmmpanel" in loaded.setup.dialects
    assert loaded.setup.dialect_of("gulf").name == "standard"
    server = loaded.server
    assert server.listen == Tcp("127.0.0.1", 8080)
    assert server.admin_listen == Tcp("127.0.0.1", 8081)
    assert server.admin_token is None
    assert server.database == str(tmp_path / "aggregator.db")
    assert server.trusted_proxies == ()
    assert server.limits == Limits(failed_auth=Limit(20, 60))
    assert server.alert_command is None
    assert server.faces == {"/api/v2": "standard"}


def test_everything_set(loads: Loads) -> None:
    """Every key arrives where the program looks for it, in the program's units."""
    loaded = loads(
        """\
listen: "[::1]:0"
admin_listen: unix:/run/a.sock
database: postgresql://host/db
currency: EUR
exchange_rates: {USD: 0.92}
answer_within: 500ms
queue_for: 0s
status_ttl: 1.5s
status_deadline: 2s
settle_failed_after: 2min
watch_ended: 1d
drain_within: 1m
first_order_id: 23501
trusted_proxies: [10.0.0.0/8, "::1"]
limits: {per_key: 5/s, per_address: 1000/hour, failed_auth: null}
alert_command: mail -s "it's down" ops@example.com
faces: {/x/: smmgulf}
dialects: {mine: {extends: smmgulf}}
providers:
  p:
    url: http://127.0.0.1:9000/api
    key: 0123
    dialect: mine
    currency: USD
    rate_limit: 5/s
    concurrency: 2
    exclusive_account: true
    idempotency_param: request_id
    probe: false
    slack: 0
    in_doubt_deadline: 2h
    on_deadline: hold
    auto_failover: true
    low_balance: 12.5
    paused: true
    retired: true
services:
  900:
    name: 2024
    description: "one\\ntwo"
    category: No
    type: Default
    markup: 12.5%
    min: "1"
    max: 5
    refill: true
    cancel: true
    dripfeed: true
    enabled: false
    allow_loss: true
    strategy: weighted
    routes: [{provider: p, service: 0077, weight: 3, cost: 0.41}]
"""
    )
    assert loaded.setup.policy == Policy(
        "EUR", 0.5, 0, 1.5, 2, 120, 86_400, 60, first_order_id=23501
    )
    provider = loaded.setup.providers["p"]
    assert provider == Provider(
        name="p",
        url="http://127.0.0.1:9000/api",
        key="0123",
        dialect="mine",
        currency="USD",
        exchange_rate=Decimal("0.92"),
        rate_limit_per_minute=300,
        concurrency=2,
        exclusive_account=True,
        idempotency_param="request_id",
        probe=False,
        slack=0,
        in_doubt_deadline_s=7200,
        on_deadline=OnDeadline.HOLD,
        auto_failover=True,
        low_balance_micros=12_500_000,
        paused=True,
        retired=True,
    )
    assert loaded.setup.services[900] == Service(
        id=900,
        name="2024",
        description="one\ntwo",
        category="No",
        type="Default",
        rate="0",
        rate_micros=0,
        markup=Decimal("0.125"),
        min=1,
        max=5,
        refill=True,
        cancel=True,
        dripfeed=True,
        enabled=False,
        allow_loss=True,
        strategy=Strategy.WEIGHTED,
        routes=(Route("p", "0077", 3, 410_000),),
    )
    server = loaded.server
    assert server.listen == Tcp("::1", 0)
    assert server.admin_listen == Unix("/run/a.sock")
    assert server.database == "postgresql://host/db"
    assert server.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert server.limits == Limits(Limit(5, 1), Limit(1000, 3600), None)
    assert server.alert_command == ("mail", "-s", "it's down", "ops@example.com")
    assert server.faces == {"/x": "smmgulf"}


@pytest.mark.parametrize(
    "rate", ['"0.90"', "0.90", "'0.9'", "1", "0.1234", '"007"', "999999.999999"]
)
def test_a_rate_is_kept_as_written(loads: Loads, rate: str) -> None:
    """Resellers are shown the rate with the very digits that the operator wrote."""
    service = loads(GOOD.replace('"0.90"', rate)).setup.services[1]
    assert service.rate == rate.strip("'\"")
    assert service.rate_micros == Decimal(service.rate) * 1_000_000


@pytest.mark.parametrize(
    ("line", "environ"),
    [
        ("drain_within: ${X}", {"X": "30s"}),
        ("first_order_id: ${X}", {"X": "1"}),
        ("currency: U${X}D", {"X": "S"}),
        ("listen: 127.0.0.1:${X}", {"X": "8080"}),
        ("alert_command: ${X}", {"X": "mail ops"}),
        ("alert_command: ['${X}', ops]", {"X": "mail"}),
        ("trusted_proxies: ['${X}']", {"X": "10.0.0.1"}),
        ("limits: {per_key: '${X}'}", {"X": "5/s"}),
        ("faces: {/a: '${X}'}", {"X": "smmgulf"}),
        ("exchange_rates: {EUR: '${X}'}", {"X": "1.08"}),
    ],
)
def test_a_variable_may_stand_for_any_value(
    loads: Loads, line: str, environ: dict[str, str]
) -> None:
    """A value from the environment is as good as one that is written down."""
    variable = loads(f"{line}\n{GOOD}", environ=environ)
    written = loads(f"{line.replace('${X}', environ['X'])}\n{GOOD}")
    assert (variable.setup, variable.server) == (written.setup, written.server)


def test_a_variable_may_stand_for_a_switch(loads: Loads) -> None:
    """Text from the environment may be true or false."""
    text = GOOD.replace("s3cret", "k, paused: '${P}', probe: '${Q}'")
    provider = loads(text, environ={"P": "true", "Q": "false"}).setup.providers["gulf"]
    assert (provider.paused, provider.probe) == (True, False)


@pytest.mark.parametrize(
    "section", ["dialects:", "exchange_rates:", "include:", "limits:", "trusted_proxies:"]
)
def test_an_empty_section(loads: Loads, section: str) -> None:
    """A section with everything in it commented out counts as empty."""
    assert loads(f"{section}\n  # nothing\n{GOOD}").setup == loads(GOOD).setup


def test_no_services_yet(loads: Loads) -> None:
    """A configuration without services is usable, but warned of."""
    loaded = loads("currency: EUR\n")
    assert loaded.setup.services == {}
    assert render(loaded.warnings) == (
        "config.yaml: services: no service is enabled: nothing can be ordered".replace(
            "config.yaml", "config.yaml:1"
        )
    )


def test_a_relative_path_is_relative_to_the_file(tmp_path: Path) -> None:
    """Where the program was started does not change which database it opens."""
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "config.yaml"
    path.write_text(f"database: data/my.db\n{GOOD}")
    assert load(path, {}).server.database == str(tmp_path / "etc/data/my.db")


def test_addresses_read_back() -> None:
    """An address prints as it is written."""
    assert [str(one) for one in (Tcp("::1", 80), Tcp("host", 1), Unix("/a"))] == [
        "[::1]:80",
        "host:1",
        "unix:/a",
    ]


def test_summary(loads: Loads) -> None:
    """A good configuration is summed up in one line."""
    loaded: Loaded = loads(GOOD)
    said = summary(loaded)
    assert said == (
        f"config.yaml: 1 provider, 1 service, 1 route, 1 face; revision {loaded.setup.revision}"
    )
    assert "2 faces" in summary(loads(GOOD + "faces: {/a: standard, /b: standard}\n"))
