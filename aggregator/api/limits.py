"""How often somebody may ask: a bucket per somebody, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

SIZE = 65_536  # who came last is remembered; a few MiB at most
_GRAIN_S = 1e-6  # rounding must not cost the last one of a full bucket


@dataclass(frozen=True, slots=True)
class Limit:
    """``count`` at once, and as many again over each ``seconds``, evenly."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit. ``failed_auth`` counts the refused keys of an address, and its
    requests that nobody could read."""

    per_key: Limit | None = None
    per_address: Limit | None = None
    failed_auth: Limit | None = Limit(20, 60)


class Limiter:
    """The generic cell rate algorithm: all it knows of somebody is one moment.

    That moment is when his bucket will be full again. Each request moves it on by
    ``seconds / count``, and it may be ``seconds`` away at most.
    """

    def __init__(
        self,
        limit: Limit | None,
        monotonic: Callable[[], float] = time.monotonic,
        size: int = SIZE,
    ) -> None:
        self.limit = limit  # may be replaced: the moments stay true
        self._monotonic = monotonic
        self._size = size
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait_s(self, who: Hashable) -> float:
        """Seconds until ``who`` may ask; 0 if now. Counts nothing."""
        return self._next(who)[0]

    def take(self, who: Hashable) -> float:
        """Counts one request of ``who`` and returns 0, or seconds to wait if refused."""
        wait_s, full_at = self._next(who)
        if self.limit is None or wait_s:
            return wait_s
        self._full_at[who] = full_at
        self._full_at.move_to_end(who)
        if len(self._full_at) > self._size:
            self._full_at.popitem(last=False)
        return 0

    def _next(self, who: Hashable) -> tuple[float, float]:
        """Seconds to wait, and when the bucket would be full after one more."""
        if self.limit is None:
            return 0, 0
        now = self._monotonic()
        full_at = max(self._full_at.get(who, now), now) + self.limit.seconds / self.limit.count
        wait_s = full_at - now - self.limit.seconds
        return (wait_s if wait_s > _GRAIN_S else 0), full_at


class Remembered:
    """The last ``size`` somebodies that were added."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._last: OrderedDict[Hashable, None] = OrderedDict()

    def __contains__(self, who: Hashable) -> bool:
        return who in self._last

    def add(self, who: Hashable) -> None:
        self._last[who] = None
        self._last.move_to_end(who)
        if len(self._last) > self._size:
            self._last.popitem(last=False)

    def discard(self, who: Hashable) -> None:
        self._last.pop(who, None)
