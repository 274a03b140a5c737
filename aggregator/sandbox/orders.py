"""A pretend panel's orders, and what time makes of them.

Nothing runs in the background. ``Orders`` keeps a heap of what is due when, and
``advance`` plays it up to now, in order, before anything is answered: the same
requests at the same times give the same panel. An order takes a step at the end
of each stage: Pending, In progress, its ending. A drip-feed makes its next child
when the last one has ended; a subscription finds a post at every stage.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from aggregator.core import pricing
from aggregator.core.model import Kind, Purchase, Service
from aggregator.core.order_types import TYPES
from aggregator.sandbox.catalogue import Ending

OPEN = frozenset({"Pending", "In progress", "Active", "Paused"})


@dataclass(slots=True)
class PanelOrder:
    """One order. ``charge_micros``: what it costs by now; ``made``: its children."""

    id: str
    service: Service
    purchase: Purchase
    ending: Ending
    charge_micros: int
    kind: Kind = Kind.NORMAL
    parent: "PanelOrder | None" = None
    word: str = "Pending"
    remains: int = 0
    start_count: int = 0
    canceling: bool = False
    made: list["PanelOrder"] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.word in OPEN


@dataclass(slots=True)
class Purse:
    """The account's balance, exact."""

    micros: int

    def pay(self, micros: int) -> bool:
        """False, and nothing taken, where there is not enough."""
        if micros > self.micros:
            return False
        self.micros -= micros
        return True


class Numbers:
    """Rising order IDs. ``max_step`` over 1: others order here too, at random."""

    def __init__(self, first: int, max_step: int, dice: random.Random) -> None:
        self._next = first
        self._max_step = max_step
        self._dice = dice

    def draw(self) -> str:
        number = self._next
        self._next += self._dice.randint(1, self._max_step) if self._max_step > 1 else 1
        return str(number)


