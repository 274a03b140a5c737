"""Orders in memory as they stand on disk: those that were read last.

Never stale against a commit of our own process: every statement that changes orders
tells which (``tx.touched_by``), and the writer drops those here before it hands out any
result of that commit. A read that was under way meanwhile keeps none of them, for it may
have seen what stood there before, and whoever waits for it gets them read once more
(``ScriptedStore.orders``). What *others* commit is noticed by asking
(``changed_elsewhere``, twice a second): then everything is dropped. If nobody could ask
for ``BELIEVED_S``, nothing here is believed.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import is_

from aggregator.core.model import Order
from aggregator.store.tx import ANY

BELIEVED_S = 5.0


@dataclass(slots=True, eq=False)
class Reading:
    """A read under way. ``changed``: orders that have been changed since it began."""

    changed: set[int] = field(default_factory=set)
    all_changed: bool = False


class Hot:
    """At most ``most`` orders; 0: none, where nobody watches what others commit."""

    def __init__(self, most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._monotonic = monotonic
        self._orders: OrderedDict[int, Order] = OrderedDict()
        self._readings: set[Reading] = set()
        self._asked_s = monotonic()
        self._revision = 0

    def found(self, ids: Sequence[int]) -> dict[int, Order]:
        """Those of ``ids`` that are here."""
        if self._monotonic() - self._asked_s > BELIEVED_S:
            self.drop_all()
            return {}
        orders, touch = self._orders, self._orders.move_to_end
        found = {}
        for order_id in ids:
            order = orders.get(order_id)
            if order is not None:
                touch(order_id)
                found[order_id] = order
        return found

    @property
    def revision(self) -> int:
        """Another number whenever any order that was here may have changed, or has gone."""
        if self._monotonic() - self._asked_s > BELIEVED_S:
            self.drop_all()
        return self._revision

    def holds(self, orders: Sequence[Order]) -> bool:
        """Whether these very rows are here."""
        here = map(self._orders.get, [order.id for order in orders])
        believed = self._monotonic() - self._asked_s <= BELIEVED_S
        return believed and all(map(is_, here, orders))

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Around a read whose rows are to be kept."""
        reading = Reading()
        self._readings.add(reading)
        try:
            yield reading
        finally:
            self._readings.discard(reading)

    def keep(self, reading: Reading, orders: Mapping[int, Order]) -> None:
        """What the read has found, as far as it still holds."""
        if reading.all_changed:
            return
        for order_id, order in orders.items():
            if order_id not in reading.changed:
                self._orders[order_id] = order
        while len(self._orders) > self._most:
            self._orders.popitem(last=False)
            self._revision += 1  # from now on nobody here learns of its changes

    def drop(self, ids: Collection[int]) -> None:
        """They have been changed by us."""
        if ANY in ids:
            self.drop_all()
        pop = self._orders.pop
        for order_id in ids:
            if pop(order_id, None) is not None:
                self._revision += 1
        for reading in self._readings:
            reading.changed.update(ids)

    def drop_all(self) -> None:
        self._orders.clear()
        self._revision += 1
        for reading in self._readings:
            reading.all_changed = True

    def asked(self, *, changed: bool) -> None:
        """Others were asked after: whether they have committed anything."""
        self._asked_s = self._monotonic()
        if changed:
            self.drop_all()
