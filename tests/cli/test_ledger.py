"""`aggregator ledger`: the proof, the statement, the profit."""

import csv
import io
from decimal import Decimal

import pytest

from aggregator.store import by_hand, resellers
from aggregator.store.tx import Tx
from tests.cli.support import Desk, configuration
from tests.store.builders import NOW


def test_verifies(shop: Desk) -> None:
    """A sound ledger is said to be, with how much was looked at."""
    shop.placed()
    said = shop.run("ledger", "verify").stdout
    assert said.startswith(
        "The ledger verifies: 1 reseller, 1 order, 1 attempt, 3 transfers, 6 entries"
    )
    told = shop.json("ledger", "verify")
    assert (told["ok"], told["violations"]) == (True, [])
    assert told["looked_at"]["transfers"] == 3


def test_violations_end_with_1(shop: Desk) -> None:
    """Each broken rule is a line, and the exit status says that there are some."""

    def steal(tx: Tx) -> None:
        tx.run("UPDATE accounts SET available_micros = available_micros + 5")

    shop.write(steal)
    told = shop.json("ledger", "verify", status=1)
    assert not told["ok"]
    (violation,) = told["violations"]
    said = shop.run("ledger", "verify", status=1).stdout
    assert violation in said
    assert "does NOT verify" in said


def test_statement_shape(shop: Desk) -> None:
    """Every movement has a line, with what was left after it."""
    shop.placed()
    lines = shop.json("ledger", "statement", "shop")
    assert [(line["kind"], line["available"], line["held"], line["left"]) for line in lines] == [
        ("credit", "10.00", "0.00", "10.00"),
        ("hold", "-0.25", "0.25", "9.75"),
        ("post", "0.00", "-0.25", "9.75"),
    ]
    assert lines[1].keys() == {"at", "kind", "order", "available", "held", "left", "note"}
    assert lines[1]["order"] == 1
    assert "shop has 9.75 USD available" in shop.run("ledger", "statement", "shop").stdout


DAY_MS = 86_400_000  # the builders' NOW is on 2023-11-14


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def credited(desk: Desk, micros: int, note: str, at_ms: int) -> None:
    desk.write(lambda tx: resellers.credit(tx, "shop", micros, note, at_ms))


def test_statement_of_a_period(shop: Desk) -> None:
    """As CSV, a period opens with what he had and closes with what he had then, to the
    last digit; --to includes its day."""
    credited(shop, 10, 'said "yes", twice', NOW + DAY_MS)
    credited(shop, 5_000_000, "later", NOW + 2 * DAY_MS)
    args = ("ledger", "statement", "shop", "--from", "2023-11-15", "--to", "2023-11-15")
    opening, line, closing = table(shop.run(*args, "--csv").stdout)
    assert opening == {
        "at": "2023-11-15T00:00:00.000Z",
        "kind": "opening",
        "order": "",
        "available": "10.00",
        "held": "0.00",
        "left": "10.00",
        "note": "",
    }
    assert (line["available"], line["left"]) == ("0.00001", "10.00001")
    assert line["note"] == 'said "yes", twice'
    assert (closing["kind"], closing["left"]) == ("closing", "10.00001")
    assert closing["at"] == "2023-11-16T00:00:00.000Z"
    assert [one["kind"] for one in shop.json(*args)] == ["opening", "credit", "closing"]
    assert "shop had 10.00001 USD available" in shop.run(*args).stdout


def test_a_whole_statement_as_csv(shop: Desk) -> None:
    """Without a period the balance goes from nothing to what he has."""
    shop.placed()
    first, *lines, last = table(shop.run("ledger", "statement", "shop", "--csv").stdout)
    assert (first["left"], last["left"], last["held"]) == ("0.00", "9.75", "0.00")
    assert sum(Decimal(line["available"]) for line in lines) == Decimal("9.75")


@pytest.mark.parametrize("evil", ['=HYPERLINK("x")', "+1+1", "-1+1", "@SUM(A1)", "=1"])
def test_no_formula_in_csv(shop: Desk, evil: str) -> None:
    """A note that a spreadsheet would carry out is quoted for it; amounts below 0 are not."""
    shop.run("reseller", "debit", "shop", "1", "--note", evil)
    *_, line, _ = table(shop.run("ledger", "statement", "shop", "--csv").stdout)
    assert (line["note"], line["available"]) == (f"'{evil}", "-1.00")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--from", "yesterday"),
        ("--from", "2023-11-31"),
        ("--from", "2023-1-1"),
        ("--from", "2023-11-02", "--to", "2023-11-01"),
        ("--csv", "--json"),
    ],
)
def test_odd_periods(shop: Desk, wrong: tuple[str, ...]) -> None:
    """A period is two days that exist, the first not after the last."""
    for command in (("statement", "shop"), ("profit",)):
        shop.run("ledger", *command, *wrong, status=2)


def test_profit(shop: Desk) -> None:
    """What was charged less refunds and costs, by provider, service and day; orders whose
    cost nobody knows are counted."""
    one = shop.placed("1")
    shop.placed("2")
    shop.placed("3", service_id=2)
    shop.write(lambda tx: by_hand.refund(tx, one, 125_000, "dropped", NOW + DAY_MS))
    shop.write(lambda tx: tx.run("UPDATE orders SET upstream_cost_micros = NULL WHERE id = 3"))
    told = shop.json("ledger", "profit")
    sums = {
        "orders": 3,
        "charged": "0.75",
        "refunded": "0.125",
        "cost": "0.30",
        "losses": "0.00",
        "profit": "0.325",
        "unknown_cost": 1,
    }
    assert told == {
        "by": "provider",
        "currency": "USD",
        "groups": [{"provider": "gulf", **sums}],
        "total": sums,
    }
    by_service = shop.json("ledger", "profit", "--by", "service")["groups"]
    assert [(one["service"], one["orders"], one["profit"]) for one in by_service] == [
        (1, 2, "0.075"),
        (2, 1, "0.25"),
    ]
    by_day = table(shop.run("ledger", "profit", "--by", "day", "--csv").stdout)
    assert [(one["day"], one["orders"], one["profit"]) for one in by_day] == [
        ("2023-11-14", "3", "0.45"),
        ("2023-11-15", "0", "-0.125"),
        ("total", "3", "0.325"),
    ]
    only = shop.json("ledger", "profit", "--from", "2023-11-15")["total"]
    assert (only["orders"], only["refunded"]) == (0, "0.125")
    assert "UNKNOWN COST" in shop.run("ledger", "profit").stdout


def test_profit_in_our_currency(shop: Desk) -> None:
    """Costs are turned into our currency; of a provider that is gone none is known."""
    shop.placed("1")
    gulf = {**configuration()["providers"]["gulf"], "currency": "EUR"}
    shop.configure(providers={"gulf": gulf}, exchange_rates={"EUR": "1.10"})
    assert shop.json("ledger", "profit")["total"]["cost"] == "0.22"
    services = {**configuration()["services"]}
    services[1]["routes"][0]["provider"] = "other"
    shop.configure(providers={"other": gulf}, services=services, exchange_rates={"EUR": "1.10"})
    told = shop.json("ledger", "profit")["total"]
    assert (told["cost"], told["unknown_cost"]) == ("0.00", 1)


def test_profit_of_nothing(desk: Desk) -> None:
    """Without orders the sums are nothing."""
    desk.reseller()
    assert desk.json("ledger", "profit")["total"]["profit"] == "0.00"
