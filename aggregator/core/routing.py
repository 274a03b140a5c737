"""Which routes may serve an order now, in what order, and why not the others.

``weigh`` looks at one route and says usable, skipped (it cannot serve this order
at all) or waiting (it could, were its provider well). ``candidates`` sorts the
usable ones by the service's strategy. Chance comes in as ``draws``.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from aggregator.core import pricing
from aggregator.core.health import Health
from aggregator.core.model import Kind, Offer, Provider, Purchase, Route, Service, Strategy
from aggregator.core.nouns import noun
from aggregator.core.order_types import TYPES
from aggregator.core.rivals import Admission


class Verdict(StrEnum):
    USABLE = "usable"
    SKIPPED = "skipped"
    WAITING = "waiting"


@noun(frozen=True, slots=True)
class Facts:
    """What is known of a route at this moment."""

    route: Route
    provider: Provider
    health: Health
    offer: Offer | None = None
    offers_dripfeed: bool = True

    @property
    def barred(self) -> str:
        """Why no order may go there at all, as far as the operator and they are concerned;
        empty: one may."""
        if self.ended:
            return self.ended
        return "paused by the operator" if self.provider.paused else ""

    @property
    def ended(self) -> str:
        """Why nothing is sold there any more; empty: it is, be it paused for now."""
        if self.provider.retired:
            return "retired"
        gone = self.offer is not None and self.offer.gone
        return "not in their catalogue any more" if gone else ""


@noun(frozen=True, slots=True)
class Weighed:
    """``cost_micros`` is the order's full cost there, in the provider's currency;
    ``our_cost_micros`` the same in ours. None where nobody knows."""

    facts: Facts
    verdict: Verdict
    reason: str = ""
    cost_micros: int | None = None
    our_cost_micros: int | None = None
    reluctant: bool = False  # usable, but only where no other is

    def explained(self) -> str:
        route = self.facts.route
        said = f"{route.provider}/{route.service}: {self.verdict}"
        return f"{said} ({self.reason})" if self.reason else said


def known_rate(facts: Facts) -> int | None:
    """Their rate in their currency: the operator's word, else their catalogue's.

    A price of nothing is no price, so it is not known. A huge one is taken at its
    word: the cost guard then keeps orders away from it.
    """
    if facts.route.cost_micros is not None:
        return facts.route.cost_micros
    rate = facts.offer.rate_micros if facts.offer else None
    return rate if rate and rate > 0 else None


def weigh(service: Service, purchase: Purchase, facts: Facts, now_ms: int) -> Weighed:
    per_order = TYPES[service.type].per_order
    rate = known_rate(facts)
    cost = None if rate is None else pricing.price(rate, purchase.units, per_order=per_order)
    if cost is not None and cost > pricing.MAX_THEIRS_MICROS:
        cost = None  # a sentinel times a quantity is nobody's cost, and fits no column
    our_cost = None if cost is None else pricing.converted(cost, facts.provider.exchange_rate)
    verdict, reason = _verdict(service, purchase, facts, now_ms)
    return Weighed(facts, verdict, reason, cost, our_cost)


def _verdict(
    service: Service, purchase: Purchase, facts: Facts, now_ms: int
) -> tuple[Verdict, str]:
    if reason := _unfit(service, purchase, facts):
        return Verdict.SKIPPED, reason
    if not facts.health.usable(now_ms):
        return Verdict.WAITING, f"backing off: {facts.health.why}"
    return Verdict.USABLE, ""


def _unfit(service: Service, purchase: Purchase, facts: Facts) -> str:
    """Why this route cannot serve this order whatever its provider's health."""
    offer = facts.offer
    if facts.barred:
        return facts.barred
    # A panel that ignores ``runs`` would deliver one of them: better not to ask it.
    unwilling = not facts.offers_dripfeed or (offer is not None and offer.dripfeed is False)
    if purchase.kind is Kind.DRIPFEED and unwilling:
        return "no drip-feed there"
    cost = loss(service, facts)
    if cost is not None:
        return f"costs more than the rate: {pricing.exact(cost)}"
    # A subscription's limits are per post, and a drip-feed's per run: both are
    # what ``quantity`` says. Packages have none that mean anything.
    if offer is None or TYPES[service.type].per_order:
        return ""
    if offer.min is not None and purchase.quantity < offer.min:
        return f"their minimum is {offer.min}"
    if offer.max is not None and purchase.quantity > offer.max:
        return f"their maximum is {offer.max}"
    return ""


