"""The writer: batches that do not mix, cancellation, faults of the disk, crashes."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.core.model import State
from aggregator.ports import StoreUnavailable
from aggregator.store import (
    ScriptedStore,
    SqliteStore,
    keys,
    lists,
    meta,
    open_store,
    resellers,
    short_transaction,
)
from aggregator.store.exceptions import StoreBroken, StoreClosed, StoreFull, StoreStopped
from aggregator.store.postgres_tx import PostgresTx
from aggregator.store.sqlite_tx import fault
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from aggregator.store.writer import Job, Writer
from tests.store.builders import CHARGE, POLICY, draft, reseller

ROOT = Path(__file__).parents[2]
LONG_S = 60.0


@contextmanager
def held_up(store: ScriptedStore) -> Iterator[None]:
    """Keeps the writer busy, so that what is asked meanwhile shares one commit."""
    go_on = threading.Event()
    blocker = asyncio.ensure_future(store.write(lambda tx: go_on.wait()))
    try:
        yield
    finally:
        go_on.set()
    assert not blocker.cancelled()


def put(key: str) -> Callable[[Tx], None]:
    return lambda tx: meta.put(tx, key, "there")


async def there(store: ScriptedStore, *keys: str) -> list[bool]:
    found = await store.read(lambda tx: [meta.get(tx, key) for key in keys])
    return [value is not None for value in found]


def put_and_fail(tx: Tx) -> None:
    meta.put(tx, "bad", "there")
    raise ValueError("changed my mind")


async def test_failing_job_spoils_no_other(store: ScriptedStore) -> None:
    """Of jobs that share a commit, the one that raises is undone and the others are not."""
    with held_up(store):
        jobs = [store.write(job) for job in (put("a"), put_and_fail, put("b"))]
        together = asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.sleep(0)
    results = await together
    assert [type(one) for one in results] == [type(None), ValueError, type(None)]
    assert await there(store, "a", "bad", "b") == [True, False, True]


async def test_broken_constraint_spoils_no_other(store: ScriptedStore) -> None:
    """A statement that the database refuses undoes its own job only."""
    bad = store.write(lambda tx: tx.run("insert_account", reseller_id=4711))
    with held_up(store):
        together = asyncio.gather(bad, store.write(put("a")), return_exceptions=True)
        await asyncio.sleep(0)
    first, _ = await together
    assert isinstance(first, Exception)
    assert not isinstance(first, StoreUnavailable)
    assert await there(store, "a") == [True]


async def test_failing_with_nothing_changed_repeats_nothing(sqlite_store: SqliteStore) -> None:
    """A job that raises before it changed anything leaves the others run once."""
    runs: list[str] = []

    def count(tx: Tx) -> None:
        runs.append("run")
        put("a")(tx)

    def refuse(tx: Tx) -> None:
        raise ValueError("not today")

    with held_up(sqlite_store):
        jobs = [sqlite_store.write(job) for job in (count, refuse)]
        together = asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.sleep(0)
    results = await together
    assert [type(one) for one in results] == [type(None), ValueError]
    assert runs == ["run"]


class Counting:
    """An engine that only remembers how many jobs each of its commits had."""

    def __init__(self) -> None:
        self.commits: list[int] = []

    def open(self) -> None: ...

    def commit(self, batch: Sequence[Job]) -> None:
        self.commits.append(len(batch))

    def close(self) -> None: ...


async def test_what_is_not_urgent_shares_the_next_commit() -> None:
    """A job that nobody waits for is committed together with the next that is urgent."""
    engine = Counting()
    writer = Writer(engine, 256, lambda _ids: None, company_s=LONG_S)
    await writer.open()
    later = asyncio.ensure_future(writer.run(lambda tx: None, urgent=False))
    await asyncio.sleep(0)
    await writer.run(lambda tx: None)
    await later
    await writer.close()
    assert engine.commits == [2]


async def test_what_is_not_urgent_is_written_all_the_same() -> None:
    """Where nothing urgent comes, it waits no longer than it may; nor for the end."""
    engine = Counting()
    writer = Writer(engine, 256, lambda _ids: None, company_s=0)
    await writer.open()
    await writer.run(lambda tx: None, urgent=False)
    await writer.close()
    lasting = Writer(engine, 256, lambda _ids: None, company_s=LONG_S)
    await lasting.open()
    last = asyncio.ensure_future(lasting.run(lambda tx: None, urgent=False))
    await asyncio.sleep(0)
    await lasting.close()
    await last
    assert engine.commits == [1, 1]


async def test_canceled_before_its_turn(store: ScriptedStore) -> None:
    """A job whose waiter was canceled before it began is never run."""
    with held_up(store):
        task = asyncio.ensure_future(store.write(put("a")))
        await asyncio.sleep(0)
        task.cancel()
    await store.write(put("b"))
    assert await there(store, "a", "b") == [False, True]


async def test_canceled_halfway(store: ScriptedStore) -> None:
    """A job whose waiter is canceled while it runs is written whole, and others go on."""
    begun, go_on = threading.Event(), threading.Event()

    def job(tx: Tx) -> None:
        meta.put(tx, "a", "there")
        begun.set()
        go_on.wait()
        meta.put(tx, "b", "there")

    task = asyncio.ensure_future(store.write(job))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    go_on.set()
    await store.write(put("c"))
    assert task.cancelled()
    assert await there(store, "a", "b", "c") == [True, True, True]


async def test_more_jobs_than_places(sqlite_store: SqliteStore) -> None:
    """However many ask at once, all are served."""
    keys = [str(number) for number in range(5_000)]
    await asyncio.gather(*(sqlite_store.write(put(key)) for key in keys))
    assert all(await there(sqlite_store, *keys))


def beside(database: str) -> set[str]:
    return {file.name for file in Path(database).parent.iterdir()}


async def test_close_writes_what_is_queued(database: str) -> None:
    """Closing drains the queue; afterwards nothing is taken any more."""
    store = await open_store(database, POLICY)
    with held_up(store):
        job = asyncio.ensure_future(store.write(put("a")))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
    await asyncio.gather(job, closing)
    with pytest.raises(StoreClosed):
        await store.write(put("b"))
    with pytest.raises(StoreClosed):
        await store.available(1)
    assert beside(database) == {"aggregator.db", "aggregator.db.lock"}  # no WAL: checkpointed
    again = await open_store(database, POLICY)
    assert await there(again, "a", "b") == [True, False]
    await again.close()


async def test_full_disk(sqlite_store: SqliteStore) -> None:
    """A full disk fails what did not fit, writes nothing of it, and goes away by itself."""
    shop = await sqlite_store.write(lambda tx: reseller(tx, micros=CHARGE))
    pages = await sqlite_store.write(lambda tx: tx.one("PRAGMA page_count"))
    assert pages is not None
    limit = f"PRAGMA max_page_count = {pages['page_count']}"
    await sqlite_store.write(lambda tx: tx.one(limit))
    big = draft(shop, explanation="x" * 1_000_000)
    with pytest.raises(StoreFull) as told:
        await sqlite_store.open_order(big)
    assert isinstance(told.value, StoreUnavailable)
    assert await sqlite_store.available(shop) == CHARGE
    await sqlite_store.write(lambda tx: tx.one("PRAGMA max_page_count = 1000000"))
    await sqlite_store.open_order(big)
    assert await sqlite_store.available(shop) == 0
    assert await sqlite_store.read(verify) == []


async def test_failed_disk_stops_all_writing(sqlite_store: SqliteStore) -> None:
    """Once the disk failed under a transaction, nothing is written until a restart."""

    def fail(tx: Tx) -> None:
        raise sqlite_error("SQLITE_IOERR_FSYNC")

    with held_up(sqlite_store):
        jobs = [sqlite_store.write(job) for job in (put("a"), fail)]
        together = asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.sleep(0)
    assert [type(one) for one in await together] == [StoreBroken, StoreBroken]
    with pytest.raises(StoreStopped):
        await sqlite_store.write(put("b"))
    assert await there(sqlite_store, "a", "b") == [False, False]


def sqlite_error(name: str) -> Exception:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_FULL", "StoreFull"),
        ("SQLITE_BUSY_SNAPSHOT", "StoreBusy"),
        ("SQLITE_IOERR_WRITE", "StoreBroken"),
        ("SQLITE_CORRUPT", "StoreBroken"),
        ("SQLITE_READONLY", "StoreBroken"),
        ("SQLITE_CONSTRAINT_CHECK", "NoneType"),
    ],
)
def test_faults_are_told_apart(name: str, kind: str) -> None:
    """The disk's faults are typed; a script's own mistakes are none."""
    assert type(fault(sqlite_error(name))).__name__ == kind


# -- beside the server -----------------------------------------------------------


async def test_commands_beside_the_server(sqlite_store: SqliteStore, database: str) -> None:
    """A command's commit is seen by the server, and noticed once; its own are not."""
    assert not await sqlite_store.changed_elsewhere()
    await sqlite_store.write(put("a"))
    assert not await sqlite_store.changed_elsewhere()
    with short_transaction(database, POLICY) as tx:
        key = resellers.add(tx, "other", 1)
    assert await sqlite_store.changed_elsewhere()
    assert not await sqlite_store.changed_elsewhere()
    assert await sqlite_store.authenticate(keys.hash_key(key)) is not None


