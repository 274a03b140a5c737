"""Asks after orders whose time has come. A provider that is silent is asked later."""

from collections import defaultdict

from aggregator.actions import World
from aggregator.actions.refresh import refresh
from aggregator.core import settlement

AT_ONCE = 1000
TIMEOUT_S = 30.0


async def poll(world: World) -> None:
    orders = await world.store.due(world.clock.now_ms(), AT_ONCE)
    if not orders:
        return
    fresh = await refresh(world, orders, timeout_s=TIMEOUT_S)
    now_ms, policy = world.clock.now_ms(), world.setup.policy
    later: dict[int | None, list[int]] = defaultdict(list)
    for order in orders:
        if order.id not in fresh:
            later[settlement.next_check(order, now_ms, policy)].append(order.id)
    for next_check_at_ms, ids in later.items():
        await world.store.check_later(ids, next_check_at_ms)
