"""A pretend panel: accounts, orders, refills. No socket, no disk, and time comes in.

``Panel.answer`` is the whole of it: a decoded request and the time in, a neutral
answer out, which the codec writes in the dialect's spelling.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aggregator.core import errors
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.messages import (
    Added,
    Balance,
    Command,
    OrderStatus,
    Refused,
    ServiceRow,
)
from aggregator.core.model import Kind
from aggregator.core.order_types import check
from aggregator.core.pricing import parse_micros
from aggregator.dialects import Request
from aggregator.sandbox.catalogue import CATALOGUE, Ending, Item
from aggregator.sandbox.orders import Orders, PanelOrder, Purse

Answer = (
    list[ServiceRow]
    | Added
    | Balance
    | Refused
    | Mapping[str, OrderStatus | Refused]
    | Mapping[str, str | Refused]
    | Mapping[str, Refused | None]
)

KEY = "sandbox-key"
REFILL_REJECTED = "sandbox-refill-rejected"  # in a link: its refill is rejected

NO_SERVICE = Refused(errors.SERVICE_NOT_FOUND, ErrorClass.SERVICE)
NO_FUNDS = Refused(errors.INSUFFICIENT_BALANCE, ErrorClass.FUNDS)
NO_KEY = Refused(errors.UNAUTHENTICATED, ErrorClass.AUTH)
NO_ACTION = Refused(errors.UNKNOWN_ACTION, ErrorClass.ACTION)
NO_ORDER = Refused(errors.INCORRECT_ORDER_ID, ErrorClass.ORDER)
NO_REFILL = Refused(errors.REFILL_NOT_AVAILABLE, ErrorClass.REFILL)
UNKNOWN_REFILL = Refused(errors.REFILL_NOT_FOUND, ErrorClass.REFILL)
NO_CANCEL = Refused(errors.CANCEL_NOT_AVAILABLE, ErrorClass.CANCEL)
TOO_MANY = Refused(errors.TOO_MANY_IDS, ErrorClass.PARAMS)
BUSY_LINK = Refused(errors.ACTIVE_ORDER, ErrorClass.DUPLICATE)


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """How a panel is set up.

    ``stage_s``: seconds an order spends in each of its stages (two, then its end);
    None stops time. ``max_step`` over 1: IDs rise by up to so much, as if others
    ordered too. ``own_dripfeed_ids``: drip-feeds have a sequence of their own; None
    leaves it to the dialect (yes, where a question after one has to be marked).
    ``names_children``: whether a drip-feed's status lists its children.
    ``unique_links``: refuse a second open order of a service on the same link.
    ``batch_limit``: a question about more orders than that is refused as a whole.
    ``remembers_requests``: an add with a ``request_id`` seen before is not repeated.
    """

    catalogue: Sequence[Item] = CATALOGUE
    keys: frozenset[str] = field(default=frozenset({KEY}), repr=False)
    balance: str = "1000"
    currency: str = "USD"
    stage_s: float | None = 2.0
    first_order_id: int = 1
    max_step: int = 1
    own_dripfeed_ids: bool | None = None
    names_children: bool = True
    unique_links: bool = False
    batch_limit: int | None = None
    remembers_requests: bool = False
    seed: int = 0


@dataclass(slots=True)
class _Refill:
    order: PanelOrder
    word: str = "Pending"


class Panel:
    """One account at a pretend panel. ``accepted`` hears of every order that an add
    bought, before the answer: a mapping fit for JSON with all of the parameters."""

    def __init__(
        self,
        settings: PanelSettings,
        accepted: Callable[[Mapping[str, object]], None] = lambda _record: None,
    ) -> None:
        self._settings = settings
        self._accepted = accepted
        self._items = {str(item.service.id): item for item in settings.catalogue}
        self.purse = Purse(parse_micros(settings.balance))
        stage_s = settings.stage_s
        self.orders = Orders(
            self.purse,
            stage_ms=None if stage_s is None else int(stage_s * 1000),
            first_id=settings.first_order_id,
            max_step=settings.max_step,
            own_dripfeed_ids=bool(settings.own_dripfeed_ids),
            dice=random.Random(settings.seed),
        )
        self._refills: dict[str, _Refill] = {}
        self._requests: dict[str, Added] = {}

    def answer(self, request: Request, now_ms: int) -> Answer:
        """What the panel says to ``request``, having done it."""
        self.orders.advance(now_ms)
        if request.key not in self._settings.keys:
            return NO_KEY
        command = request.command
        match command.action:
            case "services":
                return [item.row for item in self._items.values()]
            case "add":
                return self._add_once(command, request.request_id)
            case "balance":
                return Balance(Decimal(self.purse.micros).scaleb(-6), self._settings.currency)
            case "status" if self._is_too_much(command):
                return TOO_MANY
            case "status":
                return {each: self._status(each, command.kind) for each in _ids(command, "order")}
            case "refill":
                return {each: self._refill(each) for each in _ids(command, "order")}
            case "refill_status":
                return {each: self._refill_status(each) for each in _ids(command, "refill")}
            case "cancel":
                return {each: self._cancel(each) for each in _ids(command, "order")}
        return NO_ACTION

    def _is_too_much(self, command: Command) -> bool:
        most = self._settings.batch_limit
        return most is not None and len(_ids(command, "order")) > most

    # -- add

    def _add_once(self, command: Command, request_id: str | None) -> Added | Refused:
        if request_id is None or not self._settings.remembers_requests:
            return self._add(command)
        if request_id in self._requests:
            return self._requests[request_id]
        answer = self._add(command)
        if isinstance(answer, Added):
            self._requests[request_id] = answer
        return answer

    def _add(self, command: Command) -> Added | Refused:
        item = self._items.get(command.params.get("service", ""))
        if item is None:
            return NO_SERVICE
        try:
            purchase = check(item.service, command.params)
        except ClientError as refusal:
            return Refused(str(refusal), ErrorClass.PARAMS)
        link = purchase.link
        unique = self._settings.unique_links and link is not None
        if unique and self.orders.active_with(link or "", item.service.id):
            return BUSY_LINK
        order = self.orders.open(item.service, purchase, _ending(item, purchase.params))
        if order is None:
            return NO_FUNDS
        self._accepted(self._record(order))
        return Added(order.id, order.kind)

    def _record(self, order: PanelOrder) -> Mapping[str, object]:
        return {
            "time_ms": self.orders.now_ms,
            "order": order.id,
            "kind": order.kind.value,
            "service": str(order.service.id),
            "quantity": order.purchase.quantity,
            "units": order.purchase.units,
            "charge_micros": order.charge_micros,
            "params": dict(order.purchase.params),
        }

    # -- the rest

    def _status(self, order_id: str, kind: Kind) -> OrderStatus | Refused:
        order = self.orders.find(order_id, kind)
        if order is None:
            return NO_ORDER
        is_parent = order.kind is not Kind.NORMAL
        names = is_parent and self._settings.names_children
        return OrderStatus(
            word=order.word,
            charge=Decimal(order.charge_micros).scaleb(-6),
            start_count=str(order.start_count),
            remains=order.remains,
            currency=self._settings.currency,
            runs=len(order.made) if order.kind is Kind.DRIPFEED else None,
            posts=len(order.made) if order.kind is Kind.SUBSCRIPTION else None,
            expiry="" if order.kind is Kind.SUBSCRIPTION else None,
            children=tuple(child.id for child in order.made) if names else None,
            kind=order.kind,
        )

    def _refill(self, order_id: str) -> str | Refused:
        order = self.orders.find(order_id, Kind.NORMAL)
        if order is None:
            return NO_ORDER
        if not (order.service.refill and order.word in ("Completed", "Partial")):
            return NO_REFILL
        if any(old.order is order and old.word in _REFILL_NEXT for old in self._refills.values()):
            return NO_REFILL
        refill_id = str(len(self._refills) + 1)
        self._refills[refill_id] = refill = _Refill(order)
        self.orders.later(lambda: self._step_refill(refill))
        return refill_id

    def _step_refill(self, refill: _Refill) -> None:
        refill.word = _REFILL_NEXT[refill.word]
        if refill.word == "In progress":
            self.orders.later(lambda: self._step_refill(refill))
        elif REFILL_REJECTED in (refill.order.purchase.link or ""):
            refill.word = "Rejected"

    def _refill_status(self, refill_id: str) -> str | Refused:
        refill = self._refills.get(refill_id)
        return UNKNOWN_REFILL if refill is None else refill.word

    def _cancel(self, order_id: str) -> Refused | None:
        """A cancel is asked for here; the end of the stage carries it out."""
        order = self.orders.find(order_id, Kind.NORMAL)
        order = order or self.orders.find(order_id, Kind.DRIPFEED)
        if order is None:
            return NO_ORDER
        if not (order.service.cancel and order.open):
            return NO_CANCEL
        self.orders.cancel(order)
        return None


_REFILL_NEXT = {"Pending": "In progress", "In progress": "Completed"}


def _ids(command: Command, one: str) -> list[str]:
    text = command.params.get(f"{one}s") or command.params.get(one, "")
    return text.split(",")


def _ending(item: Item, params: Mapping[str, str]) -> Ending:
    told = " ".join(params.get(name, "") for name in ("link", "username"))
    return next((ending for ending in Ending if ending.marker in told), item.ending)
