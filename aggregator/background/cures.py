"""Paused providers: a ``balance`` read shows whether money or key are there again."""

import asyncio

import structlog

from aggregator.actions import World

TIMEOUT_S = 15.0

log = structlog.get_logger(__name__)


async def look(world: World) -> None:
    now_ms = world.clock.now_ms()
    due = [
        name for name in world.setup.providers if world.upstream.health(name).wants_balance(now_ms)
    ]
    await asyncio.gather(*(_ask(world, name) for name in due))


async def _ask(world: World, provider: str) -> None:
    """The upstream itself keeps what a balance read means for the health."""
    await world.upstream.balance(provider, timeout_s=TIMEOUT_S)
    if world.upstream.health(provider).paused_for is None:
        log.info("provider_cured", provider=provider)
