"""What was measured, how it compares, and what the goal was."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """``of``: what the bound is for. None: printed, with no goal."""

    of: Literal["ratio", "difference", "value"] = "value"
    at_least: float | None = None
    at_most: float | None = None

    def met(self, score: float) -> bool | None:
        if self.at_least is not None:
            return score >= self.at_least
        return score <= self.at_most if self.at_most is not None else None

    def __str__(self) -> str:
        mark = {"ratio": "×", "difference": "Δ", "value": ""}[self.of]
        if self.at_least is not None:
            return f"{mark} ≥ {self.at_least:g}".strip()
        return f"{mark} ≤ {self.at_most:g}".strip() if self.at_most is not None else "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """One value a round of ours and, where there is one, of the baseline in that round."""

    name: str
    unit: str
    goal: Goal
    ours: Sequence[float]
    baseline: Sequence[float] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> list[float]:
        """What the goal is about, round by round."""
        if self.goal.of == "value":
            return list(self.ours)
        pairs = zip(self.ours, self.baseline, strict=True)
        compare: Callable[[float, float], float] = (
            (lambda ours, base: ours / base)
            if self.goal.of == "ratio"
            else (lambda ours, base: ours - base)
        )
        return [compare(ours, base) for ours, base in pairs]

    @property
    def score(self) -> float:
        return statistics.median(self.scores)

    @property
    def met(self) -> bool | None:
        return self.goal.met(self.score)

    def told(self) -> dict[str, Any]:
        return {
            "figure": self.name,
            "unit": self.unit,
            "ours": list(self.ours),
            "baseline": list(self.baseline),
            "score": self.score,
            "lowest": min(self.scores),
            "highest": max(self.scores),
            "goal": str(self.goal),
            "met": self.met,
            **self.notes,
        }
