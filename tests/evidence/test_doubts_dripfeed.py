"""A panel that numbers its drip-feeds apart, over real sockets: which of two orders with the
same number is meant, the settling of doubts must never mix up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from aggregator import config, dialects
from aggregator.actions import Desk, World
from aggregator.background import Doubts, polling
from aggregator.core.messages import Command
from aggregator.core.model import Order, State
from aggregator.dialects import BUILTIN, Dialect, build_all
from aggregator.sandbox import KEY, Fault, PanelSettings, Rule, SandboxServer
from aggregator.store import SqliteStore, open_store, resellers
from aggregator.store.verify import verify
from aggregator.upstream import UpstreamClient
from benchmarks.doubts_real import TurnedClock

APART = {
    "extends": "standard",
    "dripfeed": {"interval": "interval", "status": {"type": "dripfeed"}},
}
RUNS = {"runs": "2", "interval": "5"}
PAST = 55


def dialect() -> Dialect:
    folder = resources.files(dialects)
    forms = {name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in BUILTIN}
    return build_all(forms | {"apart": APART})[0]["apart"]


def configuration(url: str) -> dict[str, Any]:
    sold = {"category": "Things", "rate": "2", "min": 10, "max": 10_000}
    return {
        "dialects": {"apart": APART},
        "providers": {
            "panel": {
                "url": url,
                "key": KEY,
                "currency": "USD",
                "dialect": "apart",
                "exclusive_account": True,
                "slack": 20,
            }
        },
        "services": {
            1: {
                **sold,
                "name": "Drip",
                "dripfeed": True,
                "routes": [{"provider": "panel", "service": "1", "cost": "0.90"}],
            },
            2: {
                **sold,
                "name": "Plain",
                "routes": [{"provider": "panel", "service": "19", "cost": "0.40"}],
            },
        },
    }


@dataclass
class Shop:
    panel: SandboxServer
    world: World
    desk: Desk
    doubts: Doubts
    store: SqliteStore
    clock: TurnedClock
    key: str
    sold: int = 0

    async def buy(self, quantity: int, rule: Rule | None = None, **runs: str) -> int:
        """A drip-feed where ``runs`` are given, else an order of the other service."""
        self.sold += 1
        self.panel.set_fault(*([rule] if rule else []))
        given = {"service": "1" if runs else "2", "link": f"https://x.example/{self.sold}"}
        command = Command("add", {**given, "quantity": str(quantity), **runs})
        added = await self.desk.carry_out(self.key, command, None, "127.0.0.1")
        while self.world.tasks:
            await asyncio.wait(set(self.world.tasks))
        self.panel.set_fault()
        self.clock.ms += 1_000
        return int(added.order)  # type: ignore[union-attr]

    async def live(self, seconds: int) -> None:
        until_ms = self.clock.ms + seconds * 1_000
        while self.clock.ms < until_ms:
            await self.buy(20)
            await self.buy(10, **RUNS)
            for _ in range(4):
                await self.doubts.settle()
                self.clock.ms += 4_000

    async def order(self, order_id: int) -> Order:
        return (await self.store.orders([order_id]))[order_id]

    def bought(self, order: Order) -> str | None:
        """The number that the panel gave it, if it took it."""
        numbers = [
            str(record["order"])
            for record in self.panel.log()
            if record["params"]["link"] == order.params["link"]
        ]
        return numbers[0] if numbers else None


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Shop]:
    settings = PanelSettings(stage_s=None, balance="1000000")
    async with SandboxServer(dialect(), settings) as panel:
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(configuration(panel.url)))
        loaded, clock = config.load(path, {}), TurnedClock()
        store = await open_store(loaded.server.database, loaded.setup.policy)
        assert isinstance(store, SqliteStore)
        key = await store.write(lambda tx: resellers.add(tx, "shop", clock.ms))
        await store.write(lambda tx: resellers.credit(tx, "shop", 10**9, "test", clock.ms))
        setup = loaded.setup
        try:
            async with UpstreamClient(setup.providers, setup.dialects, clock) as upstream:
                world = World(store, upstream, clock, setup, "boot")
                doubts = Doubts(world, store)
                await doubts.load(setup)
                yield Shop(panel, world, Desk(world), doubts, store, clock, key)
                await world.finish(5)
            assert await store.read(verify) == []
        finally:
            await store.close()


async def test_drip_feeds_numbered_apart_are_settled_among_themselves(tmp_path: Path) -> None:
    """A drip-feed that was bought is found by its own number, one that was not is given back,
    and an order with the same number in the other sequence is neither."""
    async with opened(tmp_path) as shop:
        for _ in range(PAST):
            await shop.buy(20)
            await shop.buy(10, **RUNS)
        shop.clock.ms += 3_600_000
        await polling.poll(shop.world)
        dripfeed = await shop.buy(300, Rule(Fault.DROP_AFTER, "add"), **RUNS)
        await shop.buy(10, **RUNS)
        plain = await shop.buy(500, Rule(Fault.DROP_AFTER, "add"))
        await shop.buy(20)
        lost = await shop.buy(200, Rule(Fault.DROP_BEFORE, "add"), **RUNS)
        await shop.live(600)
        found = {one: await shop.order(one) for one in (dripfeed, plain, lost)}
        states = {one: order.state for one, order in found.items()}
        assert states == {
            dripfeed: State.PLACED,
            plain: State.PLACED,
            lost: State.CANCELED,
        }
        for one in (dripfeed, plain):
            assert found[one].upstream_order_id == shop.bought(found[one])
        assert shop.bought(found[lost]) is None
        assert shop.bought(found[dripfeed]) == shop.bought(found[plain])
