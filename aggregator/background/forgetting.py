"""Forgets what need not be kept: request IDs after a week, and what ``retention:`` says.
And gives up refills whose provider has been gone for a month: nobody will ever tell of them.
"""

import structlog

from aggregator.actions import World, refills
from aggregator.core.retention import Rule, ended_before_ms

REQUESTS_KEPT_MS = 7 * 24 * 3_600_000  # at least 72 h are promised
UNASKED_MS = 30 * 24 * 3_600_000  # a provider that is back before finds its refills waiting
PIECES = 500  # of a rule at a time; the rest comes with the next turn

log = structlog.get_logger(__name__)


async def forget(world: World) -> None:
    if not world.patient:
        return
    now_ms = world.clock.now_ms()
    await world.store.forget_requests(now_ms - REQUESTS_KEPT_MS)
    await _give_up_refills(world, now_ms)
    for rule in Rule:
        before_ms = ended_before_ms(world.setup.policy, rule, now_ms)
        if before_ms is not None:
            await _forget(world, rule, before_ms)


async def _give_up_refills(world: World, now_ms: int) -> None:
    answering = [name for name in world.setup.providers if refills.offers(world, name)]
    if given_up := await world.store.abandon_refills(answering, now_ms - UNASKED_MS):
        log.warning("refills_given_up", refills=given_up)


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
