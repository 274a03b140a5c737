"""Keys, links and comments: through the whole server, whatever a provider does with them."""

import inspect
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from aggregator import telemetry
from aggregator.actions import World
from aggregator.sandbox import KEY, Fault, PanelSettings, Rule, SandboxServer, builtin_dialect
from benchmarks.house import HOST
from benchmarks.market import KINDS
from tests.fakes import settled
from tests.test_reloading import House

CANARY = "kanarienvogel"
LINK = f"https://example.org/{CANARY}-link?x=1"
COMMENTS = f'{CANARY} one\n{CANARY} it\'s "two"'
TOKEN = f"{CANARY}-token"
WORDS = f"Not for {LINK} with {KEY}: {COMMENTS!r}"  # of a provider that quotes what it got
BUYING = {
    "1": {"service": "1", "link": LINK, "quantity": "100"},
    "2": {"service": "2", "link": LINK, "comments": COMMENTS},
}
# Each fault as it is, and where it says something, saying more than it should.
FAULTS = [
    *(replace(rule, seconds=min(rule.seconds, 0.1)) for rule in KINDS),
    *(replace(rule, text=f"{rule.text}. {WORDS}", seconds=0.1) for rule in KINDS if rule.text),
]


class Told:
    """Everything that leaves the server for others than the reseller who asked."""

    def __init__(self, house: House, log: io.StringIO) -> None:
        self.house = house
        self.log = log

    async def everything(self, world: World) -> str:
        pages = [await self.page(path) for path in ("metrics", "console", "readyz")]
        alerts = json.dumps(self.house.alerts, default=str)
        return "\n".join([self.log.getvalue(), alerts, *pages])

    async def page(self, path: str) -> str:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://{HOST}:{self.house.admin_port}/{path}"
        async with self.house.http.get(url, headers=headers) as answer:
            assert answer.status == 200
            return await answer.text()

    def secrets(self) -> list[str]:
        return [CANARY, KEY, self.house.key]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Every line, at the lowest level."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    telemetry.set_up("debug", secrets=[KEY, TOKEN], stream=stream, human=False)
    yield stream
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def told(tmp_path: Path, log: io.StringIO) -> AsyncIterator[Told]:
    async with (
        SandboxServer(builtin_dialect("smmgulf"), PanelSettings(stage_s=None)) as panel,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        house = House(tmp_path, panel, http)
        (tmp_path / "token").write_text(TOKEN)
        first = house.configured()["services"][1]
        comments = first | {
            "type": "Custom Comments",
            "min": 1,
            "rate": "9",
            "routes": [{"provider": "gulf", "service": 5}],
        }
        house.write(admin_token_file="token", services={1: first, 2: comments})
        yield Told(house, log)


async def bought(house: House, world: World) -> str:
    """Both kinds of order, and whatever can be asked about them afterwards: the answers."""
    answers = []
    for params in BUYING.values():
        answer = await house.ask("add", **params)
        answers.append(answer)
        order = str(answer.get("order", "1"))
        for action in ("status", "refill", "cancel", "refill_status"):
            answers.append(await house.ask(action, order=order, link=LINK, comments=COMMENTS))
    await settled(lambda: not world.tasks)
    return json.dumps(answers)


@pytest.mark.parametrize(
    "rule", FAULTS, ids=lambda rule: f"{rule.fault}-{rule.status}-{rule.text}"[:40]
)
async def test_whatever_a_provider_does(told: Told, rule: Rule) -> None:
    """However an order and its questions end, nothing that was told has the canary, and
    what the reseller was answered has no word of the provider's."""
    house = told.house
    async with house.running() as world:
        house.panel.set_fault(rule)
        answered = await bought(house, world)
        said = await told.everything(world)
    assert '"action":"add"' in said
    assert not any(word in answered for word in (CANARY, KEY, "Not for", "gulf"))
    assert leaks(told, said) == [], "\n".join(leaks(told, said))


def leaks(told: Told, said: str) -> list[str]:
    """The lines that say what they should not."""
    secrets = told.secrets()
    return [line for line in said.splitlines() if any(secret in line for secret in secrets)]


class Careless:
    """A client for providers that fails, and says with what it was called."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if not inspect.iscoroutinefunction(known := getattr(self._real, name)):
            return known

        async def fail(*given: object, **named: object) -> None:
            quoted = [getattr(one, "params", one) for one in given]
            said = f"{name} {quoted} {named} {KEY}"
            raise RuntimeError(said) from KeyError(repr(quoted))

        return fail


async def test_a_bug_of_our_own(told: Told) -> None:
    """An exception that quotes what it was given tells nothing of it, wherever it is logged."""
    house = told.house
    async with house.running() as world:
        real, world.upstream = world.upstream, Careless(world.upstream)
        await bought(house, world)
        said = await told.everything(world)
        world.upstream = real
    assert "RuntimeError" in said
    assert leaks(told, said) == [], "\n".join(leaks(told, said))


async def test_a_bug_at_an_order_of_the_queue(told: Told) -> None:
    """Nor does an order that fails long after its request, in a task that no request began."""
    house = told.house
    async with house.running() as world:
        house.panel.set_fault(
            Rule(Fault.SERVER_ERROR, status=503, text="Service temporarily unavailable")
        )
        for params in BUYING.values():
            assert "order" in await house.ask("add", **params)
        real, world.upstream = world.upstream, Careless(world.upstream)
        await settled(lambda: '"placing_failed"' in told.log.getvalue())
        said = await told.everything(world)
        world.upstream = real
    assert leaks(told, said) == [], "\n".join(leaks(told, said))


async def test_a_configuration_that_is_refused(told: Told) -> None:
    """Nor do the mistakes of a reload, on any page or in any alert."""
    house = told.house
    async with house.running() as world:
        house.write(providers={"gulf": house.gulf(key=f"{CANARY}-key", rate_limit=CANARY * 30)})
        assert not await house.reload(world)
        said = await told.everything(world)
    assert "config_rejected" in said
    assert f"{CANARY}-key" not in said


async def test_the_canary_got_there(told: Told) -> None:
    """The panel did get all of it, so that not seeing it elsewhere means something."""
    house = told.house
    async with house.running() as world:
        await bought(house, world)
    got = [record["params"] for record in house.panel.log()]
    assert [one.get("link") for one in got] == [LINK, LINK]
    assert CANARY in got[1]["comments"]
