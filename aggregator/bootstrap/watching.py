"""What the server sees of itself: numbers for whoever watches, other servers' deaths."""

import signal
from collections.abc import Sequence

import structlog

from aggregator import telemetry
from aggregator.actions import World
from aggregator.core.model import State
from aggregator.store import ScriptedStore

log = structlog.get_logger(__name__)


async def recovered(world: World) -> None:
    """What a process that died was sending is in doubt now. An operator hears of it where
    it is not settled in time, as of every doubt (``core.doubt.ALERT_MS``)."""
    _told(await world.store.recover(world.boot_id, world.clock.now_ms()))


def _told(recovered: Sequence[int]) -> None:
    for order_id in recovered:
        log.warning("in_doubt", order=order_id, cause="the process died")


async def watch_others(world: World, database: ScriptedStore) -> None:
    """Other servers on the database may die; and may have taken this one for dead.

    Then it stops as if it were told to, and so it does when its disk has failed: what
    is on it must be read anew.
    """
    _told(await database.recover_others(world.clock.now_ms()))
    if database.lost is not None:
        signal.raise_signal(signal.SIGTERM)


async def count(world: World, database: ScriptedStore, metrics: telemetry.Metrics) -> None:
    """The numbers that somebody watching wants to see, into the metrics."""
    numbers = await database.numbers()
    oldest_ms = numbers.oldest_doubt_ms
    age_s = 0.0 if oldest_ms is None else (world.clock.now_ms() - oldest_ms) / 1000
    metrics.doubts_open(numbers.by_state[State.IN_DOUBT], age_s)
    metrics.queue_length(numbers.by_state[State.QUEUED])
    now_ms = world.clock.now_ms()
    for name, provider in world.setup.providers.items():
        health = world.upstream.health(name)
        metrics.provider_usable(name, provider.takes_orders and health.usable(now_ms))
        if health.balance_micros is not None:
            metrics.provider_balance(name, health.balance_micros / 1_000_000)
