"""What resellers see of their orders; remembered for those that were shown last.

What is shown of an order is a function of its row, of its children's and of the
currency. The store hands out the very same row as long as nothing has changed it, so
that row tells whether what was made of it still holds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aggregator.core import lifecycle, pricing, settlement
from aggregator.core.messages import OrderStatus, Refused, StatusAnswers, StatusPage
from aggregator.core.model import Kind, Order, Policy, State
from aggregator.ports import Store

KEPT = 30_000
PAGES = 1_000  # of up to a hundred orders each: some 20 MB
LISTED = 2_000  # characters of a list that is remembered

PageKey = tuple[int, str]  # the reseller, and the list as he wrote it


@dataclass(slots=True, eq=False)
class Page:
    """The whole answer to one list, while its ``orders`` stand as they do and none of
    them should be asked after again (``until_ms``). ``revision``: of the store, at which
    they stood so."""

    answers: StatusPage
    orders: Sequence[Order]
    policy: Policy
    until_ms: float
    revision: int | None = None

    def stands(self, store: Store) -> bool:
        revision = store.revision
        if revision != self.revision:
            if not store.holds(self.orders):
                return False
            self.revision = revision
        return True


class Showcase:
    def __init__(self) -> None:
        self._shown: dict[int, tuple[Order, OrderStatus]] = {}
        self._pages: dict[PageKey, Page] = {}

    def page(self, key: PageKey, policy: Policy, now_ms: int) -> Page | None:
        """What the same question was answered with, if it may be said again: whether its
        orders still stand so, the store must say."""
        page = self._pages.get(key)
        return page if page and page.policy is policy and now_ms < page.until_ms else None

    def kept(
        self,
        key: PageKey,
        answers: Mapping[str, OrderStatus | Refused],
        orders: Sequence[Order],
        policy: Policy,
    ) -> StatusAnswers:
        """The answer, remembered where the rows of its orders tell all that is in it."""
        until_ms = min((_good_until_ms(order, policy) for order in orders), default=0.0)
        if until_ms <= 0 or len(key[1]) > LISTED:
            return answers
        if len(self._pages) >= PAGES:
            self._pages.clear()
        page = self._pages[key] = Page(StatusPage(answers), orders, policy, until_ms)
        return page.answers

    def shown(
        self, order: Order, currency: str, children: Sequence[Order] | None = None
    ) -> OrderStatus:
        """The order as its reseller sees it. Nothing of the provider's is in it."""
        if children is not None:
            return _seen(order, currency, children)
        kept = self._shown.get(order.id)
        if kept is not None and kept[0] is order and kept[1].currency == currency:
            return kept[1]
        seen = _seen(order, currency, ())
        if len(self._shown) >= KEPT:
            self._shown.clear()
        self._shown[order.id] = order, seen
        return seen


def _good_until_ms(order: Order, policy: Policy) -> float:
    if order.kind.has_children:
        return 0.0
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
