"""How often providers are asked: by resellers' questions, and by the server's own polling.

What is counted are calls that reached the panel, whoever caused them.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import house
from benchmarks.bench import grown
from benchmarks.bench.effort import Effort
from benchmarks.bench.ground import PROVIDERS, Ground, panel, scratch
from benchmarks.bench.load import Order
from benchmarks.bench.processes import Listening, cpu_s, loaded
from benchmarks.bench.reading import AT_ONCE, placed, questions, served
from benchmarks.bench.scores import Figure, Goal

PATIENCE_S = 300.0
ENOUGH = 2  # rounds: calls are counted, not timed
BATCH = 100  # orders in one call, in the standard dialect

Bodies = Callable[[Ground, Sequence[int]], list[str]]


async def calls(effort: Effort) -> list[Figure]:
    """Upstream calls for a storm of questions after the same orders."""
    kinds = {
        "each of 100 of them": questions,
        "each of any 100 of them": _any_of,
        "each of one of them": _one_by_one,
    }
    rounds = min(effort.rounds, ENOUGH)
    naive = [float(effort.asked)] * rounds
    found = []
    for name, bodies in kinds.items():
        counted = [await _storm(bodies, effort.asked) for _ in range(rounds)]
        goal = Goal(at_most=10) if bodies is questions else Goal()
        title = f"upstream calls for {effort.asked:,} status requests, {name}"
        found.append(Figure(title, "calls", goal, counted, naive))
    return found


def _any_of(ground: Ground, ids: Sequence[int]) -> list[str]:
    chance = random.Random(1)
    picked = (chance.sample(ids, AT_ONCE) for _ in ids)
    return [ground.body("status", orders=",".join(map(str, one))) for one in picked]


def _one_by_one(ground: Ground, ids: Sequence[int]) -> list[str]:
    return [ground.body("status", order=str(one)) for one in ids]


async def _storm(bodies: Bodies, count: int) -> float:
    async with served() as (ground, server):
        await placed(ground, count)
        asked = bodies(ground, range(1, count + 1))
        before = await _status_calls(ground.panel_port)
        await loaded(Order(server.port, asked, "{", requests=count))
        return float(await _status_calls(ground.panel_port) - before)


async def polling(effort: Effort) -> list[Figure]:
    """One cycle of the server's own polling: every open order asked after once."""
    cycles = [await _cycle(effort.due) for _ in range(min(effort.rounds, ENOUGH))]
    least = effort.due / BATCH
    name = f"polling {effort.due:,} open orders over {len(PROVIDERS)} panels"
    return [
        Figure(
            f"{name}: calls",
            "calls",
            Goal("ratio", at_most=1.05),
            [counted for counted, _, _ in cycles],
            [least] * len(cycles),
        ),
        Figure(f"{name}: CPU", "s", Goal(), [cpu for _, cpu, _ in cycles]),
        Figure(f"{name}: time", "s", Goal(), [seconds for _, _, seconds in cycles]),
    ]


async def _cycle(due: int) -> tuple[float, float, float]:
    """Calls, CPU seconds of the server's, seconds."""
    async with panel() as behind:
        with scratch() as folder:
            path = folder / "aggregator.db"
            made = grown.make(path, due + due // 10, due, due=True)
            ground = Ground(folder, behind.port, key=made.key)
            ground.prepare()
            async with ground.serving() as server:
                began_s, used_s = time.monotonic(), cpu_s(server.pid)
                counted = await _all_asked(server, behind.port, due)
                return counted, cpu_s(server.pid) - used_s, time.monotonic() - began_s


async def _all_asked(server: Listening, panel_port: int, due: int) -> float:
    """The calls it took until every order had been asked after."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            counts = await _counts(panel_port)
            if sum(one["orders"] for one in counts.values()) >= due:
                return float(sum(one["calls"].get("status", 0) for one in counts.values()))
            await asyncio.sleep(0.25)


async def _status_calls(panel_port: int) -> int:
    counts = await _counts(panel_port)
    return sum(one["calls"].get("status", 0) for one in counts.values())


async def _counts(panel_port: int) -> dict[str, Any]:
    async with house.session() as http, http.get(f"http://127.0.0.1:{panel_port}/counts") as told:
        return dict(json.loads(await told.read()))
