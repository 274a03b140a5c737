"""The books, verified once a day while the server runs.

It is ``ledger verify``: one snapshot, read in a thread of its own over a connection of
its own, so that no order waits for it (a million orders take most of a minute). The
database remembers when that was, or a server that is restarted each night would never
come to it, and one that is restarted all day would do little else.
"""

from functools import partial

import structlog

from aggregator.actions import World
from aggregator.store import ScriptedStore, meta
from aggregator.store.tx import Tx
from aggregator.store.verify import verify

EVERY_MS = 24 * 3_600_000
_AT, _FOUND = "ledger/verified_at_ms", "ledger/violations"
_SHOWN = 3

log = structlog.get_logger(__name__)


class Audit:
    """``look`` tells the metrics when it was last, and does it where that is a day ago."""

    def __init__(self, world: World, database: ScriptedStore) -> None:
        self._world = world
        self._database = database

    async def look(self) -> None:
        found: tuple[int, int] | None = await self._database.read(last)
        at_ms, violations = found or (0, 0)
        self._world.metrics.ledger_verified(at_ms / 1000, violations)
        if self._world.patient and at_ms + EVERY_MS <= self._world.clock.now_ms():
            await self._verify()

    async def _verify(self) -> None:
        clock = self._world.clock
        began_s, now_ms = clock.monotonic(), clock.now_ms()
        found = await self._database.read(verify)
        await self._database.write(partial(_remember, now_ms=now_ms, count=len(found)))
        self._world.metrics.ledger_verified(now_ms / 1000, len(found))
        seconds = round(clock.monotonic() - began_s, 1)
        log.info("ledger_verified", violations=len(found), seconds=seconds)
        if found:
            self._world.alert("ledger_wrong", count=len(found), first=found[:_SHOWN])


def last(tx: Tx) -> tuple[int, int] | None:
    """When the books were verified last, and how many violations that found."""
    at_ms, found = meta.get(tx, _AT), meta.get(tx, _FOUND)
    return None if at_ms is None or found is None else (int(at_ms), int(found))


def _remember(tx: Tx, now_ms: int, count: int) -> None:
    meta.put(tx, _AT, str(now_ms))
    meta.put(tx, _FOUND, str(count))
