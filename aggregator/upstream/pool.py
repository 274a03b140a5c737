"""The connections that lie idle, to be used again."""

import asyncio
from collections import deque

from aggregator.upstream.alarm import Alarm
from aggregator.upstream.line import Line


class Pool:
    """``keepalive_s``: for how long a connection may lie idle."""

    def __init__(self, keepalive_s: float) -> None:
        self._keepalive_s = keepalive_s
        self._idle: dict[str, deque[tuple[float, Line]]] = {}  # the longest idle comes first
        self._alarm = Alarm(self._sweep)
        self._time = asyncio.get_running_loop().time

    def take(self, origin: str) -> Line | None:
        """The line that was used last: the other side is the least likely to close it now."""
        idle = self._idle.get(origin)
        while idle:
            until, line = idle.pop()
            if line.is_free and line.is_quiet and self._time() <= until:
                return line
            line.close()
        return None

    def keep(self, origin: str, line: Line) -> None:
        """A line that is not free is let go."""
        if line.is_free:
            until = self._alarm.within(self._keepalive_s)
            self._idle.setdefault(origin, deque()).append((until, line))

    def close(self) -> None:
        """Nothing is looked after any more; the lines are the connector's to close."""
        self._alarm.off()
        self._idle.clear()

    def _sweep(self, now: float) -> float | None:
        for idle in self._idle.values():
            while idle and idle[0][0] <= now:
                idle.popleft()[1].close()
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}
        return min((idle[0][0] for idle in self._idle.values()), default=None)
