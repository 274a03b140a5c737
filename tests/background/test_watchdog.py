"""What systemd hears, and what it does not."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aggregator.background import Clockwork, watchdog
from aggregator.core.model import Policy
from aggregator.store import ScriptedStore, open_store
from aggregator.store.exceptions import StoreFull, StoreStopped
from benchmarks import notify
from benchmarks.notify import Notify

FED = "WATCHDOG=1"
ENVIRON = {"WATCHDOG_USEC": "30000"}


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notify]:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with notify.listening(path) as heard:
        yield heard


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ScriptedStore]:
    opened = await open_store(str(tmp_path / "a.db"), Policy())
    yield opened
    await opened.close()


class Failing:
    """A writer that answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def write(self, script: object) -> None:
        raise self.error


async def test_it_is_fed_while_all_is_well(systemd: Notify, store: ScriptedStore) -> None:
    """The job feeds it several times in each of its terms."""
    (job,) = watchdog(store, ENVIRON)
    assert job.every_s < 0.030 / 2
    async with Clockwork([job]):
        await systemd.word(FED)
        await systemd.word(FED)


async def test_a_writer_that_hangs_is_not_vouched_for(
    systemd: Notify, store: ScriptedStore
) -> None:
    """While the thread that writes is stuck nothing is said, and once it goes on it is."""
    (job,) = watchdog(store, ENVIRON)
    stuck, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hang(_tx: object) -> None:
        loop.call_soon_threadsafe(stuck.set)
        go_on.wait()

    hanging = asyncio.create_task(store.write(hang))
    await stuck.wait()
    feeding = asyncio.ensure_future(job.work())
    assert await store.rows("queued_services") == []  # time passes, and readers are well
    assert not feeding.done()
    with pytest.raises(BlockingIOError):
        systemd.now()
    go_on.set()
    await asyncio.gather(hanging, feeding)
    await systemd.word(FED)


async def test_a_full_disk_is_no_reason_to_kill(systemd: Notify) -> None:
    """A writer that says what is wrong is alive: a restart would not empty the disk."""
    (job,) = watchdog(Failing(StoreFull()), ENVIRON)
    await job.work()
    assert systemd.now() == FED


async def test_a_writer_that_is_gone_is(systemd: Notify) -> None:
    """Once the thread has ended for good nothing but a restart helps."""
    (job,) = watchdog(Failing(StoreStopped()), ENVIRON)
    await job.work()
    with pytest.raises(BlockingIOError):
        systemd.now()


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {**ENVIRON, "WATCHDOG_PID": "1"}],
)
def test_where_nobody_waits_there_is_no_job(environ: dict[str, str]) -> None:
    """Without a term, or with another process's, nothing is fed."""
    assert watchdog(Failing(StoreFull()), environ) == []


def test_our_own_term() -> None:
    """A term that names this process is its own."""
    environ = {**ENVIRON, "WATCHDOG_PID": str(os.getpid())}
    assert len(watchdog(Failing(StoreFull()), environ)) == 1
