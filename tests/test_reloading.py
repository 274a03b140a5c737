"""A new configuration for a server that runs: whole, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from aggregator import bootstrap, config
from aggregator.actions import World
from aggregator.bootstrap import watching
from aggregator.core.model import Provider, State
from aggregator.ports import Setup
from aggregator.sandbox import Fault, PanelSettings, Rule, SandboxServer, builtin_dialect
from aggregator.store import doubts, meta, resellers, revisions, short_transaction
from aggregator.store.tx import Tx
from benchmarks.house import HOST, free_port
from tests.cli.support import configuration
from tests.fakes import START_MS, settled

LINK = "https://example.org/p"


class House:
    """A server with a reseller and a panel; ``text`` is what its configuration says."""

    def __init__(self, folder: Path, panel: SandboxServer, http: aiohttp.ClientSession) -> None:
        self.path = folder / "config.yaml"
        self.panel = panel
        self.http = http
        self.port, self.admin_port = free_port(), free_port()
        self.learned: list[str] = []
        self.alerts: list[dict[str, object]] = []
        self.source = bootstrap.Source(partial(config.load, self.path, {}), self.learned.extend)
        self.write()
        loaded = config.load(self.path, {})
        with short_transaction(loaded.server.database, loaded.setup.policy) as tx:
            self.key = resellers.add(tx, "shop", START_MS)
            resellers.credit(tx, "shop", 10**9, "test", START_MS)

    def configured(self, **changes: Any) -> dict[str, Any]:
        listening = {
            "listen": f"{HOST}:{self.port}",
            "admin_listen": f"{HOST}:{self.admin_port}",
            "database": str(self.path.with_name("test.db")),
        }
        return configuration(self.panel.url, **{**listening, **changes})

    def write(self, **changes: Any) -> None:
        self.path.write_text(yaml.safe_dump(self.configured(**changes), sort_keys=False))

    def service(self, **changes: Any) -> dict[int, Any]:
        return {1: self.configured()["services"][1] | changes}

    def gulf(self, **changes: Any) -> dict[str, Any]:
        return self.configured()["providers"]["gulf"] | changes

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        loaded = config.load(self.path, {})
        async with bootstrap.running(loaded, source=self.source) as world:
            ring = world.ring
            world.ring = lambda event: (self.alerts.append(dict(event)), ring(event))[1]
            yield world

    async def ask(self, action: str, **params: str) -> Any:
        data = {"key": self.key, "action": action, **params}
        async with self.http.post(f"http://{HOST}:{self.port}/api/v2", data=data) as answer:
            return await answer.json()

    async def buy(self, **params: str) -> Any:
        return await self.ask("add", service="1", link=LINK, quantity="1000", **params)

    async def ready(self) -> dict[str, Any]:
        async with self.http.get(f"http://{HOST}:{self.admin_port}/readyz") as answer:
            found: dict[str, Any] = await answer.json()
            return found | {"status": answer.status}

    async def metrics(self, token: str) -> int:
        """The status of the page."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://{HOST}:{self.admin_port}/metrics"
        async with self.http.get(url, headers=headers) as answer:
            return answer.status

    async def reload(self, world: World, **changes: Any) -> bool:
        """Whether it was taken; the reload is over by then."""
        before = reloads(world)
        if changes:
            self.write(**changes)
        self.source.asked.set()
        await settled(lambda: reloads(world) > before)
        return bool(sample(world, "aggregator_config_reload_ok"))


def sample(world: World, name: str, **labels: str) -> float:
    return world.metrics.registry.get_sample_value(name, labels) or 0.0


def shown(world: World, provider: str) -> float | None:
    """What the metrics tell of a provider."""
    name = "aggregator_provider_usable"
    return world.metrics.registry.get_sample_value(name, {"provider": provider})


def reloads(world: World) -> float:
    results = ("ok", "refused")
    return sum(sample(world, "aggregator_config_reloads_total", result=one) for one in results)