async def test_readers_cannot_write(sqlite_store: SqliteStore) -> None:
    """Neither kind of reading can change anything."""
    with pytest.raises(StoreBroken, match="readonly"):
        await sqlite_store.read(put("a"))
    with pytest.raises(StoreBroken, match="readonly"):
        await sqlite_store.rows("set_meta", key="a", value="there")
    assert await there(sqlite_store, "a") == [False]


# -- crashes ---------------------------------------------------------------------

_SELLER = """
import asyncio, sys
from aggregator.ports import Opened
from aggregator.store import open_store
from tests.store.builders import CHARGE, POLICY, draft, placed, reseller

async def main(database):
    store = await open_store(database, POLICY)
    shop = await store.write(lambda tx: reseller(tx, micros=10_000_000 * CHARGE))

    async def sell(place):
        while True:
            made = await store.open_order(draft(shop))
            print("opened", made.order_id, flush=True)
            if place:
                named = str(made.order_id)
                await store.close_attempt(placed(made.order_id, made.attempt_id, named))
                print("placed", made.order_id, flush=True)

    await asyncio.gather(*(sell(number % 2) for number in range(8)))

asyncio.run(main(sys.argv[1]))
"""


def sell_until_killed(database: str) -> list[str]:
    """The lines in which a process told of what it sold, killed in the middle of it."""
    seller = subprocess.Popen(
        [sys.executable, "-c", _SELLER, database], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert seller.stdout is not None
    told = [seller.stdout.readline() for _ in range(300)]
    seller.send_signal(signal.SIGKILL)
    told += [line for line in seller.stdout.read().splitlines(True) if line.endswith("\n")]
    seller.stdout.close()
    assert seller.wait() == -signal.SIGKILL
    return told


def forget_heartbeats(tx: Tx) -> None:
    """The killed was not heard of for long, where there is more than a lock to tell."""
    if isinstance(tx, PostgresTx):
        tx.run("UPDATE boots SET heartbeat = heartbeat - INTERVAL '1 hour'")


async def test_acknowledged_survives_a_kill(any_database: str) -> None:
    """Killed at any moment, the store has every order it acknowledged, as it was told."""
    acknowledged = {tuple(line.split()) for line in sell_until_killed(any_database)}
    store = await open_store(any_database, POLICY)
    await store.write(forget_heartbeats)
    recovered = set(await store.recover("another boot", 1))
    found = await store.read(lambda tx: list(lists.listed(tx, lists.OrderFilter())))
    states = {row["id"]: State(row["state"]) for row in found}
    for what, order_id in acknowledged:
        placed_after_all = (State.PLACED, State.IN_DOUBT)
        assert states[int(order_id)] in ((State.PLACED,) if what == "placed" else placed_after_all)
    assert recovered == {key for key, state in states.items() if state is State.IN_DOUBT}
    assert await store.read(verify) == []
    await store.close()
