"""Asks after orders whose time has come, at each provider by itself.

Every provider has a loop of its own, so that one that is slow or dead keeps nobody
waiting but itself; it takes the orders that have been due for longest, so that none of
them starves another. Between two batches lies a gap, which leaves most of a provider's
rate to adds and to resellers, and spreads what has become due during a long stop.
The loops hold nothing that a restart would lose: when an order is due is on disk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from aggregator.actions import World
from aggregator.actions.refresh import FLIGHT_S, batch_size, refresh
from aggregator.core import pacing
from aggregator.core.model import Order

AT_ONCE = 4  # batches to one look into the database, and on their way at one provider
IDLE_S = 1.0

Pause = Callable[[str], Awaitable[None]]

log = structlog.get_logger(__name__)


async def keep_polling(world: World) -> None:
    """Never returns: a loop for each provider, as long as it is configured."""
    loops: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            for name in world.setup.providers:
                if name not in loops or loops[name].done():
                    loops[name] = asyncio.create_task(_loop(world, name), name=f"polling {name}")
            await asyncio.sleep(IDLE_S)
    finally:
        for task in loops.values():
            task.cancel()
        await asyncio.gather(*loops.values(), return_exceptions=True)


async def _loop(world: World, provider: str) -> None:
    """Ends with its provider's going."""
    while provider in world.setup.providers:
        try:
            await poll_provider(world, provider, partial(_pause, world))
        except Exception:
            log.exception("polling_failed", provider=provider)
        await asyncio.sleep(IDLE_S)


async def _pause(world: World, name: str) -> None:
    provider = world.setup.providers.get(name)
    await asyncio.sleep(pacing.gap_s(provider.rate_limit_per_minute if provider else None))


async def _no_pause(_provider: str) -> None:
    """For whoever wants a cycle as fast as it goes."""


async def poll(world: World) -> None:
    """One full cycle: every provider, until nothing is due that has not just been asked."""
    await asyncio.gather(*(poll_provider(world, name) for name in world.setup.providers))


async def poll_provider(world: World, provider: str, pause: Pause = _no_pause) -> None:
    """Asks after all that is due at one provider; stops early if it falls silent.

    ``pause`` comes before each batch.
    """
    asked: set[int] = set()
    while not (world.stopping or world.asking.orders.rests(provider)):
        orders = [one for one in await _due(world, provider) if one.id not in asked]
        if not orders:
            return
        asked = {one.id for one in orders}
        size = batch_size(world, provider)
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(orders), size):
                await pause(provider)
                batch = orders[start : start + size]
                group.create_task(refresh(world, batch, timeout_s=2 * FLIGHT_S))


async def _due(world: World, provider: str) -> list[Order]:
    """Those that are due, and those that will be so soon that they may come along; none
    before the first of them is."""
    now_ms = world.clock.now_ms()
    most = AT_ONCE * batch_size(world, provider)
    orders = await world.store.due(provider, now_ms + pacing.AHEAD_MS, most)
    first_ms = orders[0].next_check_at_ms if orders else None
    return orders if first_ms is not None and first_ms <= now_ms else []
