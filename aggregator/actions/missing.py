"""Which orders their providers do not know, by what they say: in memory, and bounded."""

from collections import OrderedDict

from aggregator.core.missing import Missed

KEPT = 10_000


class Missing:
    def __init__(self) -> None:
        self._missed: OrderedDict[int, Missed] = OrderedDict()
        self._heard_ms: dict[str, int] = {}

    def heard(self, provider: str, order_id: int, now_ms: int) -> None:
        """The provider told the status of this order."""
        self._heard_ms[provider] = now_ms
        self._missed.pop(order_id, None)

    def is_lasting(self, provider: str, order_id: int, now_ms: int) -> bool:
        """It did not know the order; true where that has just become worth an alert."""
        before = self._missed.get(order_id, Missed())
        after = before.again(now_ms, self._heard_ms.get(provider, 0))
        self._missed[order_id] = after
        while len(self._missed) > KEPT:
            self._missed.popitem(last=False)
        return after.is_lasting and not before.is_lasting
