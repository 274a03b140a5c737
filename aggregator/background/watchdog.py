"""Feeds systemd's watchdog for as long as the loop turns and the writer answers.

Silence gets the process killed and started anew, and so it must mean that this would
help: the loop or the thread that writes hangs. A writer that answers with an error is
alive (a full disk, a database out of reach): ``/readyz`` tells of it, and a restart
would only cut off the orders under way.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from aggregator.background.clockwork import Job
from aggregator.ports import StoreUnavailable
from aggregator.store.exceptions import StoreStopped
from aggregator.store.tx import Tx
from aggregator.telemetry import sd_notify, watchdog_s

FEEDINGS = 3  # in each term: one may be late


class Writes(Protocol):
    async def write(self, script: Callable[[Tx], None], /) -> None: ...


def watchdog(database: Writes, environ: Mapping[str, str]) -> list[Job]:
    """The job that feeds it; none where no systemd waits to be told."""
    term_s = watchdog_s(environ)

    async def feed() -> None:
        try:
            await database.write(_nothing)
        except StoreStopped:  # for good: only a restart helps
            return
        except StoreUnavailable:
            pass
        sd_notify("WATCHDOG=1")

    return [] if term_s is None else [Job("watchdog", term_s / FEEDINGS, feed)]


def _nothing(_tx: Tx) -> None:
    """Only the turn is of interest."""
