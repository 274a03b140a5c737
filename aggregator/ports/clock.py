"""The time: of the wall, and of a watch that never steps back."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never stepping back."""
