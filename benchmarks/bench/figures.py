"""Which figures there are, in the order in which they are measured."""

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.bench import asking, growth, placing, reading
from benchmarks.bench.effort import Effort
from benchmarks.bench.scores import Figure

ALL: Mapping[str, Callable[[Effort], Awaitable[list[Figure]]]] = {
    "add": placing.add,
    "latency": placing.latency,
    "status": reading.status,
    "services": reading.services,
    "calls": asking.calls,
    "polling": asking.polling,
    "growth": growth.growth,
}
