"""Other servers on the same database, and this one before its start: what became of the
orders of those that died, and what they have been told of providers."""

import signal
from collections.abc import Sequence

import structlog

from aggregator import config
from aggregator.actions import World
from aggregator.bootstrap.memory import in_use
from aggregator.store import ScriptedStore

CHANGED = "another server has another panel under that name: reload this one too"
_TOLD = "panel_changed_elsewhere"

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


async def watch_panels(world: World, database: ScriptedStore) -> None:
    """Servers are reloaded one after the other. Until it is its turn, this one buys nothing
    under a name that is another panel's by now: the others would ask that one after it."""
    setup = world.setup
    used = await database.read(in_use)
    if world.setup is not setup or world.doubtful.leaving:
        return  # a reload of our own is under way
    world.doubtful.elsewhere = {
        name: CHANGED
        for name, provider in setup.providers.items()
        if name in used and config.is_another(provider, used[name])
    }
    gone = [one for one in world.told if one[0] == _TOLD and one[1] not in world.doubtful.elsewhere]
    world.told.difference_update(gone)
    for name, why in world.doubtful.elsewhere.items():
        world.alert_once((_TOLD, name), "panel_changed_elsewhere", provider=name, why=why)
