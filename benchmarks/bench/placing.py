"""The figures of ``add``: how many a second, at what CPU time, and how late.

Each ``add`` of ours is two commits on disk (``synchronous=FULL``) around one call to the
panel. The pass-through makes the same call and nothing else.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.bench.effort import Effort
from benchmarks.bench.ground import Ground, panel, scratch
from benchmarks.bench.load import NUMBER, Order, Told
from benchmarks.bench.processes import SERVER_CORES, Listening, loaded, module
from benchmarks.bench.scores import Figure, Goal
from benchmarks.house import free_port

LINK = f"https://instagram.com/p/{NUMBER}"
ADDED = '{"order":'


Subject = Callable[[int], AbstractAsyncContextManager[tuple[Listening, str]]]
"""Given the panel's port: a server, and the body of an ``add`` for it."""


@asynccontextmanager
async def ours(panel_port: int) -> AsyncIterator[tuple[Listening, str]]:
    with scratch() as folder:
        ground = Ground(folder, panel_port)
        ground.prepare()
        async with ground.serving() as server:
            yield server, ground.body("add", service="1", quantity="100", link=LINK)


@asynccontextmanager
async def pass_through(panel_port: int) -> AsyncIterator[tuple[Listening, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{panel_port}/p1/api/v2"
    arguments = ("pass-through", str(port), url)
    async with module("baselines", port, *arguments, cores=SERVER_CORES) as server:
        body = Ground(Path(), panel_port, port=port, key="k" * 64)
        yield server, body.body("add", service="1", quantity="100", link=LINK)


async def measured(subject: Subject, effort: Effort, rate: float | None = None) -> Told:
    """One round of ``add`` against one server, just started, with a panel of its own."""
    async with panel() as behind, subject(behind.port) as (server, body):
        watched = {"server": server.pid, "panel": behind.pid}
        order = Order(server.port, [body], ADDED, rate=rate, watched=watched)
        return await loaded(replace(order, seconds=effort.seconds, warm_s=effort.warm_s))


async def in_turn(effort: Effort, rate: float | None = None) -> tuple[list[Told], list[Told]]:
    """Rounds of ours and of the pass-through, one after the other."""
    rounds = [
        (await measured(ours, effort, rate), await measured(pass_through, effort, rate))
        for _ in range(effort.rounds)
    ]
    return [one for one, _ in rounds], [other for _, other in rounds]


async def panel_alone(effort: Effort) -> Told:
    """The load straight onto the panel: what it could take, had it nobody before it."""
    async with panel() as behind:
        straight = Ground(Path(), behind.port, port=behind.port, key="k" * 64)
        order = Order(
            behind.port,
            [straight.body("add", service="1", quantity="100", link=LINK)],
            ADDED,
            path="/p1/api/v2",
            seconds=effort.seconds,
        )
        return await loaded(order)


async def add(effort: Effort) -> list[Figure]:
    alone = await panel_alone(effort)
    mine, theirs = await in_turn(effort)
    notes = {
        "said": f"the panel alone answers {alone.per_s:,.0f}/s; of a core, {_said(mine)};"
        f" for the baseline, {_said(theirs)}",
        "panel_alone_per_s": alone.per_s,
        "cpu_shares": _shares(mine),
        "baseline_cpu_shares": _shares(theirs),
        "p50_ms": [one.p50_ms for one in mine],
        "p99_ms": [one.p99_ms for one in mine],
    }
    name = "durable add"
    per_s = rates(mine), rates(theirs)
    cpu = cpu_times(mine), cpu_times(theirs)
    return [
        Figure(f"{name}, 50 connections", "1/s", Goal("ratio", at_least=0.8), *per_s),
        Figure(f"{name}: CPU time", "µs", Goal("ratio", at_most=1.3), *cpu, notes),
    ]


async def latency(effort: Effort) -> list[Figure]:
    mine, theirs = await in_turn(effort, rate=200.0)
    p50 = [one.p50_ms for one in mine], [one.p50_ms for one in theirs]
    p99 = [one.p99_ms for one in mine], [one.p99_ms for one in theirs]
    return [
        Figure("add at 200/s, added p50", "ms", Goal("difference", at_most=2.0), *p50),
        Figure("add at 200/s, added p99", "ms", Goal("difference", at_most=8.0), *p99),
        Figure("add at 200/s, p50", "ms", Goal("ratio"), *p50),
        Figure("add at 200/s, p99", "ms", Goal("ratio"), *p99),
    ]


def rates(rounds: Sequence[Told]) -> list[float]:
    return [told.per_s for told in rounds]


def cpu_times(rounds: Sequence[Told]) -> list[float]:
    """Microseconds of the server's for each answer."""
    return [1e6 * told.cpu_s["server"] / told.answered for told in rounds]


def _shares(rounds: Sequence[Told]) -> dict[str, float]:
    """Of one core, over all rounds."""
    seconds = sum(told.seconds for told in rounds)
    names = rounds[0].cpu_s
    return {name: sum(told.cpu_s[name] for told in rounds) / seconds for name in names}


def _said(rounds: Sequence[Told]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in _shares(rounds).items())
