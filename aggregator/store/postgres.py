"""The store on PostgreSQL: many nodes, one writing transaction at a time.

How it is right under concurrent nodes. The scripts of this room read, decide and
write; on SQLite they may, for ``BEGIN IMMEDIATE`` lets in one writer at a time. Here
every writing transaction takes its *turn* first (``turns.py``): it updates the one
row of ``turn``, and whoever is next, on whatever node or in a command, waits on
that row's lock until the one before has ended. The isolation level is READ COMMITTED,
where each statement sees what was committed before it began, so all that a script
reads was written by transactions that had ended when its turn came, and nobody else
writes until it ends. That is a serial execution, by construction: no script can meet
a half-done or a concurrent one, so there are no serialization failures, no deadlocks
between us and no races for a unique key, and nothing has to be run again for their
sake. A request ID that reaches two nodes at once is opened by the one whose turn is
first; the other finds it. (The unique keys and guarded UPDATEs still stand, but here
they are the second lock on the door.) SERIALIZABLE would be right as well; but all
orders of a reseller change the same balance, so it would run most of them twice.

What it costs, and how that is paid. Statements of different nodes do not overlap: the
database as a whole writes as fast as one connection does. So, as on SQLite, one
thread has the only writing connection of a node and commits many jobs at once, each
in a SAVEPOINT of its own: what a turn and a commit cost is shared by all that wait.
Reading needs no turn. ``synchronous_commit`` is turned on where it was off. A node
that hangs in its turn loses the connection after ``IDLE_TIMEOUT_S``, by the server's
clock, and with it the turn.

Faults. Until the COMMIT is sent, a lost connection means that nothing was written:
the batch is run again on a new one, and fails with StoreGone where there is none.
If the connection is lost *during* the COMMIT, it may have been carried out. Nobody is
told anything then until that is known: the writer connects again, waits until that
transaction is over, and looks whether ``last_turns`` has its number. That row was
written by the transaction itself, so the answer is right even from another server that
took over: what *it* has is what counts. Only a store that is closed before it could
ask raises StoreUnsure; so does a command, which has nobody to ask later.

With asynchronous replication a failover may lose what was acknowledged: use
``synchronous_standby_names``. Connections must last (LISTEN is not used, but settings
of the session are): a pooler in transaction mode does not do.

What must change together: a script must never touch anything but its ``Tx``, for it
may be run, undone and run again; whatever else writes must take a turn, or neither
the serial order nor ``changed_elsewhere`` holds; who may send is in ``nodes.py``.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from aggregator.core.model import Policy
from aggregator.ports import StoreUnavailable
from aggregator.store import nodes, turns
from aggregator.store.exceptions import (
    StoreClosed,
    StoreError,
    StoreGone,
    StoreUnsure,
    TakenForDead,
)
from aggregator.store.postgres_opening import SNAPSHOT, connected, prepare
from aggregator.store.postgres_tx import Connection, PostgresTx, Server, commit, typed
from aggregator.store.scripted import HOT, ScriptedStore
from aggregator.store.tx import Param, Row, Tx
from aggregator.store.writer import Job, Writer

T = TypeVar("T")

# Jobs to one commit. More than 64 subtransactions would make every snapshot that any
# reader takes meanwhile dearer, and keep the other nodes waiting for longer.
_BATCH = 60
_TRIES = 3  # of a batch whose connection is lost before its COMMIT
_ASK_AGAIN_S = 1.0
_READERS = 4


class PostgresEngine:
    """``writer.Engine`` over the one connection of this node that writes."""

    def __init__(self, server: Server, policy: Policy, boot_id: str) -> None:
        self._server = server
        self._policy = policy
        self._boot_id = boot_id
        self._connection: Connection | None = None
        self.closing = threading.Event()
        self.trouble: str | None = None

    def open(self) -> None:
        with connected(self._server) as connection:
            prepare(self._server, connection, self._policy)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()  # the server undoes what was open
            self._connection = None

    def commit(self, batch: Sequence[Job]) -> None:
        turn, connection = self._run_anyhow(batch)
        try:
            commit(connection)
        except StoreUnsure as unsure:
            self.close()
            if not self._find_out(turn, unsure):
                raise StoreGone(cause=unsure.facts["cause"]) from None
        except StoreError:
            self.close()
            raise

    def _run_anyhow(self, batch: Sequence[Job]) -> tuple[int, Connection]:
        """All but the COMMIT; again where the connection was lost before it."""
        for left in reversed(range(_TRIES)):
            if self._connection is None:
                self._connection = self._server.connect()
            try:
                with typed():
                    return self._run(self._connection, batch), self._connection
            except StoreError as error:
                self.close()
                if not left or not _is_worth_repeating(error):
                    raise
        raise AssertionError("the last try returns or raises")

    def _run(self, connection: Connection, batch: Sequence[Job]) -> int:
        turn = turns.take(connection, self._boot_id, then="SAVEPOINT job")
        tx = PostgresTx(connection)
        for job in batch:
            if not job.future.cancelled():
                _run_one(connection, tx, job)
        return turn

    def _find_out(self, turn: int, unsure: StoreUnsure) -> bool:
        """Whether a COMMIT that was not answered was carried out. Asks until it knows."""
        self.trouble = str(unsure)
        while True:
            try:
                with connected(self._server) as connection, typed():
                    found = turns.is_committed(connection, self._boot_id, turn)
            except StoreError:
                if self.closing.wait(_ASK_AGAIN_S):
                    raise unsure from None
            else:
                self.trouble = None
                return found


def _is_worth_repeating(error: StoreError) -> bool:
    return isinstance(error, StoreGone) or bool(error.facts.get("rolled_back"))


def _run_one(connection: Connection, tx: PostgresTx, job: Job) -> None:
    """One job in its savepoint. Raises only the server's faults."""
    job.result = job.error = None  # it may have been run before, and undone
    try:
        with typed():
            job.run(tx)
            connection.execute("RELEASE job; SAVEPOINT job")
    except StoreUnavailable:
        raise
    except BaseException as error:
        job.error = error
        connection.execute("ROLLBACK TO job")