class Orders:
    """All orders of a panel, by kind of sequence and ID. ``stage_ms``: None stops time.

    ``own_dripfeed_ids``: drip-feeds are counted apart from all other orders.
    """

    def __init__(
        self,
        purse: Purse,
        *,
        stage_ms: int | None,
        first_id: int = 1,
        max_step: int = 1,
        own_dripfeed_ids: bool = False,
        dice: random.Random,
    ) -> None:
        self._purse = purse
        self._stage_ms = stage_ms
        self._dice = dice
        self._numbers = Numbers(first_id, max_step, dice)
        self._dripfeeds = Numbers(first_id, max_step, dice)
        self._own_dripfeed_ids = own_dripfeed_ids
        self._by_id: dict[tuple[bool, str], PanelOrder] = {}
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._ticks = count()
        self.now_ms = 0

    def find(self, order_id: str, kind: Kind) -> PanelOrder | None:
        return self._by_id.get((self._apart(kind), order_id))

    def active_with(self, link: str, service_id: int) -> bool:
        return any(
            order.open and order.purchase.link == link and order.service.id == service_id
            for order in self._by_id.values()
        )

    def advance(self, now_ms: int) -> None:
        """Plays everything that was due by ``now_ms``, each at its own moment."""
        while self._due and self._due[0][0] <= now_ms:
            self.now_ms, _, act = heapq.heappop(self._due)
            act()
        self.now_ms = max(self.now_ms, now_ms)

    def later(self, act: Callable[[], None]) -> None:
        """At the end of a stage from now."""
        if self._stage_ms is not None:
            heapq.heappush(self._due, (self.now_ms + self._stage_ms, next(self._ticks), act))

    def open(self, service: Service, purchase: Purchase, ending: Ending) -> PanelOrder | None:
        """A new order, paid for; None where the purse does not hold its price."""
        charge = 0 if purchase.kind is Kind.SUBSCRIPTION else _price(service, purchase.units)
        if not self._purse.pay(charge):
            return None
        order = self._new(service, purchase, ending, charge, purchase.kind)
        order.word = "Active" if purchase.kind is Kind.SUBSCRIPTION else "Pending"
        self.later(lambda: self._step(order))
        return order

    def cancel(self, order: PanelOrder) -> None:
        """At the end of a stage from now, or of the running one if that is sooner."""
        if not order.canceling:
            order.canceling = True
            self.later(lambda: self._step(order))

    def _new(
        self, service: Service, purchase: Purchase, ending: Ending, charge: int, kind: Kind
    ) -> PanelOrder:
        numbers = self._dripfeeds if self._apart(kind) else self._numbers
        order = PanelOrder(numbers.draw(), service, purchase, ending, charge, kind)
        order.remains = purchase.units
        order.start_count = self._dice.randint(0, 5000)
        self._by_id[self._apart(kind), order.id] = order
        return order

    def _apart(self, kind: Kind) -> bool:
        return self._own_dripfeed_ids and kind is Kind.DRIPFEED

    # -- the steps of an order's life

    def _step(self, order: PanelOrder) -> None:
        if not order.open:
            return
        if order.canceling:
            self._end(order, Ending.PARTIAL if order.word == "In progress" else Ending.CANCELED)
        elif order.kind is Kind.NORMAL:
            self._step_normal(order)
        elif order.kind is Kind.DRIPFEED:
            self._step_dripfeed(order)
        else:
            self._step_subscription(order)

    def _step_normal(self, order: PanelOrder) -> None:
        if order.word == "Pending":
            order.word = "In progress"
            order.remains -= order.remains // 2
            self.later(lambda: self._step(order))
        elif order.ending is not Ending.STUCK:
            self._end(order, order.ending)

    def _step_dripfeed(self, order: PanelOrder) -> None:
        """The next run, the end, or (for one that is to be canceled) the end after one."""
        stops = order.ending in (Ending.CANCELED, Ending.FAILED)
        if stops and order.made:
            self._end(order, order.ending)
        elif len(order.made) == order.purchase.runs:
            self._end(order, Ending.COMPLETED)
        else:
            order.word = "In progress"
            child_ending = Ending.COMPLETED if stops else order.ending
            quantity = order.purchase.quantity
            share = _price(order.service, order.purchase.units) // (order.purchase.runs or 1)
            self._child(order, quantity, share, child_ending)

    def _step_subscription(self, order: PanelOrder) -> None:
        quantity = self._dice.randint(int(order.purchase.params["min"]), order.purchase.quantity)
        charge = _price(order.service, quantity)
        if not self._purse.pay(charge):
            order.word = "Paused"
        else:
            order.word = "Active"
            order.charge_micros += charge
            self._child(order, quantity, charge, order.ending)
        if len(order.made) == order.purchase.runs:
            self._end(order, Ending.COMPLETED)
        else:
            self.later(lambda: self._step(order))

    def _child(self, parent: PanelOrder, quantity: int, charge: int, ending: Ending) -> None:
        """A part of its parent, who has paid; ``charge`` is what it costs of that."""
        purchase = Purchase(Kind.NORMAL, quantity, quantity, parent.purchase.params)
        child = self._new(parent.service, purchase, ending, charge, Kind.NORMAL)
        child.parent = parent
        parent.made.append(child)
        self.later(lambda: self._step(child))

    # -- ends

    def _end(self, order: PanelOrder, ending: Ending) -> None:
        """Gives back what was not delivered; a failed order gives nothing back."""
        order.word = {Ending.COMPLETED: "Completed", Ending.FAILED: "Fail"}.get(
            ending, ending.value.capitalize()
        )
        if order.kind is Kind.DRIPFEED:
            self._end_dripfeed(order)
        elif order.kind is Kind.NORMAL:
            self._end_normal(order, ending)
        if order.parent is not None and order.parent.kind is Kind.DRIPFEED:
            self._step(order.parent)

    def _end_normal(self, order: PanelOrder, ending: Ending) -> None:
        units = order.purchase.units
        left = {Ending.PARTIAL: units - units // 2, Ending.CANCELED: units}.get(ending, 0)
        order.remains = units if ending is Ending.FAILED else left
        back = order.charge_micros * left // units
        self._give_back(order, back)
        if order.parent is not None:
            order.parent.charge_micros -= back
            order.parent.remains -= units - left

    def _end_dripfeed(self, order: PanelOrder) -> None:
        """Gives back the runs that were never made; children settle for themselves."""
        runs = order.purchase.runs or 1
        if order.word != "Fail":
            full = _price(order.service, order.purchase.units)
            self._give_back(order, full * (runs - len(order.made)) // runs)

    def _give_back(self, order: PanelOrder, micros: int) -> None:
        order.charge_micros -= micros
        self._purse.micros += micros


def _price(service: Service, units: int) -> int:
    """In micros; a package has a price per order."""
    per_order = TYPES[service.type].per_order
    return pricing.price(service.rate_micros, units, per_order=per_order)
