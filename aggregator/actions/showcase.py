"""What resellers see of their orders; remembered for those that were shown last.

What is shown of an order is a function of its row, of its children's and of the policy.
The store hands out the very same row as long as nothing has changed it, so that row tells
whether what was made of it still holds. The answer to a list is put together from what
was shown of each of its orders before, and is itself remembered for whoever repeats the
list.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from aggregator.actions.ids import MAX_IDS
from aggregator.core import lifecycle, pricing, settlement
from aggregator.core.messages import OrderStatus, StatusPage
from aggregator.core.model import Kind, Order, Policy, State
from aggregator.ports import Store

KEPT = 30_000
PAGES = 1_000  # of up to a hundred orders each: some 20 MB
LISTED = 2_000  # characters of a list that is remembered

PageKey = tuple[int, str]  # the reseller, and the list as he wrote it


@dataclass(slots=True, eq=False)
class Shown:
    """``until_ms``: from then on the order should be asked after before it is shown."""

    order: Order
    status: OrderStatus
    until_ms: float


@dataclass(slots=True, eq=False)
class Page:
    """The whole answer to one list, while its ``orders`` stand as they do and none of
    them should be asked after again (``until_ms``). ``revision``: of the store, at which
    they stood so."""

    answers: StatusPage
    orders: Sequence[Order]
    until_ms: float
    revision: int | None = None

    def holds(self, store: Store, now_ms: int) -> bool:
        if now_ms >= self.until_ms:
            return False
        revision = store.revision
        if revision != self.revision:
            if not store.holds(self.orders):
                return False
            self.revision = revision
        return True


class Showcase:
    """Of one policy: under another one, nothing here holds any more."""

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._shown: dict[str, Shown] = {}  # by the order's ID, as it is written
        self._pages: dict[PageKey, Page] = {}

    def page(self, key: PageKey, store: Store, policy: Policy, now_ms: int) -> StatusPage | None:
        """The answer to a list in which there is nothing to be looked up or asked after."""
        self._heed(policy)
        page = self._pages.get(key)
        if page is not None and page.holds(store, now_ms):
            return page.answers
        page = self._put_together(*key)
        if page is None or not page.holds(store, now_ms):
            return None
        if len(self._pages) >= PAGES:
            self._pages.clear()
        self._pages[key] = page
        return page.answers

    def _put_together(self, reseller_id: int, text: str) -> Page | None:
        if len(text) > LISTED:
            return None
        ids = dict.fromkeys(text.split(","))
        shown = [one for one in map(self._shown.get, ids) if one is not None]
        if len(shown) < len(ids) or len(ids) > MAX_IDS:
            return None
        orders = [one.order for one in shown]
        if any(order.reseller_id != reseller_id for order in orders):
            return None
        answers = dict(zip(ids, [one.status for one in shown], strict=True))
        return Page(StatusPage(answers), orders, min([one.until_ms for one in shown]))

    def status(
        self, order: Order, policy: Policy, children: Sequence[Order] | None = None
    ) -> OrderStatus:
        """The order as its reseller sees it. Nothing of the provider's is in it."""
        if children is not None:  # of which nobody here would hear that they have changed
            return _seen(order, policy.currency, children)
        self._heed(policy)
        text = str(order.id)
        kept = self._shown.get(text)
        if kept is None or kept.order is not order:
            if len(self._shown) >= KEPT:
                self._shown.clear()
            seen = _seen(order, policy.currency, ())
            kept = self._shown[text] = Shown(order, seen, _good_until_ms(order, policy))
        return kept.status

    def _heed(self, policy: Policy) -> None:
        if policy is not self._policy:
            self._policy = policy
            self._shown.clear()
            self._pages.clear()


def _good_until_ms(order: Order, policy: Policy) -> float:
    if order.state is not State.PLACED:
        return math.inf
    return (order.asked_at_ms or 0) + policy.status_ttl_s * 1000


def _seen(order: Order, currency: str, children: Sequence[Order]) -> OrderStatus:
    paid = settlement.cost(order) if order.parent_id is not None else order.net_charge_micros
    dripfeed, subscription = order.kind is Kind.DRIPFEED, order.kind is Kind.SUBSCRIPTION
    return OrderStatus(
        word=lifecycle.shown(order.state, order.word, heard=order.asked_at_ms is not None),
        charge=Decimal(pricing.wire(paid)),
        start_count=order.start_count or "0",
        remains=order.units if order.remains is None else order.remains,
        currency=currency,
        runs=max(order.runs_done or 0, len(children)) if dripfeed else None,
        posts=max(order.posts_done or 0, len(children)) if subscription else None,
        expiry=(order.expiry or order.params.get("expiry")) if subscription else None,
        children=tuple(str(child.id) for child in children) if order.kind.has_children else None,
        kind=order.kind,
    )
