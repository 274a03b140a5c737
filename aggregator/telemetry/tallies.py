"""What is counted at every request: no lock, no object per label, text only at a scrape.

For one thread alone, that of the event loop: counts of others would be lost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally(Collector):
    """A counter: add to ``counts``, by the labels' values. They are whole numbers, of which
    ``unit`` are shown as 1."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, *labels: str, unit: int = 1
    ) -> None:
        self.counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._told = (name, text, labels)
        self._unit = unit
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        name, text, labels = self._told
        family = CounterMetricFamily(name, text, labels=labels)
        for values, count in self.counts.items():
            family.add_metric(values, count / self._unit)
        yield family


class Times(Collector):
    """A histogram of seconds. ``bounds``: the upper ones of its buckets, ascending."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        *labels: str,
        bounds: Sequence[float],
    ) -> None:
        self._bounds = bounds
        self._buckets: dict[tuple[str, ...], list[int]] = {}
        self._sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self._told = (name, text, labels)
        registry.register(self)

    def observe(self, values: tuple[str, ...], seconds: float) -> None:
        """``values``: of the labels."""
        buckets = self._buckets.get(values)
        if buckets is None:
            buckets = self._buckets[values] = [0] * (len(self._bounds) + 1)
        buckets[bisect_left(self._bounds, seconds)] += 1
        self._sums[values] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        name, text, labels = self._told
        family = HistogramMetricFamily(name, text, labels=labels)
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for values, buckets in self._buckets.items():
            running = accumulate(buckets)
            family.add_metric(values, list(zip(names, running, strict=True)), self._sums[values])
        yield family
