"""Several nodes on one PostgreSQL database: who is alive, and who may still send.

Each node keeps a row in ``boots`` under its boot ID and has the database write the
time into it, by the database's own clock, every few seconds. Two rules rest on it:

* who was not heard of for ``DEAD_S`` may be taken for dead by any other node: that
  one deletes the row and puts what the dead was sending in doubt, together;
* who has not been answered for ``LEASE_S`` may not hand an attempt to a socket. As
  ``LEASE_S`` is shorter, and counted from before the question was put, a node stops
  sending before anybody may settle what it had not yet sent.

A node that was silent and finds its row again goes on: nobody has settled anything.
One whose row is gone was taken for dead and is ``lost`` for good: it cannot know
which of its attempts others have since settled, so none may go to a socket any more,
and the process must be started again, under another boot ID. Late answers to what
it *had* sent may still be written: the state of each attempt guards that.

The oldest of those alive leads: it alone does what would be impolite or pointless to do
twice, such as asking a provider for the orders in doubt. When it falls silent the next
one leads, and not before it has stopped by itself: a leader needs its lease as well.

The lease is counted by a clock that goes on while the machine sleeps. Not covered is a
virtual machine that is frozen and thawed without its own clock noticing.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
import structlog

from aggregator.store import attempts
from aggregator.store.exceptions import StoreError
from aggregator.store.postgres_tx import Connection, Server, typed
from aggregator.store.tx import Tx

HEARTBEAT_S = 5.0
LEASE_S = 45.0
DEAD_S = 60.0
_RETRY_S = 1.0
_NEVER = float("-inf")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first is Linux's

ANY_ALIVE = f"""
    SELECT boot_id FROM boots
    WHERE heartbeat > clock_timestamp() - INTERVAL '{DEAD_S} seconds' LIMIT 1
"""
LEADER = f"""
    SELECT boot_id FROM boots
    WHERE heartbeat > clock_timestamp() - INTERVAL '{DEAD_S} seconds'
    ORDER BY began, boot_id LIMIT 1
"""
_BEGIN_LIFE = "INSERT INTO boots (boot_id, heartbeat) VALUES (%(boot_id)s, clock_timestamp())"
_BEAT = "UPDATE boots SET heartbeat = clock_timestamp() WHERE boot_id = %(boot_id)s"
_END_LIFE = "DELETE FROM boots WHERE boot_id = %(boot_id)s"
_BURY = f"""
    DELETE FROM boots
    WHERE boot_id <> :boot_id
      AND heartbeat < clock_timestamp() - INTERVAL '{DEAD_S} seconds'
"""
# Not with the row of ``boots``: its node may be alive and want to know what it committed.
_FORGET = "DELETE FROM last_turns WHERE taken_at < clock_timestamp() - INTERVAL '7 days'"

_log = structlog.get_logger(__name__)


def clock() -> float:
    """Seconds that never step back, and go on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


def recover(tx: Tx, boot_id: str, now_ms: int) -> list[int]:
    """What nodes that are dead by now were sending is in doubt. Order IDs.

    It is our turn, so no attempt is written meanwhile; and a row that is locked by a
    heartbeat under way is looked at again once that has ended.
    """
    tx.run(_BURY, boot_id=boot_id)
    tx.run(_FORGET)
    alive = [row["boot_id"] for row in tx.all("SELECT boot_id FROM boots")]
    return attempts.recover(tx, boot_id, now_ms, alive)


class Lease:
    """A thread that has this node's heart beat, and what follows from it."""

    def __init__(self, server: Server, boot_id: str, now: Callable[[], float] = clock) -> None:
        self._server = server
        self._me = {"boot_id": boot_id}
        self._now = now
        self._until = _NEVER
        self._since = _NEVER
        self._connection: Connection | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="store-lease", daemon=True)
        self.lost = False

    def open(self) -> None:
        """Registers the node, before it may write an attempt. StoreUnavailable."""
        self._tell(_BEGIN_LIFE)
        self._thread.start()

    def may_send(self) -> bool:
        """Whether nobody can have settled what this node is about to send."""
        return self._now() < self._until and not (self.lost or self._ended.is_set())

    @property
    def watched_s(self) -> float:
        """How long the node has heard the database without a gap.

        Who was away himself cannot tell who else was.
        """
        now = self._now()
        return now - self._since if now < self._until else 0.0

    def close(self) -> None:
        """The node sends nothing from here on; what it left open, others may settle."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
            with suppress(StoreError):
                self._tell(_END_LIFE)
        self._hang_up()

    # -- in the thread ----------------------------------------------------------

    def _live(self) -> None:
        heard = True
        while not self.lost and not self._ended.wait(HEARTBEAT_S if heard else _RETRY_S):
            heard = self.beat()

    def beat(self) -> bool:
        """One heartbeat; false where the database did not hear it."""
        try:
            self.lost = self._tell(_BEAT) == 0
        except StoreError as error:
            _log.warning("heartbeat_missed", cause=str(error))
            return False
        if self.lost:
            _log.error("taken_for_dead", alert=True)
        return True

    def _tell(self, statement: str) -> int:
        """How many rows it changed; one renews the lease, from before the question was put."""
        asked = self._now()
        try:
            if self._connection is None:
                self._connection = self._server.connect(statement_timeout="10s")
            with typed():
                changed = self._connection.execute(statement, self._me).rowcount
        except StoreError:
            self._hang_up()
            raise
        if changed:
            if asked >= self._until:
                self._since = asked
            self._until = asked + LEASE_S
        return changed

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
