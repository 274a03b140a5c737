"""The bench's processes: on which core each runs, and what it has used.

Two cores are enough, if the server under test has one to itself. Ours and its baseline
are treated alike.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.evidence import ROOT

if TYPE_CHECKING:
    from benchmarks.bench.load import Order, Told

START_S = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = _CORES[:1]
OTHER_CORES = _CORES[1:] or _CORES


def cpu_s(pid: int) -> float:
    """User and system time of a process with all its threads, so far (proc(5))."""
    return _used_s(Path(f"/proc/{pid}/stat"))


def main_thread_s(pid: int) -> float:
    """The same of its first thread alone: of the one that runs the event loop."""
    return _used_s(Path(f"/proc/{pid}/task/{pid}/stat"))


def _used_s(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


@contextmanager
def on(cores: Sequence[int]) -> Iterator[None]:
    """What is started meanwhile runs there, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True, slots=True)
class Listening:
    """A process that answers on a port of this machine."""

    pid: int
    port: int


@asynccontextmanager
async def module(
    name: str, port: int, *arguments: str, cores: Sequence[int] = OTHER_CORES
) -> AsyncIterator[Listening]:
    """``python -m benchmarks.bench.NAME``, from when its port is open until it is ended."""
    with on(cores):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"benchmarks.bench.{name}", *arguments, cwd=ROOT
        )
    try:
        await _opened(port)
        yield Listening(process.pid, port)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _opened(port: int) -> None:
    until_s = time.monotonic() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > until_s:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def loaded(order: "Order") -> "Told":
    """The load in a process of its own. RuntimeError where an answer was wrong."""
    from benchmarks.bench.load import Told

    with on(OTHER_CORES):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.bench.load"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    out, _ = await process.communicate(json.dumps(asdict(order)).encode())
    if process.returncode:
        raise RuntimeError("the load broke down")
    told = Told(**json.loads(out))
    if told.wrong or not told.answered:
        raise RuntimeError(f"{told.wrong} wrong answers, {told.answered} in all: {told.sample}")
    return told
