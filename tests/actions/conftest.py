"""A world with a real store, a fake upstream and a clock that stands still."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aggregator.actions import Desk, World
from aggregator.core.messages import Command
from aggregator.ports import Setup
from aggregator.store import SqliteStore, open_store, resellers
from aggregator.store.verify import verify
from tests.fakes import START_MS, FakeClock, FakeUpstream, setup

MONEY = 10_000_000  # 10.00


class Shop:
    """A reseller at our desk: ``await shop("add", service="1", ...)``."""

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.desk = Desk(world)
        self.key = key
        self.address = "127.0.0.1"
        self.upstream: FakeUpstream = world.upstream  # type: ignore[assignment]
        self.clock: FakeClock = world.clock  # type: ignore[assignment]
        self.store: SqliteStore = world.store  # type: ignore[assignment]

    async def __call__(self, action: str, request_id: str | None = None, **params: str) -> Any:
        return await self.desk.carry_out(
            self.key, Command(action, params), request_id, self.address
        )

    async def buy(self, quantity: int = 1000, **params: str) -> Any:
        given = {"service": "1", "link": "https://a.example/p", "quantity": str(quantity)}
        return await self("add", **{**given, **params})

    async def order(self, order_id: int | str = 1) -> Any:
        return (await self.store.orders([int(order_id)]))[int(order_id)]

    async def balances(self) -> tuple[int, int]:
        """(available, held), in micros."""
        rows = await self.store.rows("SELECT available_micros a, held_micros h FROM accounts")
        return rows[0]["a"], rows[0]["h"]


OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_shop(tmp_path: Path) -> AsyncIterator[OpenShop]:
    """Opens a shop on a configuration; in the end the ledger must verify."""
    opened: list[Shop] = []

    async def make(given: Setup | None = None, money: int = MONEY) -> Shop:
        config = given or setup()
        store = await open_store(str(tmp_path / "test.db"), config.policy)
        key = await store.write(lambda tx: resellers.add(tx, "shop", START_MS))
        if money:
            await store.write(lambda tx: resellers.credit(tx, "shop", money, "test", START_MS))
        world = World(store, FakeUpstream(), FakeClock(), config, "boot", draw=lambda: 0.5)
        opened.append(Shop(world, key))
        return opened[-1]

    yield make
    for shop in opened:
        await shop.world.finish(5)
        assert await shop.store.read(verify) == []
        await shop.store.close()


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shop:
    return await open_shop()
