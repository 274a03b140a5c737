"""The figures of ``status`` and ``services``, beside a handler that answers constant bytes.

The constant bytes are those that ours has just answered, so both send as much.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import house
from benchmarks.bench.effort import Effort
from benchmarks.bench.ground import PROVIDERS, Ground, panel, scratch, service
from benchmarks.bench.load import NUMBER, Order, Told
from benchmarks.bench.placing import ADDED, cpu_times, rates
from benchmarks.bench.processes import SERVER_CORES, Listening, loaded, module
from benchmarks.bench.scores import Figure, Goal

AT_ONCE = 100  # orders in a question


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and what it is to be asked."""

    server: Listening
    bodies: Sequence[str]
    starts: str


Subject = Callable[[], AbstractAsyncContextManager[Asked]]


@asynccontextmanager
async def served(
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[tuple[Ground, Listening]]:
    """Ours on a new database, with a panel."""
    async with panel() as behind:
        with scratch() as folder:
            ground = Ground(folder, behind.port, settings or {})
            ground.prepare()
            async with ground.serving() as server:
                yield ground, server


@asynccontextmanager
async def known_orders(orders: int) -> AsyncIterator[Asked]:
    """That many orders are open, and their status was asked a moment ago."""
    async with served() as (ground, server):
        await placed(ground, orders)
        asked = Asked(server, questions(ground, range(1, orders + 1)), "{")
        await loaded(Order(server.port, asked.bodies, asked.starts, requests=len(asked.bodies)))
        yield asked


async def placed(ground: Ground, orders: int) -> None:
    body = ground.body("add", service="1", quantity="100", link=f"https://x.example/{NUMBER}")
    await loaded(Order(ground.port, [body], ADDED, requests=orders))


def questions(ground: Ground, ids: Sequence[int]) -> list[str]:
    """Each of the orders in one question, as many as may be in each."""
    blocks = [ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)]
    return [ground.body("status", orders=",".join(map(str, block))) for block in blocks]


@asynccontextmanager
async def full_list(count: int) -> AsyncIterator[Asked]:
    """A configuration with as many services as a large panel has."""
    services = {
        number: service(
            f"Instagram Followers {number} [Real, 30 days refill]", PROVIDERS[number % 5]
        )
        for number in range(1, count + 1)
    }
    async with served({"services": services}) as (ground, server):
        yield Asked(server, [ground.body("services")], '[{"service":1,')


async def compared(subject: Subject, effort: Effort) -> tuple[list[Told], list[Told]]:
    """Rounds of ours and of the constant bytes, one after the other."""
    mine, theirs = [], []
    for _ in range(effort.rounds):
        async with subject() as asked:
            answer = await _answered(asked)
            mine.append(await loaded(effort.order(asked.server, asked.bodies, asked.starts)))
        async with _constant(answer) as server:
            theirs.append(await loaded(effort.order(server, asked.bodies, asked.starts)))
    return mine, theirs


async def _answered(asked: Asked) -> bytes:
    url = f"http://127.0.0.1:{asked.server.port}/api/v2"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with (
        house.session() as http,
        http.post(url, data=asked.bodies[0], headers=headers) as answer,
    ):
        return await answer.read()


@asynccontextmanager
async def _constant(answer: bytes) -> AsyncIterator[Listening]:
    port = house.free_port()
    with scratch() as folder:
        path = Path(folder) / "answer"
        path.write_bytes(answer)
        arguments = ("constant", str(port), str(path))
        async with module("baselines", port, *arguments, cores=SERVER_CORES) as server:
            yield server


def _figures(name: str, goal: Goal, mine: Sequence[Told], theirs: Sequence[Told]) -> list[Figure]:
    notes = {"answer_bytes": mine[0].size, "baseline_answer_bytes": theirs[0].size}
    return [
        Figure(name, "1/s", goal, rates(mine), rates(theirs), notes),
        Figure(f"{name}: CPU time", "µs", Goal("ratio"), cpu_times(mine), cpu_times(theirs)),
    ]


async def status(effort: Effort) -> list[Figure]:
    name = f"status of {AT_ONCE} known orders"
    return _figures(
        name,
        Goal("ratio", at_least=0.5),
        *await compared(partial(known_orders, effort.asked), effort),
    )


async def services(effort: Effort) -> list[Figure]:
    name = f"services, {effort.services:,} of them"
    return _figures(
        name,
        Goal("ratio", at_least=0.8),
        *await compared(partial(full_list, effort.services), effort),
    )
