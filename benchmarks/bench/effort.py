"""How much is measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench.load import Order
from benchmarks.bench.processes import Listening


@dataclass(frozen=True, slots=True)
class Effort:
    """So many rounds, each with so many seconds of load, after ``warm_s`` uncounted ones.

    ``grown``: orders in the largest database. ``due``: orders of one cycle of polling.
    ``asked``: requests of one storm, and the orders that they are about. ``services``: in
    a list.
    """

    rounds: int = 5
    seconds: float = 4.0
    warm_s: float = 1.0
    grown: int = 5_000_000
    due: int = 100_000
    asked: int = 1_000
    services: int = 5_000

    def order(self, server: Listening, bodies: Sequence[str], starts: str) -> Order:
        """A round of load on a server, whose CPU time is told."""
        return Order(
            server.port,
            bodies,
            starts,
            seconds=self.seconds,
            warm_s=self.warm_s,
            watched={"server": server.pid},
        )


QUICK = Effort(rounds=1, seconds=0.5, warm_s=0.1, grown=50_000, due=5_000)