def full_disk(tx: Tx) -> None:
    tx.run(
        "CREATE TRIGGER full BEFORE INSERT ON config_revisions"
        " BEGIN SELECT RAISE(ABORT, 'full'); END"
    )


def using(setup: Setup, gulf: Provider) -> Setup:
    return replace(setup, providers={**setup.providers, "gulf": gulf})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = PanelSettings(stage_s=None)
    async with (
        SandboxServer(builtin_dialect("smmgulf"), settings) as panel,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        yield House(tmp_path, panel, http)


async def test_everything_is_taken_at_once(house: House) -> None:
    """Prices, services, faces and secrets are new from the next request on."""
    async with house.running() as world:
        first = world.setup.revision
        services = house.service(rate="1.30") | {2: house.service(name="Other")[1]}
        said = house.path.with_name("said")
        house.path.with_name("token").write_text("admin-token")
        assert await house.metrics("admin-token") == 403
        taken = await house.reload(
            world,
            admin_token_file="token",
            alert_command=["tee", "-a", str(said)],
            services=services,
            providers={"gulf": house.gulf(key="new-sandbox-key")},
            faces={"/new": "standard", "/api/v2": "standard"},
        )
        assert taken
        told = await house.ask("services")
        assert [(one["name"], one["rate"]) for one in told] == [
            ("Followers", "1.30"),
            ("Other", "1.20"),
        ]
        assert house.learned == ["new-sandbox-key", "admin-token"]
        assert await house.metrics("admin-token") == 200
        world.alert("something")
        await settled(lambda: said.exists() and "something" in said.read_text())
        async with house.http.post(f"http://{HOST}:{house.port}/new") as answer:
            assert answer.status == 200
        ready = await house.ready()
        assert ready["revision"] == world.setup.revision != first
        assert ready["reload"]["ok"]
        since = partial(revisions.since_ms, revision=first, at_ms=10**15)
        assert await world.store.read(since) is not None  # type: ignore[attr-defined]


async def test_a_mistake_changes_nothing(house: House) -> None:
    """The old configuration stays; log, alert, metric and /readyz say what is wrong, where."""
    async with house.running() as world:
        before = world.setup
        assert sample(world, "aggregator_config_reload_ok") == 1
        wrong = house.service(rate="cheap", routes=[{"provider": "gluf", "service": 1}])
        assert not await house.reload(world, services=wrong)
        assert world.setup is before
        assert (await house.ask("services"))[0]["rate"] == "1.20"
        ready = await house.ready()
        assert (ready["status"], ready["revision"]) == (200, before.revision)
        assert not ready["reload"]["ok"]
        one, two = ready["reload"]["mistakes"]
        assert one.startswith(f"{house.path}:12: services.1.rate: ")
        assert "no provider 'gluf' (did you mean 'gulf'?)" in two
        (alert,) = house.alerts
        assert (alert["event"], alert["mistakes"]) == ("config_rejected", [one, two])
        house.path.unlink()
        assert not await house.reload(world)
        assert await house.reload(world, services=house.service(rate="1.40"))
        assert (await house.ask("services"))[0]["rate"] == "1.40"
        assert "mistakes" not in (await house.ready())["reload"]


async def test_what_takes_a_restart_is_told(house: House) -> None:
    """An address or a database stays as it was, with a warning; all the rest is taken."""
    async with house.running() as world:
        other = str(house.path.with_name("other.db"))
        changes = {"listen": f"{HOST}:1", "database": other, "first_order_id": 900}
        assert await house.reload(world, **changes, services=house.service(rate="1.50"))
        assert (await house.ask("services"))[0]["rate"] == "1.50"
        warnings = (await house.ready())["reload"]["warnings"]
        assert [line.split(": ")[1] for line in warnings] == [
            "listen",
            "database",
            "first_order_id",
        ]
        assert all("takes a restart" in line for line in warnings)


@pytest.mark.parametrize("key", ["paused", "retired"])
async def test_a_provider_is_paused_at_once(house: House, key: str) -> None:
    """The next order finds no route there; what it holds is still asked after."""
    async with house.running() as world:
        assert (await house.buy())["order"]
        services = house.service(routes=[{"provider": "gulf", "service": 1}])
        other = {"other": house.gulf()} if key == "retired" else {}
        if other:
            services[1]["routes"].append({"provider": "other", "service": 1})
            other["other"]["paused"] = True
        providers = {"gulf": house.gulf(**{key: True}), **other}
        assert await house.reload(world, providers=providers, services=services)
        assert await house.buy() == {"error": "Service temporarily unavailable"}
        assert "status" in await house.ask("status", order="1")


async def test_a_service_is_disabled_at_once(house: House) -> None:
    """It is neither listed nor sold."""
    async with house.running() as world:
        assert await house.reload(world, services=house.service(enabled=False))
        assert await house.ask("services") == []
        assert "error" in await house.buy()


async def test_a_provider_with_open_orders_stays(house: House) -> None:
    """It can be neither removed nor made another panel, step by step neither; once its
    orders have ended it can be removed."""
    async with house.running() as world:
        await house.buy()
        renamed = {"services": {}, "providers": {"other": house.gulf()}}
        assert not await house.reload(world, **renamed)
        (line,) = (await house.ready())["reload"]["mistakes"]
        assert "'gulf' has 1 open order: put it back, with retired: true" in line
        moved = house.gulf(url=f"{house.panel.url}/")
        assert await house.reload(world, providers={"gulf": moved})
        both = {"gulf": moved | {"key": "another"}}
        assert not await house.reload(world, providers=both)
        await world.store.write(  # type: ignore[attr-defined]
            lambda tx: tx.run(
                "UPDATE orders SET state = 'completed', ended_at_ms = 1, next_check_at_ms = NULL"
            )
        )
        assert not await house.reload(world, providers=both)
        (line,) = (await house.ready())["reload"]["mistakes"]
        assert "it has orders of its own since the first of them was sold: give the new" in line
        assert await house.reload(world, **renamed)
        assert world.setup.providers.keys() == {"other"}
        await world.store.write(  # type: ignore[attr-defined]
            lambda tx: tx.run("UPDATE orders SET state = 'placed', ended_at_ms = NULL")
        )


async def test_an_order_under_way_ends_as_it_began(house: House) -> None:
    """Its price and its revision are those of the moment at which it was sold, and its
    provider cannot go meanwhile."""
    async with house.running() as world:
        first = world.setup.revision
        house.panel.set_fault(Rule(Fault.SLOW, action="add", seconds=0.5))
        buying = asyncio.create_task(house.buy())
        await settled(lambda: bool(house.panel.log()))
        assert await house.reload(world, services=house.service(rate="9.99"))
        renamed = {"services": {}, "providers": {"other": house.gulf()}}
        assert not await house.reload(world, **renamed)
        answer = await buying
        await settled(lambda: not world.tasks)
        order = (await world.store.orders([answer["order"]]))[answer["order"]]
        assert order.state is State.PLACED
        assert (order.rate_micros, order.config_revision) == (1_200_000, first)


async def test_an_order_on_its_way_keeps_its_provider(house: House) -> None:
    """What is being opened at this moment is in no table yet: the reload is refused, and
    taken when it is asked for again."""
    async with house.running() as world:
        renamed = {"services": {}, "providers": {"other": house.gulf()}}
        await settled(lambda: shown(world, "gulf") is not None)
        with world.doubtful.flight("gulf"):
            assert not await house.reload(world, **renamed)
        (line,) = (await house.ready())["reload"]["mistakes"]
        assert line.endswith("an order is on its way there at this moment: reload again")
        assert await house.reload(world)
        assert world.setup.providers.keys() == {"other"}
        assert shown(world, "gulf") is None


async def test_nothing_leaves_while_it_is_remembered(house: House) -> None:
    """What is ordered right then does not go to the panel that leaves: the reload is taken,
    and from then on everything is bought at the new one."""
    settings = PanelSettings(stage_s=None, keys=frozenset({"another"}))
    async with (
        SandboxServer(builtin_dialect("smmgulf"), settings) as new,
        house.running() as world,
    ):
        await settled(lambda: "gulf" in world.catalogue)
        house.panel.set_fault(Rule(Fault.SLOW, action="add", seconds=0.5))
        store: Any = world.store
        write, sold = store.write, []

        async def selling(script: Any, **how: Any) -> Any:
            done = await write(script, **how)
            if not sold and "new" in getattr(script, "keywords", {}):
                sold.append(asyncio.create_task(house.buy()))
                await settled(lambda: world.doubtful.flying["gulf"] > 0 or sold[0].done())
            return done

        store.write = selling
        other = {"gulf": house.gulf(url=new.url, key="another")}
        assert await house.reload(world, providers=other)
        await sold[0]
        assert "order" in await house.buy()
        await settled(lambda: bool(new.log()))
        assert house.panel.log() == []


async def test_another_server_was_reloaded_first(house: House) -> None:
    """Under a name that is another panel's at a server that was reloaded nothing is bought
    at one that was not, until they agree; the operator is told once."""
    async with house.running() as world:
        store: Any = world.store
        old = world.setup
        moved = replace(old.providers["gulf"], url="https://moved.example/api")
        await store.write(partial(bootstrap.remember, setup=using(old, moved), now_ms=START_MS))
        await watching.watch_panels(world, store)
        assert world.doubtful.why_closed("gulf") is None
        another = using(old, replace(moved, key="another"))
        await store.write(partial(bootstrap.remember, setup=another, now_ms=START_MS))
        await settled(lambda: world.doubtful.why_closed("gulf") is not None)
        await watching.watch_panels(world, store)
        await house.buy()
        assert house.panel.log() == []
        told = [one for one in house.alerts if one["event"] == "panel_changed_elsewhere"]
        assert [one["provider"] for one in told] == ["gulf"]
        await store.write(partial(bootstrap.remember, setup=old, now_ms=START_MS))
        await settled(lambda: world.doubtful.why_closed("gulf") is None)
        await house.buy()
        await settled(lambda: bool(house.panel.log()))


async def test_a_price_below_cost_is_told(house: House) -> None:
    """A rate that makes a loss is told when it is read, and no order is placed at it."""
    async with house.running() as world:
        await settled(lambda: "gulf" in world.catalogue)
        house.alerts.clear()
        assert await house.reload(world, services=house.service(rate="0.00001"))
        await settled(lambda: bool(house.alerts))
        assert [one["event"] for one in house.alerts] == ["routes_at_loss"]
        assert "error" in await house.buy()
        assert house.panel.log() == []


async def test_a_full_disk_leaves_the_old_one(house: House) -> None:
    """What cannot be remembered is not used: after a restart nobody would know of it."""
    async with house.running() as world:
        before = world.setup
        await world.store.write(full_disk)  # type: ignore[attr-defined]
        assert not await house.reload(world, services=house.service(rate="2.00"))
        assert world.setup is before
        (line,) = (await house.ready())["reload"]["mistakes"]
        assert line


async def test_what_is_refused_forgets_nothing(house: House) -> None:
    """That somebody else was caught ordering is forgotten by a reload that takes back
    ``exclusive_account``, and by none that is refused."""
    house.write(providers={"gulf": house.gulf(exclusive_account=True)})
    known = partial(meta.get, key="provider/gulf/not_exclusive")
    shared = {"gulf": house.gulf(exclusive_account=False)}
    async with house.running() as world:
        store: Any = world.store
        await store.write(partial(doubts.not_exclusive, provider="gulf", orphans=["77"]))
        await store.write(full_disk)
        assert not await house.reload(world, providers=shared)
        assert await store.read(known) == "77"
        await store.write(lambda tx: tx.run("DROP TRIGGER full"))
        assert await house.reload(world)
        assert await store.read(known) is None
