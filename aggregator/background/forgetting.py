"""Forgets what need not be kept: request IDs after a week, and what ``retention:`` says."""

import structlog

from aggregator.actions import World
from aggregator.core.retention import Rule, ended_before_ms

REQUESTS_KEPT_MS = 7 * 24 * 3_600_000  # at least 72 h are promised
PIECES = 500  # of a rule at a time; the rest comes with the next turn

log = structlog.get_logger(__name__)


async def forget(world: World) -> None:
    if not world.patient:
        return
    now_ms = world.clock.now_ms()
    await world.store.forget_requests(now_ms - REQUESTS_KEPT_MS)
    for rule in Rule:
        before_ms = ended_before_ms(world.setup.policy, rule, now_ms)
        if before_ms is not None:
            await _forget(world, rule, before_ms)


async def _forget(world: World, rule: Rule, before_ms: int) -> None:
    """In pieces, each a transaction: orders must not wait for it."""
    orders = 0
    for _ in range(PIECES):
        done = await world.store.forget(rule, before_ms)
        if not done:
            break
        orders += done
    if orders:
        log.info("forgotten", what=rule.value, orders=orders)