def loss(service: Service, facts: Facts) -> int | None:
    """The route's rate in our currency, where that is more than we sell for. None: the
    service may sell there, be it because nobody knows or because the operator allows it."""
    rate = known_rate(facts)
    if rate is None or service.allow_loss:
        return None
    cost = pricing.converted(rate, facts.provider.exchange_rate)
    return cost if cost > service.rate_micros else None


def sells_at_loss(service: Service, facts: Facts) -> bool:
    return loss(service, facts) is not None


def heeded(choice: Weighed, admission: Admission, why: str) -> Weighed:
    """``choice`` with what the provider's open doubts say to another add there."""
    if choice.verdict is not Verdict.USABLE or admission is Admission.GO:
        return choice
    if admission is Admission.NOT_NOW:
        return replace(choice, verdict=Verdict.WAITING, reason=why)
    return replace(choice, reluctant=True, reason=why)


def candidates(
    service: Service, weighed: Sequence[Weighed], draws: Sequence[float]
) -> list[Weighed]:
    """The usable routes, best first. ``draws``: one number in (0, 1) per route."""
    usable = [
        (one, draw)
        for one, draw in zip(weighed, draws, strict=True)
        if one.verdict is Verdict.USABLE
    ]
    if service.strategy is Strategy.CHEAPEST:
        usable.sort(key=lambda pair: (pair[0].our_cost_micros is None, pair[0].our_cost_micros))
    elif service.strategy is Strategy.WEIGHTED:
        usable.sort(key=lambda pair: -_lot(pair[0].facts.route.weight, pair[1]))
    usable.sort(key=lambda pair: pair[0].reluctant)
    return [one for one, _ in usable]


def _lot(weight: int, draw: float) -> float:
    """The weight-th root of a uniform draw: the highest wins in proportion to its
    weight (Efraimidis and Spirakis, weighted random sampling)."""
    return draw ** (1 / weight) if weight > 0 else 0.0


def priced(service: Service, facts: Sequence[Facts]) -> Service | None:
    """The service with the rate it sells at now; None while nobody can say.

    Only ``markup:`` needs it: the first route that takes orders, for a service that is
    still offered there and whose rate is known, sets the price, rounded up to what the
    wire can show. A sentinel sets none. Where all of them are paused, the first of those
    does: a pause ends, and who syncs our list would have dropped the service by then.
    (How a provider fares at the moment does not count: prices must not flicker.)
    """
    if service.markup is None:
        return service
    for one in sorted(facts, key=lambda one: one.provider.paused):
        micros = _marked_up(service.markup, one)
        if micros is not None:
            return replace(service, rate=pricing.exact(micros), rate_micros=micros)
    return None


def _marked_up(markup: Decimal, facts: Facts) -> int | None:
    """What the route's rate makes of ours; None where it makes nothing of it."""
    rate = known_rate(facts)
    if rate is None or facts.ended:
        return None
    micros = pricing.round_up(pricing.converted(rate, facts.provider.exchange_rate * (1 + markup)))
    return micros if micros <= pricing.MAX_RATE_MICROS else None


def unpriced(facts: Sequence[Facts]) -> str:
    """For the operator: why none of these routes sets the price of a marked-up service."""
    return "; ".join(f"{one.route.provider}/{one.route.service}: {_no_rate(one)}" for one in facts)


def _no_rate(facts: Facts) -> str:
    if facts.barred:
        return facts.barred
    known = known_rate(facts) is not None
    return "its price is too high to show" if known else "its price is not known"
