"""The figures of a database that has grown: do they stay what they were when it was small?

The smallest database takes the place of the baseline. All have the same number of open
orders and of resellers; what differs is how many orders have ended.
"""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import grown
from benchmarks.bench.effort import Effort
from benchmarks.bench.ground import Ground, panel, scratch
from benchmarks.bench.load import Told
from benchmarks.bench.placing import ADDED, LINK, cpu_times, rates
from benchmarks.bench.processes import loaded, resident_mib
from benchmarks.bench.reading import questions
from benchmarks.bench.scores import Figure, Goal

ASKED = 1_000  # orders that are asked after, over and over
STEPS = (500, 50, 5, 1)  # the sizes, as parts of the largest
LARGE_BYTES = 200_000_000
ENOUGH = 3  # rounds, each over all sizes
SMALLEST = 10_000  # so that there are as many different questions at every size


@dataclass(frozen=True, slots=True)
class Visit:
    """One start of the server on one database."""

    start_s: float
    add: Told
    status: Told
    resident_mib: float


async def growth(effort: Effort) -> list[Figure]:
    sizes = sorted({max(effort.grown // part, SMALLEST) for part in STEPS})
    databases = {size: grown.kept(size) for size in sizes}
    visits: dict[int, list[Visit]] = {size: [] for size in sizes}
    for _ in range(min(effort.rounds, ENOUGH)):
        for size, database in databases.items():
            visits[size].append(await _visit(database, effort))
    return _figures(visits)


async def _visit(database: grown.Grown, effort: Effort) -> Visit:
    async with panel() as behind:
        with scratch() as folder:
            path = _unused(database, folder)
            ground = Ground(folder, behind.port, database=path, key=database.key)
            ground.prepare()
            began_s = time.monotonic()
            async with ground.serving() as server:
                start_s = time.monotonic() - began_s
                body = ground.body("add", service="1", quantity="100", link=LINK)
                bodies = questions(ground, database.ids(ASKED))
                return Visit(
                    start_s,
                    await loaded(effort.order(server, [body], ADDED)),
                    await loaded(effort.order(server, bodies, "{")),
                    resident_mib(server.pid),
                )


def _unused(database: grown.Grown, folder: Path) -> Path:
    """A copy; of a large one the original, in which orders of earlier rounds hardly count."""
    path = database.path
    if path.stat().st_size < LARGE_BYTES:
        path = Path(shutil.copy(path, folder))
    database.renew(path)
    return path


def _figures(visits: Mapping[int, list[Visit]]) -> list[Figure]:
    first, size = min(visits), max(visits)
    small, large = visits[first], visits[size]
    at = f"at {size:,} orders"
    add = {size: rates([one.add for one in found]) for size, found in visits.items()}
    status = {size: rates([one.status for one in found]) for size, found in visits.items()}
    kept = Goal("ratio", at_least=0.9)
    starts = {"small_start_s": [one.start_s for one in small]}
    return [
        Figure(f"durable add {at}", "1/s", kept, add[size], add[first], {"growth": add}),
        Figure(f"status {at}", "1/s", kept, status[size], status[first], {"growth": status}),
        *_cpu(f"durable add {at}", [one.add for one in large], [one.add for one in small]),
        *_cpu(f"status {at}", [one.status for one in large], [one.status for one in small]),
        Figure(
            f"resident memory {at}",
            "MiB",
            Goal(at_most=300),
            [one.resident_mib for one in large],
        ),
        Figure(
            f"start to ready {at}", "s", Goal(at_most=3), [one.start_s for one in large], (), starts
        ),
    ]


def _cpu(name: str, large: Sequence[Told], small: Sequence[Told]) -> list[Figure]:
    return [Figure(f"{name}: CPU time", "µs", Goal("ratio"), cpu_times(large), cpu_times(small))]