class Readers:
    """A few threads with a connection each, that cannot write."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._threads = ThreadPoolExecutor(_READERS, "store-reader")
        self._idle: deque[Connection] = deque()
        self._closed = False

    async def run(self, look: Callable[[Connection], T]) -> T:
        """What ``look`` finds. It may be called twice: reading does no harm."""
        if self._closed:
            raise StoreClosed
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, look)

    def _run(self, look: Callable[[Connection], T]) -> T:
        while True:
            connection, fresh = self._taken()
            try:
                with typed():
                    found = look(connection)
            except BaseException:
                gone_stale = connection.closed and not fresh
                connection.close()
                if gone_stale:
                    continue
                raise
            self._idle.append(connection)
            return found

    def _taken(self) -> tuple[Connection, bool]:
        """A connection, and whether it is a new one: an idle one may have gone stale."""
        try:
            return self._idle.pop(), False
        except IndexError:
            return self._server.connect(default_transaction_read_only="on"), True

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()


class PostgresStore(ScriptedStore):
    """``ports.Store`` on a PostgreSQL server. Made by ``open``; ended by ``close``."""

    def __init__(self, server: Server, policy: Policy) -> None:
        super().__init__(hot=HOT)
        self._engine = PostgresEngine(server, policy, self.boot_id)
        self._writer = Writer(self._engine, _BATCH, self._hot.drop)
        self._readers = Readers(server)
        self._lease = nodes.Lease(server, self.boot_id)
        self._others: int | None = None

    @classmethod
    async def open(cls, url: str, policy: Policy) -> "PostgresStore":
        """Migrates, starts the writer, registers the node. CannotOpen, StoreUnavailable."""
        store = cls(Server.of(url), policy)
        try:
            await store._writer.open()
            await asyncio.to_thread(store._lease.open)
            await store.changed_elsewhere()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def trouble(self) -> str | None:
        lost = str(TakenForDead()) if self._lease.lost else None
        return lost or self._engine.trouble or self._writer.trouble

    @property
    def lost(self) -> StoreError | None:
        return TakenForDead() if self._lease.lost else self._writer.broken

    def may_send(self) -> bool:
        return self._lease.may_send()

    async def leads(self) -> bool:
        found = await self.rows(nodes.LEADER)
        return bool(found) and found[0]["boot_id"] == self.boot_id and self.may_send()

    async def close(self) -> None:
        """Everything acknowledged or queued is written; then the node is no more."""
        self._engine.closing.set()
        await self._readers.close()
        await self._writer.close()
        await asyncio.to_thread(self._lease.close)

    async def write(self, script: Callable[[Tx], T], *, urgent: bool = True) -> T:
        return await self._writer.run(script, urgent=urgent)

    async def read(self, script: Callable[[Tx], T]) -> T:
        def look(connection: Connection) -> T:
            connection.execute(SNAPSHOT)
            found = script(PostgresTx(connection))
            connection.execute("COMMIT")
            return found

        return await self._readers.run(look)

    async def rows(self, query: str, /, **params: Param) -> Sequence[Row]:
        return await self._readers.run(lambda one: PostgresTx(one).all(query, **params))

    async def _others_wrote(self) -> bool:
        before = self._others
        self._others = await self._readers.run(partial(turns.others, boot_id=self.boot_id))
        return before is not None and before != self._others

    async def recover(self, boot_id: str, now_ms: int) -> list[int]:
        return await self.write(partial(nodes.recover, boot_id=boot_id, now_ms=now_ms))

    async def recover_others(self, now_ms: int) -> list[int]:
        """``recover`` while we run; nothing, until we have watched for long enough."""
        if self._lease.watched_s < nodes.DEAD_S:
            return []
        return await self.recover(self.boot_id, now_ms)
