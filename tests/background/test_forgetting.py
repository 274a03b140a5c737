"""Forgetting goes by the configuration of the moment, and waits until we know the news."""

from dataclasses import replace

from aggregator.background import forgetting
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Policy, Retention
from aggregator.core.outcome import Placed
from tests.actions.conftest import Shop
from tests.fakes import settled

DAY_S = 86_400


async def completed(shop: Shop) -> None:
    """Order 1, bought and delivered."""
    shop.upstream.outcomes["alpha"].append(Placed("5"))
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    shop.upstream.statuses["alpha", "5"] = OrderStatus("Completed")
    await shop("status", order="1")


async def test_links_go_when_their_time_has_come(shop: Shop) -> None:
    """An order's link is kept as long as `retention:` says, for good where it says nothing."""
    await completed(shop)
    shop.clock.pass_s(60 * DAY_S)
    await forgetting.forget(shop.world)
    assert "link" in (await shop.order()).params
    policy = Policy(retention=Retention(links_s=90 * DAY_S))
    shop.world.setup = replace(shop.world.setup, policy=policy)
    await forgetting.forget(shop.world)
    assert "link" in (await shop.order()).params
    shop.clock.pass_s(30 * DAY_S + 60)
    await forgetting.forget(shop.world)
    assert dict((await shop.order()).params) == {"quantity": "1000"}


async def test_it_waits_after_a_start(shop: Shop) -> None:
    """A server that has just started forgets nothing yet."""
    policy = Policy(retention=Retention(1, 1, 1), watch_ended_s=0)
    shop.world.setup = replace(shop.world.setup, policy=policy)
    await completed(shop)
    shop.clock.pass_s(60)
    await forgetting.forget(shop.world)
    assert await shop.store.rows("events", order_id=1)
    shop.clock.pass_s(600)
    await forgetting.forget(shop.world)
    assert not await shop.store.rows("events", order_id=1)
