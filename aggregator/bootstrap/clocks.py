"""The machine's clocks, and the time that a stop may take."""

import time
from collections.abc import Awaitable, Callable

from aggregator.core.steady import Steady


class SystemClock:
    """``ports.Clock`` over the machine's clocks. ``stepped`` hears of milliseconds that
    the wall clock jumped, and that this one leaves out."""

    def __init__(self) -> None:
        self.stepped: Callable[[int], None] = lambda _ms: None
        self._steady = Steady(time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000)

    def now_ms(self) -> int:
        wall_ms = time.time_ns() // 1_000_000
        self._steady, step_ms = self._steady.after(wall_ms, time.monotonic_ns() // 1_000_000)
        if step_ms:
            self.stepped(step_ms)
        return self._steady.now_ms(wall_ms)

    def monotonic(self) -> float:
        return time.monotonic()


class Drain:
    """``drain_within`` from the moment at which the first of its users asks: they share it."""

    def __init__(self, within_s: Callable[[], float]) -> None:
        self._within_s = within_s
        self._until_s: float | None = None

    async def through(self, end: Callable[[float], Awaitable[None]]) -> None:
        """Gives ``end`` what is left of the time."""
        now_s = time.monotonic()
        self._until_s = self._until_s or now_s + self._within_s()
        await end(max(self._until_s - now_s, 0))
