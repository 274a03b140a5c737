"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """So many rounds, each with so many seconds of load, after ``warm_s`` uncounted ones."""

    rounds: int = 5
    seconds: float = 4.0
    warm_s: float = 1.0


QUICK = Effort(rounds=1, seconds=0.5, warm_s=0.1)
