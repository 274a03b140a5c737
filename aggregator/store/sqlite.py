"""The store on SQLite: one writer, many readers, one fsync for many orders.

How the writer works. All writing of the server is done by one thread, which owns
the only connection that writes. A transaction is a closure over a ``Tx`` (a
*job*). ``write`` puts it into a queue and waits; the thread takes all that are
queued, runs each in a SAVEPOINT of its own inside one ``BEGIN IMMEDIATE``, commits
once, and only then hands out the results. So

* what was answered is on disk (WAL, ``synchronous=FULL``), and the cost of that is
  shared by all who waited together: the slower the disk, the bigger the batches;
* a job that raises undoes only itself; a COMMIT that fails fails them all;
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
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from aggregator.core.model import Policy
from aggregator.store.exceptions import StoreBroken, StoreClosed, StoreStopped
from aggregator.store.lock import DatabaseLock
from aggregator.store.opening import create_file, prepare
from aggregator.store.scripted import ScriptedStore
from aggregator.store.sqlite_tx import SqliteTx, connect, fault, transaction
from aggregator.store.tx import Param, Row, Tx, prepared

T = TypeVar("T")

_BATCH = 256  # jobs to one commit: bounds how long the first of them waits
_QUEUE = 2_048  # jobs under way; more callers wait for a place
_READERS = 3
_WRITER_BUSY_TIMEOUT_S = 30.0
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
_CACHE_KIB = 64 * 1024

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """A closure on its way through the writer, and who waits for it."""

    script: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def deliver(self) -> None:
        if self.future.done():  # whoever waited was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The thread that owns the writing connection."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path = path
        self._policy = policy
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_QUEUE)
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._stopped = False
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._live, name="store-writer", daemon=True)

    async def open(self) -> None:
        """Begins the thread; raises what kept it from opening the database."""
        self._thread.start()
        await self._opened

    async def run(self, script: Callable[[Tx], T]) -> T:
        """The script's result, once it is on disk."""
        async with self._room:
            self._refuse()
            job = _Job(script, self._loop.create_future())
            self._jobs.put(job)
            result: T = await job.future
            return result

    def _refuse(self) -> None:
        if self._closing:
            raise StoreClosed
        if self._stopped:
            raise StoreStopped

    async def close(self) -> None:
        """Runs what is queued, checkpoints, ends the thread."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- in the thread ----------------------------------------------------------

    def _live(self) -> None:
        try:
            with connect(self._path, _WRITER_BUSY_TIMEOUT_S) as connection:
                prepare(self._path, connection, self._policy)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
                self._call(_set_result, self._opened)
                while batch := self._take():
                    self._commit(connection, batch)
                    self._call(_deliver, batch)
                with suppress(sqlite3.Error):
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except BaseException as error:  # nobody else would ever hear of it
            self._call(_set_exception, self._opened, fault(error) or error)
        finally:
            self._stopped = True
            self._call(_deliver, self._abandoned())

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    def _take(self) -> list[_Job]:
        """All that are queued, at least one; empty: the end."""
        first = self._jobs.get()
        batch = [] if first is None else [first]
        while batch and len(batch) < _BATCH and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                self._jobs.put(None)
                break
            batch.append(job)
        return batch

    def _abandoned(self) -> list[_Job]:
        """Jobs that came too late, or that the thread died before: none may wait for ever."""
        jobs = []
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                job.error = StoreStopped()
                jobs.append(job)
        return jobs

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
        try:
            if self._stopped:
                raise StoreStopped
            with transaction(connection) as tx:
                for job in batch:
                    _run(connection, tx, job)
            self.trouble = None
        except Exception as error:
            self._stopped |= isinstance(error, StoreBroken)
            self.trouble = str(error)
            _log.error("commit_failed", jobs=len(batch), error=str(error))
            for job in batch:
                job.error = error


def _run(connection: sqlite3.Connection, tx: SqliteTx, job: _Job) -> None:
    """One job in its savepoint. Raises only the disk's faults."""
    if job.future.cancelled():
        return
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.script(tx)
    except BaseException as error:
        if fault(error) is not None:
            raise
        job.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _set_result(opened: "asyncio.Future[None]") -> None:
    if not opened.done():
        opened.set_result(None)


def _set_exception(opened: "asyncio.Future[None]", error: BaseException) -> None:
    if not opened.done():
        opened.set_exception(error)


def _deliver(batch: Sequence[_Job]) -> None:
    for job in batch:
        job.deliver()


class SqliteStore(ScriptedStore):
    """``ports.Store`` on a file. Made by ``open``; ended by ``close``."""

    def __init__(self, path: Path, lock: DatabaseLock, writer: Writer) -> None:
        super().__init__()
        self._path = path
        self._lock = lock
        self._writer = writer
        self._readers: list[aiosqlite.Connection] = []
        self._turns = itertools.count()
        self._data_version: int | None = None

    @classmethod
    async def open(cls, path: Path, policy: Policy) -> "SqliteStore":
        """Takes the lock, migrates, starts the writer and the readers. CannotOpen."""
        create_file(path)
        lock = DatabaseLock(path)
        store = cls(path, lock, Writer(path, policy))
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

    async def close(self) -> None:
        """Everything acknowledged or queued is written; then the lock is given back."""
        while self._readers:
            await self._readers.pop().close()
        await self._writer.close()
        self._lock.release()

    async def write(self, script: Callable[[Tx], T]) -> T:
        return await self._writer.run(script)

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

    async def changed_elsewhere(self) -> bool:
        row = await self.write(lambda tx: tx.one("PRAGMA data_version"))
        before, self._data_version = self._data_version, row["data_version"] if row else None
        return before is not None and before != self._data_version


async def _reader(path: Path) -> aiosqlite.Connection:
    reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=512)
    reader.row_factory = sqlite3.Row
    await reader.execute("PRAGMA query_only = ON")
    return reader
