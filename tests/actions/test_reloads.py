"""Actions while the configuration is replaced under them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from aggregator.core.model import Provider, State
from aggregator.core.outcome import NotSent
from aggregator.ports import Setup
from tests.actions.conftest import OpenShop, Shop
from tests.fakes import provider, service, settled, setup

ALPHA = provider("alpha")


def renewed(before: Setup, providers: Sequence[Provider]) -> Setup:
    """The next revision, with other providers and a price of its own."""
    dear = {number: replace(one, rate_micros=10**9) for number, one in before.services.items()}
    return replace(
        before, revision="r2", providers={one.name: one for one in providers}, services=dear
    )


async def sold(shop: Shop, providers: Sequence[Provider]) -> None:
    """An order is sold, and the configuration replaced before it is sent."""
    flying = shop.world.doubtful.flying
    task = asyncio.create_task(shop.buy())
    while flying["alpha"] == 0:  # noqa: ASYNC110 - it flies but for a moment
        await asyncio.sleep(0)
    shop.world.setup = renewed(shop.world.setup, providers)
    await task
    await settled(lambda: not shop.world.tasks)


async def test_a_panel_that_moved_gets_the_order_at_its_old_price(shop: Shop) -> None:
    """The order is sent to where the panel is now; sold is sold."""
    await sold(shop, [replace(ALPHA, url="https://moved.example/api"), provider("beta")])
    order = await shop.order()
    assert (order.state, order.rate_micros, order.config_revision) == (
        State.PLACED,
        1_000_000,
        "r1",
    )


@pytest.mark.parametrize(
    "providers",
    [
        [provider("beta")],
        [replace(ALPHA, url="https://other.example/api", key="other"), provider("beta")],
    ],
)
async def test_an_order_never_goes_to_another_panel(
    shop: Shop, providers: Sequence[Provider]
) -> None:
    """Its route was chosen for a panel that is gone: nothing is sent, it waits in the queue."""
    await sold(shop, providers)
    assert shop.upstream.sent == []
    assert (await shop.order()).state is State.QUEUED
    attempts = await shop.store.attempts(1)
    assert {one.cause for one in attempts} == {"the provider was changed meanwhile"}


async def test_a_next_route_that_is_gone_is_not_taken(open_shop: OpenShop) -> None:
    """What is left of an order's routes is held against the configuration of the moment."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    hold = asyncio.Event()
    shop.upstream.outcomes["alpha"] += [hold, *[NotSent("no route to host")] * 9]
    task = asyncio.create_task(shop.buy())
    await settled(lambda: bool(shop.upstream.sent))
    shop.world.setup = renewed(shop.world.setup, [ALPHA])
    hold.set()
    await task
    await settled(lambda: not shop.world.tasks)
    assert {one.provider for one in shop.upstream.sent} == {"alpha"}
    assert (await shop.order()).state is State.QUEUED
