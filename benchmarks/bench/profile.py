"""Where the server's time goes, layer by layer: ``python -m benchmarks.bench.profile add``.

py-spy samples the thread that runs the event loop; a sample counts for the innermost
layer on its stack, so that the standard library counts for whoever called it. The shares
are laid on the CPU time that the kernel says this thread used for a request, in a round
that was not watched. What the other threads used (writing the database, reading it) is
one line.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench import placing, reading
from benchmarks.bench.effort import Effort
from benchmarks.bench.ground import panel, scratch
from benchmarks.bench.load import Told
from benchmarks.bench.processes import OTHER_CORES, loaded, on
from benchmarks.bench.reading import Asked

# What a frame's file is part of; the first that fits. The rest counts for its caller.
LAYERS = {
    "aggregator/dialects/": "dialects",
    "aggregator/core/": "core",
    "aggregator/telemetry/": "telemetry",
    "structlog/": "telemetry",
    "prometheus_client/": "telemetry",
    "aggregator/store/": "store",
    "sqlite3/": "store",
    "aiosqlite/": "store",
    "aggregator/upstream/": "upstream",
    "aggregator/actions/": "actions",
    "aggregator/background/": "background",
    "aggregator/api/incoming.py": "connections",
    "aggregator/api/connection.py": "connections",
    "aggregator/api/answers.py": "connections",
    "aggregator/api/": "api",
    "aiohttp/client": "aiohttp, as a client",
    "aiohttp/connector": "aiohttp, as a client",
    "aiohttp/web": "aiohttp, as a server",
    "asyncio/": "event loop",
}


@asynccontextmanager
async def _adding(subject: placing.Subject) -> AsyncIterator[Asked]:
    async with panel() as behind, subject(behind.port) as (server, body):
        yield Asked(server, [body], placing.ADDED)


SUBJECTS: Mapping[str, Callable[[], AbstractAsyncContextManager[Asked]]] = {
    "add": partial(_adding, placing.ours),
    "pass-through": partial(_adding, placing.pass_through),
    "status": partial(reading.known_orders, Effort().asked),
    "services": partial(reading.full_list, Effort().services),
}


async def profiled(asked: Asked, effort: Effort, path: Path) -> Told:
    """A round of load for what it tells, and one with samples written to ``path``: to be
    watched costs time."""
    order = effort.order(asked.server, asked.bodies, asked.starts)
    told = await loaded(order)
    load = asyncio.create_task(loaded(order))
    await asyncio.sleep(effort.warm_s + 1)
    spy = Path(sys.executable).with_name("py-spy")
    options = ("--gil", "--threads", "--rate", "200", "--format", "raw", "--output", str(path))
    duration = str(max(int(effort.seconds) - 1, 1))
    with on(OTHER_CORES):
        process = await asyncio.create_subprocess_exec(
            *(spy, "record", "--pid", str(asked.server.pid), "--duration", duration, *options),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    await load
    if await process.wait():
        raise RuntimeError("py-spy found no way in: it needs the right to trace processes")
    return told


def layers(samples: str) -> Counter[str]:
    """Of the first thread, from py-spy's raw format: frames from the outermost inwards,
    and a count."""
    found: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if "MainThread" in thread:
            found[_layer(frames)] += int(count)
    return found


def _layer(stack: list[str]) -> str:
    for frame in reversed(stack):
        path = frame.partition("(")[2]
        for part, layer in LAYERS.items():
            if path.startswith(part):
                return layer
    return "other"


def _table(name: str, told: Told, found: Counter[str]) -> Table:
    all_us, loop_us = (1e6 * told.cpu_s[of] / told.answered for of in ("server", "event loop"))
    spent = {layer: loop_us * count / found.total() for layer, count in found.items()}
    spent["other threads"] = max(all_us - loop_us, 0.0)
    table = Table("layer", "µs", "share", title=f"{name}: {all_us:.0f} µs of CPU a request")
    for layer, layer_us in sorted(spent.items(), key=lambda one: -one[1]):
        table.add_row(layer, f"{layer_us:.0f}", f"{layer_us / all_us:.0%}")
    return table


async def _run(name: str, effort: Effort) -> Table:
    with scratch() as folder:
        path = folder / "samples"
        async with SUBJECTS[name]() as asked:
            told = await profiled(asked, effort, path)
        return _table(name, told, layers(path.read_text()))


def main() -> int:
    made = argparse.ArgumentParser(prog="benchmarks.bench.profile")
    made.add_argument("subject", choices=SUBJECTS)
    made.add_argument("--seconds", type=float, default=8.0)
    given = made.parse_args()
    Console().print(asyncio.run(_run(given.subject, Effort(seconds=given.seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
