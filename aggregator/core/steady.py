"""The time that deadlines go by: the wall clock's, without its steps.

A machine that slept, or whose clock was set, would otherwise fire every deadline at
once, or none for hours. So a step of the wall clock against the monotonic one is left
out, and whatever was due later is due that much later; small corrections are followed.
A restart takes the wall clock as it finds it, and waits before it moves money.
"""

from dataclasses import dataclass

STEP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Steady:
    """``ahead_ms``: the wall clock less the monotonic one. ``skipped_ms``: all steps so far."""

    ahead_ms: int
    skipped_ms: int = 0

    def after(self, wall_ms: int, monotonic_ms: int) -> tuple["Steady", int]:
        """As it stands now, and the step that was just made; 0 for none."""
        ahead_ms = wall_ms - monotonic_ms
        step_ms = ahead_ms - self.ahead_ms
        if abs(step_ms) <= 1:  # two readings, each rounded
            return self, 0
        if abs(step_ms) <= STEP_MS:
            return Steady(ahead_ms, self.skipped_ms), 0
        return Steady(ahead_ms, self.skipped_ms + step_ms), step_ms

    def now_ms(self, wall_ms: int) -> int:
        return wall_ms - self.skipped_ms
