"""The store on SQLite: one writer, many readers, one fsync for many orders.

How the writer works. All writing of the server is done by one thread, which owns
the only connection that writes. A transaction is a closure over a ``Tx`` (a
*job*). ``write`` puts it into a queue and waits; the thread takes all that are
queued, runs one after the other inside one ``BEGIN IMMEDIATE``, commits once, and
only then hands out the results. So

* what was answered is on disk (WAL, ``synchronous=FULL``), and the cost of that is
  shared by all who waited together: the slower the disk, the bigger the batches;
* a job that raises undoes only itself; a COMMIT that fails fails them all. Most that
  raise have changed nothing yet (no money, no such order), so there is nothing to
  undo. Where one has, the batch is undone and run again, each job in a SAVEPOINT of
  its own: not at once so, for under a savepoint SQLite copies every page before it
  changes it, which costs as much again as the statements (measured);
* a job runs wholly or not at all. Cancelling the task that waits for it cannot
  leave half of it: not yet begun, it is dropped; begun, it ends and its result is
  thrown away. Therefore what must be followed up (transaction 1!) belongs in a task
  that outlives the request.

Why not through aiosqlite: a cancelled task leaves its transaction open there, and
a later commit would post the half of it.

Faults. *Full* fails the batch and goes away by itself. *Busy* means that a command
kept the database for longer than the timeout. Anything else that is wrong with the
file is *broken* for good: after a failed fsync nobody knows what is on disk, so
nothing more is written until a restart has read it anew.

Other processes' commits are seen in ``PRAGMA data_version`` of the *writer's own*
connection: that number changes with every commit but its own.

What must change together: a new fault code belongs in ``sqlite_tx.fault``; a job
must never touch anything but its ``Tx``, for it may be run and then undone; a
statement must be run to its end (``fetchall``), or the COMMIT fails.
"""

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from aggregator.core.model import Policy
from aggregator.store.exceptions import StoreBroken, StoreClosed, StoreError
from aggregator.store.lock import DatabaseLock
from aggregator.store.opening import checked, create_file, damage_mark, prepare
from aggregator.store.scripted import HOT, ScriptedStore
from aggregator.store.sqlite_tx import SqliteTx, as_dict, connect, fault, transaction
from aggregator.store.tx import Param, Row, Tx, prepared
from aggregator.store.writer import Job, Writer

T = TypeVar("T")

_BATCH = 256  # jobs to one commit: bounds how long the first of them waits
_READERS = 3
_WRITER_BUSY_TIMEOUT_S = 30.0
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
_CACHE_KIB = 64 * 1024
# Pages of the log to one checkpoint: the ends of tables and indexes, which every commit
# changes, are written to the file half as often as by SQLite's own 1,000.
_CHECKPOINT_PAGES = 4_000


class _Spoiled(Exception):
    """A job has failed after it had changed something. Its cause is the job's error."""


class SqliteEngine:
    """``writer.Engine`` over the one connection that writes."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path = path
        self._policy = policy
        self._open = ExitStack()

    def open(self) -> None:
        try:
            self._connection = self._open.enter_context(connect(self._path, _WRITER_BUSY_TIMEOUT_S))
            checked(self._path, self._connection)
            prepare(self._path, self._connection, self._policy)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            self._connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        except sqlite3.Error as error:
            raise (fault(error) or error) from None

    def commit(self, batch: Sequence[Job]) -> None:
        try:
            try:
                self._transaction(batch, self._run)
            except _Spoiled:
                self._transaction(batch, self._run_apart)
        except StoreBroken:
            with suppress(OSError):  # the disk has failed: it may take no file either
                damage_mark(self._path).touch()
            raise

    def _transaction(self, batch: Sequence[Job], runner: Callable[[SqliteTx, Job], None]) -> None:
        with transaction(self._connection) as tx:
            for job in batch:
                if not job.future.cancelled():
                    runner(tx, job)

    def _run(self, tx: SqliteTx, job: Job) -> None:
        """One job. Raises the disk's faults; _Spoiled if the job failed with half of it done."""
        before = self._connection.total_changes
        try:
            job.run(tx)
        except BaseException as error:
            if fault(error) is not None:
                raise
            if self._connection.total_changes != before:
                raise _Spoiled from error
            job.error = error

    def _run_apart(self, tx: SqliteTx, job: Job) -> None:
        """One job in its savepoint. Raises only the disk's faults."""
        job.result = job.error = None  # it may have been run before, and undone
        self._connection.execute("SAVEPOINT job")
        try:
            self._run(tx, job)
        except _Spoiled as spoiled:
            job.error = spoiled.__cause__
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def close(self) -> None:
        with self._open, suppress(sqlite3.Error, AttributeError):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class SqliteStore(ScriptedStore):
    """``ports.Store`` on a file. Made by ``open``; ended by ``close``."""

    def __init__(self, path: Path, lock: DatabaseLock, engine: SqliteEngine) -> None:
        super().__init__(hot=HOT)
        self._path = path
        self._lock = lock
        self._writer = Writer(engine, _BATCH, self._hot.drop)
        self._readers: list[aiosqlite.Connection] = []
        self._turns = itertools.count()
        self._data_version: int | None = None

    @classmethod
    async def open(cls, path: Path, policy: Policy) -> "SqliteStore":
        """Takes the lock, migrates, starts the writer and the readers. CannotOpen."""
        create_file(path)
        lock = DatabaseLock(path)
        store = cls(path, lock, SqliteEngine(path, policy))
        try:
            await store._writer.open()
            for _ in range(_READERS):
                store._readers.append(await _reader(path))
            await store.changed_elsewhere()
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now; None: it can, as far as is known."""
        return self._writer.trouble

    @property
    def lost(self) -> StoreError | None:
        return self._writer.broken

    async def close(self) -> None:
        """Everything acknowledged or queued is written; then the lock is given back."""
        while self._readers:
            await self._readers.pop().close()
        await self._writer.close()
        self._lock.release()

    def write(self, script: Callable[[Tx], T], *, urgent: bool = True) -> Coroutine[Any, Any, T]:
        return self._writer.run(script, urgent=urgent)

    async def read(self, script: Callable[[Tx], T]) -> T:
        return await asyncio.to_thread(self._read, script)

    def _read(self, script: Callable[[Tx], T]) -> T:
        with connect(self._path) as connection:
            connection.execute("PRAGMA query_only = ON")
            with transaction(connection, "BEGIN DEFERRED") as tx:
                return script(tx)

    async def rows(self, query: str, /, **params: Param) -> Sequence[Row]:
        if not self._readers:
            raise StoreClosed
        reader = self._readers[next(self._turns) % len(self._readers)]
        try:
            found = await reader.execute_fetchall(prepared(query, params), params)
        except sqlite3.Error as error:
            if (typed := fault(error)) is not None:
                raise typed from error
            raise
        return list(found)

    async def _others_wrote(self) -> bool:
        row = await self.write(lambda tx: tx.one("PRAGMA data_version"))
        before, self._data_version = self._data_version, row["data_version"] if row else None
        return before is not None and before != self._data_version


async def _reader(path: Path) -> aiosqlite.Connection:
    reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=512)
    reader.row_factory = as_dict  # type: ignore[assignment]  # any callable will do
    await reader.execute("PRAGMA query_only = ON")
    return reader
