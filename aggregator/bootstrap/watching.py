"""What becomes of the orders of servers that died, this one before its start among them."""

import signal
from collections.abc import Sequence

import structlog

from aggregator.actions import World
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
