"""The thread that writes: a queue of jobs, many of them to one commit.

A job is a closure over a ``Tx``. ``Writer.run`` queues it and waits; the thread
takes all that are queued, has its engine run them in one transaction, each undone
alone if it raises, and hands out the results once the commit is durable. A batch in
which no job is urgent waits a little for one that is: at a quiet hour the second
transaction of an order, whose answer has been given, so shares the commit of the next
one's first, and does not keep it waiting. The engine is what differs between kinds of
databases.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import structlog

from aggregator.store.exceptions import StoreBroken, StoreClosed, StoreStopped
from aggregator.store.tx import Tx

T = TypeVar("T")

_QUEUE = 2_048  # jobs under way; more callers wait for a place
COMPANY_S = 0.005  # that jobs without urgency wait for one with it

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """A closure on its way through the writer, and who waits for it.

    ``touched``: the orders that it changed, or would have.
    """

    script: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    urgent: bool = True
    result: Any = None
    error: BaseException | None = None
    touched: set[int] = field(default_factory=set)

    def run(self, tx: Tx) -> None:
        tx.touched = self.touched
        self.result = self.script(tx)

    def deliver(self) -> None:
        future = self.future
        if future.done():  # whoever waited was cancelled
            return
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.result)


class Engine(Protocol):
    """A database as the writer's thread uses it; all is called in that thread."""

    def open(self) -> None:
        """Raises what keeps the database from being opened."""

    def commit(self, batch: Sequence[Job]) -> None:
        """Runs the jobs that still have somebody waiting, and commits them together.

        Leaves in each its result or its own error. Raises a StoreUnavailable when
        nothing of the batch was written, a StoreBroken when nobody can tell.
        """

    def close(self) -> None:
        """Never raises; also called when ``open`` has failed."""


class Writer:
    """The thread that owns the engine. ``batch``: at most so many jobs to a commit;
    ``company_s``: how long those without urgency wait for one with it.

    ``on_touched`` is told, in the loop, which orders were changed, before anybody else
    learns of that commit.
    """

    def __init__(
        self,
        engine: Engine,
        batch: int,
        on_touched: Callable[[Collection[int]], None],
        company_s: float = COMPANY_S,
    ) -> None:
        self._engine = engine
        self._company_s = company_s
        self._on_touched = on_touched
        self._most = batch
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._under_way = 0
        self._delivered = asyncio.Event()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        self._stopped = False
        self.trouble: str | None = None
        self.broken: StoreBroken | None = None
        self._thread = threading.Thread(target=self._live, name="store-writer", daemon=True)

    async def open(self) -> None:
        """Begins the thread; raises what kept it from opening the database."""
        self._thread.start()
        await self._opened

    async def run(self, script: Callable[[Tx], T], *, urgent: bool = True) -> T:
        """The script's result, once it is on disk. ``urgent``: somebody waits for it."""
        while self._under_way >= _QUEUE:
            self._delivered.clear()
            await self._delivered.wait()
        self._refuse()
        self._under_way += 1
        job = Job(script, self._loop.create_future(), urgent)
        self._jobs.put(job)
        result: T = await job.future
        return result

    def _deliver(self, batch: Sequence[Job]) -> None:
        self._on_touched(set().union(*[job.touched for job in batch]))
        for job in batch:
            job.deliver()
        self._under_way -= len(batch)
        self._delivered.set()

    def _refuse(self) -> None:
        if self._closing:
            raise StoreClosed
        if self._stopped:
            raise StoreStopped

    async def close(self) -> None:
        """Runs what is queued, then ends the thread."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    # -- in the thread ----------------------------------------------------------

    def _live(self) -> None:
        try:
            self._engine.open()
            self._call(_set_result, self._opened)
            while batch := self._take():
                self._commit(batch)
                self._call(self._deliver, batch)
        except BaseException as error:  # nobody else would ever hear of it
            self._call(_set_exception, self._opened, error)
        finally:
            self._engine.close()
            self._stopped = True
            self._call(self._deliver, self._abandoned())

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    def _take(self) -> list[Job]:
        """All that are queued, at least one; empty: the end."""
        batch: list[Job] = []
        get, most = self._jobs.get, self._most
        job, until_s = get(), time.monotonic() + self._company_s
        while job is not None:
            batch.append(job)
            if job.urgent:
                until_s = 0
            if len(batch) == most:
                return batch
            try:
                job = get(timeout=until_s and max(until_s - time.monotonic(), 0))
            except queue.Empty:
                return batch
        if batch:
            self._jobs.put(None)  # to be found once these are written
        return batch

    def _abandoned(self) -> list[Job]:
        """Jobs that came too late, or that the thread died before: none may wait for ever."""
        jobs = []
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                job.error = StoreStopped()
                jobs.append(job)
        return jobs

    def _commit(self, batch: Sequence[Job]) -> None:
        try:
            if self._stopped:
                raise StoreStopped
            self._engine.commit(batch)
            self.trouble = None
        except Exception as error:
            if isinstance(error, StoreBroken):
                self._stopped, self.broken = True, error
            self.trouble = str(error)
            _log.error("commit_failed", jobs=len(batch), error=str(error))
            for job in batch:
                job.error = error


def _set_result(opened: "asyncio.Future[None]") -> None:
    if not opened.done():
        opened.set_result(None)


def _set_exception(opened: "asyncio.Future[None]", error: BaseException) -> None:
    if not opened.done():
        opened.set_exception(error)
