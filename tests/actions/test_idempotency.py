"""A request ID buys once, and is answered with the same bytes for ever after."""

import asyncio

import pytest

from aggregator.actions import World
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.messages import Added
from aggregator.core.model import State
from aggregator.core.outcome import Placed, Rejected
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import FakeUpstream, settled

BUY = {"service": "1", "link": "https://a.example/p", "quantity": "1000"}


async def test_repeats_in_flight_join(shop: Shop) -> None:
    """However many ask at once, one order is placed, and all get its ID."""
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow, Placed("5")])
    repeats = [asyncio.create_task(shop("add", "r1", **BUY)) for _ in range(20)]
    await settled(lambda: bool(shop.upstream.sent))
    slow.set()
    assert await asyncio.gather(*repeats) == [Added("1")] * 20
    assert len(shop.upstream.sent) == 1


async def test_a_repeat_afterwards_gets_the_same_answer(shop: Shop) -> None:
    """The store remembers what the memory has forgotten."""
    first = await shop("add", "r1", **BUY)
    await settled(lambda: not shop.world.tasks)
    assert await shop("add", "r1", **BUY) == first
    assert len(shop.upstream.sent) == 1
    assert await shop("add", "r2", **BUY) == Added("2")


async def test_a_refusal_is_remembered_too(shop: Shop) -> None:
    """The first answer decides for all, also when it was an error."""
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.LINK))
    for _ in range(3):
        with pytest.raises(ClientError, match="Incorrect link"):
            await shop("add", "r1", **BUY)
        await settled(lambda: not shop.world.tasks)
    assert len(shop.upstream.sent) == 1


async def test_two_servers_give_one_answer(shop: Shop) -> None:
    """A repeat that another server answers with the ID decides: the first gets it too,
    though the provider refused, and the order ends as canceled."""
    world = shop.world
    other = Shop(World(shop.store, FakeUpstream(), shop.clock, world.setup, "other"), shop.key)
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow, Rejected(ErrorClass.LINK)])
    first = asyncio.create_task(shop("add", "r1", **BUY))
    await settled(lambda: bool(shop.upstream.sent))
    assert await other("add", "r1", **BUY) == Added("1")
    slow.set()
    assert await first == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert await other("add", "r1", **BUY) == await shop("add", "r1", **BUY) == Added("1")
    assert (await shop.order()).state is State.CANCELED
    assert await shop.balances() == (MONEY, 0)


async def test_other_parameters_are_refused(shop: Shop) -> None:
    """The same ID for something else is a mistake of the client's, in flight or later."""
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow])
    first = asyncio.create_task(shop("add", "r1", **BUY))
    await settled(lambda: bool(shop.upstream.sent))
    with pytest.raises(ClientError, match="request_id reused with different parameters"):
        await shop("add", "r1", **{**BUY, "quantity": "999"})
    slow.set()
    await first
    await settled(lambda: not shop.world.tasks)
    with pytest.raises(ClientError, match="request_id reused with different parameters"):
        await shop("add", "r1", **{**BUY, "quantity": "999"})


async def test_what_was_refused_before_it_was_written_is_not_remembered(
    open_shop: OpenShop,
) -> None:
    """Remembered from transaction 1 on: a reseller may pay in and repeat."""
    shop = await open_shop(money=0)
    with pytest.raises(ClientError, match="Insufficient balance"):
        await shop("add", "r1", **BUY)
    await settled(lambda: not shop.world.tasks)
    from aggregator.store import resellers

    await shop.store.write(lambda tx: resellers.credit(tx, "shop", 5_000_000, "", 1))
    assert await shop("add", "r1", **BUY) == Added("1")


async def test_a_very_long_request_id_works(shop: Shop) -> None:
    """What does not fit a column is remembered by its hash."""
    assert await shop("add", "x" * 5000, **BUY) == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert await shop("add", "x" * 5000, **BUY) == Added("1")
