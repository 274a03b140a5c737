"""Polling, cures, and the clockwork that runs them."""

import asyncio
from typing import Any

import pytest

from aggregator.background import Clockwork, Job, cures, jobs, polling
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.health import Health
from aggregator.core.messages import OrderStatus
from aggregator.core.model import State
from aggregator.core.outcome import Placed
from aggregator.store import resellers, short_transaction
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import service, settled, setup


async def test_the_poller_settles_what_is_due(shop: Shop) -> None:
    """A canceled order is refunded though no reseller ever asked."""
    shop.upstream.outcomes["alpha"].append(Placed("5"))
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    await polling.poll(shop.world)
    assert shop.upstream.asked == []
    shop.clock.pass_s(3600)
    shop.upstream.statuses["alpha", "5"] = OrderStatus("Canceled")
    await polling.poll(shop.world)
    assert (await shop.order()).state is State.CANCELED
    assert await shop.balances() == (MONEY, 0)


async def test_a_silent_provider_is_asked_later(shop: Shop) -> None:
    """Nobody answered: the order is not asked after again at once."""
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    shop.clock.pass_s(3600)
    await polling.poll(shop.world)
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == 1
    shop.clock.pass_s(3600)
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == 2


async def test_an_ended_order_that_nobody_knows_is_left_alone(shop: Shop) -> None:
    """Once its watch is over, silence does not make it be asked after for ever."""
    shop.upstream.outcomes["alpha"].append(Placed("5"))
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    shop.upstream.statuses["alpha", "5"] = OrderStatus("Completed")
    await shop("status", order="1")
    shop.upstream.statuses.clear()
    shop.clock.pass_s(80 * 3600)
    await polling.poll(shop.world)
    assert (await shop.order()).next_check_at_ms is None


async def test_one_provider_s_fault_costs_the_others_nothing(open_shop: OpenShop) -> None:
    """What breaks while one is asked leaves the others' answers as they are."""
    shop = await open_shop(setup(service(1, "alpha"), service(2, "beta")))
    for one in ("1", "2"):
        await shop.buy(service=one)
        await settled(lambda: not shop.world.tasks)

    good = (await shop.order(2)).upstream_order_id
    shop.upstream.statuses["beta", good] = OrderStatus("Completed")
    shop.upstream.broken.add("alpha")
    shop.clock.pass_s(3600)
    await polling.poll(shop.world)
    assert (await shop.order(2)).state is State.COMPLETED
    assert (await shop.order(1)).next_check_at_ms > shop.clock.now_ms()


async def test_only_paused_providers_are_asked_for_their_balance(shop: Shop) -> None:
    """Others are left alone, and a paused one is asked when its time has come."""
    now = shop.clock.now_ms()
    await cures.look(shop.world)
    shop.upstream.healths["alpha"] = Health(paused_for=ErrorClass.FUNDS, until_ms=now + 5000)
    await cures.look(shop.world)
    assert shop.upstream.asked == []
    shop.clock.pass_s(5)
    await cures.look(shop.world)
    assert [(one[0], one[1]) for one in shop.upstream.asked] == [("balance", "alpha")]


async def test_a_job_that_fails_runs_again() -> None:
    """One bad turn stops nothing."""
    turns = []

    async def work() -> None:
        turns.append(1)
        raise RuntimeError("once more")

    async with Clockwork([Job("bad", 0.0, work)]):
        await settled(lambda: len(turns) >= 3)
    assert len(turns) >= 3


def _elsewhere(shop: Shop) -> Job:
    return next(job for job in jobs(shop.world, shop.desk) if job.name == "elsewhere")


async def _disabled(shop: Shop) -> None:
    """As ``aggregator reseller disable`` does it, beside the server."""
    path = (await shop.store.rows("PRAGMA database_list"))[0]["file"]
    with short_transaction(path, shop.world.setup.policy) as tx:
        resellers.set_disabled(tx, "shop", True)


async def test_a_command_is_noticed(shop: Shop) -> None:
    """A key that another process withdrew is not accepted any more."""
    await shop("balance")
    await _disabled(shop)
    await _elsewhere(shop).work()
    with pytest.raises(ClientError, match="Unauthenticated"):
        await shop("balance")


async def test_a_key_that_was_being_read_is_noticed_too(shop: Shop) -> None:
    """What a request has read before the withdrawal is not remembered after it."""
    rows, read, heard = shop.store.rows, asyncio.Event(), asyncio.Event()

    async def slow(query: str, /, **params: Any) -> Any:
        found = await rows(query, **params)
        read.set()
        await heard.wait()
        return found

    shop.store.rows = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(shop("services"))
    await read.wait()
    shop.store.rows = rows  # type: ignore[method-assign]
    await _disabled(shop)
    await _elsewhere(shop).work()
    heard.set()
    await asking
    with pytest.raises(ClientError, match="Unauthenticated"):
        await shop("balance")


@pytest.mark.parametrize("asks", [True, False])
async def test_a_key_s_end_is_noticed(shop: Shop, asks: bool) -> None:
    """A key is believed for a minute at most: a retiring one ends at its time. Where nobody
    can ask what others have written it is five seconds."""
    await shop("balance")
    await shop.store.write(lambda tx: resellers.set_disabled(tx, "shop", True))
    for _ in range(11):
        await shop("balance")
        if not asks:
            break
        shop.clock.pass_s(5)
        await _elsewhere(shop).work()
    shop.clock.pass_s(5.1)
    with pytest.raises(ClientError, match="Unauthenticated"):
        await shop("balance")
