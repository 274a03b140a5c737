"""Asks after orders and refills whose time has come, at each provider by itself.

Every provider has a loop of its own, so that one that is slow or dead keeps nobody
waiting but itself; it takes the orders that have been due for longest, so that none of
them starves another. Between two batches lies a gap, which leaves most of a provider's
rate to adds and to resellers, and spreads what has become due during a long stop.
The loops hold nothing that a restart would lose: when an order is due is on disk.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import structlog

from aggregator.actions import World, refills
from aggregator.actions.flights import Flights
from aggregator.actions.refresh import FLIGHT_S, refresh
from aggregator.core import pacing

AT_ONCE = 4  # batches to one look into the database, and on their way at one provider
IDLE_S = 1.0
PATIENCE_S = 2 * FLIGHT_S  # every flight has landed by then

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
    await _ask_all(
        Round(
            world,
            provider,
            world.asking.orders,
            world.upstream.batch_size(provider, "status"),
            partial(world.store.due, provider),
            partial(refresh, world, timeout_s=PATIENCE_S),
        ),
        pause,
    )
    if not refills.offers(world, provider):
        return
    await _ask_all(
        Round(
            world,
            provider,
            world.asking.refills,
            world.upstream.batch_size(provider, "refill_status"),
            partial(world.store.due_refills, provider),
            partial(refills.refresh_refills, world, timeout_s=PATIENCE_S),
        ),
        pause,
    )


class Due(Protocol):
    """An order or a refill."""

    @property
    def id(self) -> int: ...

    @property
    def next_check_at_ms(self) -> int | None: ...


Item = TypeVar("Item", bound=Due)


@dataclass(frozen=True, slots=True)
class Round(Generic[Item]):
    """What is asked after at a provider, in batches of ``size``."""

    world: World
    provider: str
    flights: Flights[Item]
    size: int
    due: Callable[[int, int], Awaitable[list[Item]]]
    ask: Callable[[Sequence[Item]], Coroutine[Any, Any, None]]

    async def next(self) -> list[Item]:
        """What is due, and what will be so soon that it may come along; nothing before the
        first of it is."""
        now_ms = self.world.clock.now_ms()
        found = await self.due(now_ms + pacing.AHEAD_MS, AT_ONCE * self.size)
        first_ms = found[0].next_check_at_ms if found else None
        return found if first_ms is not None and first_ms <= now_ms else []


async def _ask_all(one: Round[Item], pause: Pause) -> None:
    asked: set[int] = set()
    while not (one.world.stopping or one.flights.rests(one.provider)):
        items = [item for item in await one.next() if item.id not in asked]
        if not items:
            return
        asked = {item.id for item in items}
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(items), one.size):
                await pause(one.provider)
                batch = items[start : start + one.size]
                group.create_task(one.ask(batch))
