"""What asking has shown of a provider's panel: how many IDs it takes, and which not."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from aggregator.core.halving import GIVE_UP_MS, Limit, Search
from aggregator.dialects import Dialect

LONERS = 1_000  # remembered for each action


@dataclass(slots=True)
class Learned:
    """By action. Of ``limits`` alone something is kept over a restart."""

    limits: dict[str, Limit] = field(default_factory=dict)
    _loners: dict[str, OrderedDict[str, None]] = field(default_factory=dict)
    _searched_ms: dict[str, int] = field(default_factory=dict)  # in vain

    def batch_size(self, dialect: Dialect, action: str, now_ms: int) -> int:
        """At least 1."""
        most = max(dialect.batch_size(action), 1)
        limit = self.limits.get(action)
        return most if limit is None else limit.allowed(most, now_ms)

    def loners(self, action: str) -> Collection[str]:
        return self._loners.get(action, ())

    def may_search(self, action: str, now_ms: int) -> bool:
        return now_ms - self._searched_ms.get(action, -GIVE_UP_MS) >= GIVE_UP_MS

    def took(self, action: str, ids: Sequence[str], dialect: Dialect, now_ms: int) -> None:
        """A batch went well: perhaps more than was known to fit; perhaps a loner's."""
        limit = self.limits.get(action)
        if limit is not None and len(ids) > limit.size:
            self.limits[action] = Limit(len(ids), now_ms)
            if len(ids) >= dialect.batch_size(action):
                del self.limits[action]
        if len(ids) == 1 and action in self._loners:
            self._loners[action].pop(ids[0], None)

    def found(self, action: str, search: Search, now_ms: int) -> None:
        if search.in_vain:
            self._searched_ms[action] = now_ms
        elif search.fits is not None:
            self.limits[action] = Limit(search.fits, now_ms)
        elif search.loners:
            known = self._loners.setdefault(action, OrderedDict())
            known.update(dict.fromkeys(search.loners))
            while len(known) > LONERS:
                known.popitem(last=False)

    def restore(self, limits: Mapping[str, Limit]) -> None:
        """From before a restart; what has been found out since then counts more."""
        self.limits = {**limits, **self.limits}
