"""Which routes may serve an order now, in what order, and why not the others.

``weigh`` looks at one route and says usable, skipped (it cannot serve this order
at all) or waiting (it could, were its provider well). What it finds without looking at
the order is a ``Prospect``, and holds for all orders while the route's facts stay the same.
``candidates`` sorts the usable ones by the service's strategy. Chance comes in as ``draws``.
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


@noun(frozen=True, slots=True)
class Prospect:
    """A route to a service before anybody has ordered.

    ``rate_micros`` is theirs, ``exchange`` what of ours stands for how many of theirs.
    ``unfit``: why it cannot serve any order, ``unfit_in_runs``: any drip-feed; empty: it
    can. ``least`` and ``most``: the quantities that they take; ``most`` None: any.
    """

    facts: Facts
    per_order: bool
    rate_micros: int | None
    exchange: tuple[int, int]
    unfit: str
    unfit_in_runs: str
    least: int
    most: int | None

    def weighed(self, purchase: Purchase, now_ms: int) -> Weighed:
        cost, our_cost = self._costs(purchase.units)
        verdict, reason = Verdict.USABLE, self._unfit_for(purchase)
        if reason:
            verdict = Verdict.SKIPPED
        elif not self.facts.health.usable(now_ms):
            verdict, reason = Verdict.WAITING, f"backing off: {self.facts.health.why}"
        return Weighed(self.facts, verdict, reason, cost, our_cost)

    def _costs(self, units: int) -> tuple[int | None, int | None]:
        """In their money and in ours."""
        if self.rate_micros is None:
            return None, None
        cost = pricing.price(self.rate_micros, units, per_order=self.per_order)
        if cost > pricing.MAX_THEIRS_MICROS:
            return None, None  # a sentinel times a quantity is nobody's cost, and fits no column
        return cost, pricing.exchanged(cost, self.exchange)

    def _unfit_for(self, purchase: Purchase) -> str:
        """Why this route cannot serve this order whatever its provider's health."""
        reason = self.unfit_in_runs if purchase.kind is Kind.DRIPFEED else self.unfit
        if reason:
            return reason
        # A subscription's limits are per post, and a drip-feed's per run: both are
        # what ``quantity`` says.
        if purchase.quantity < self.least:
            return f"their minimum is {self.least}"
        if self.most is not None and purchase.quantity > self.most:
            return f"their maximum is {self.most}"
        return ""


def prospect(service: Service, facts: Facts) -> Prospect:
    offer, per_order = facts.offer, TYPES[service.type].per_order
    # A panel that ignores ``runs`` would deliver one of them: better not to ask it.
    unwilling = not facts.offers_dripfeed or (offer is not None and offer.dripfeed is False)
    cost = loss(service, facts)
    too_dear = "" if cost is None else f"costs more than the rate: {pricing.exact(cost)}"
    limited = offer is not None and not per_order  # packages have no limits that mean anything
    return Prospect(
        facts=facts,
        per_order=per_order,
        rate_micros=known_rate(facts),
        exchange=facts.provider.exchange_rate.as_integer_ratio(),
        unfit=facts.barred or too_dear,
        unfit_in_runs=facts.barred or ("no drip-feed there" if unwilling else too_dear),
        least=(offer.min or 0) if offer and limited else 0,
        most=offer.max if offer and limited else None,
    )


def weigh(service: Service, purchase: Purchase, facts: Facts, now_ms: int) -> Weighed:
    return prospect(service, facts).weighed(purchase, now_ms)


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
    """The usable routes, best first. ``draws``: one number in (0, 1) per route, where the
    service's strategy is a lottery."""
    if service.strategy is Strategy.WEIGHTED:
        drawn = zip(weighed, draws, strict=True)
        lots = [(_lot(one.facts.route.weight, draw), one) for one, draw in drawn]
        weighed = [one for _, one in sorted(lots, key=lambda lot: -lot[0])]
    usable = [one for one in weighed if one.verdict is Verdict.USABLE]
    if len(usable) > 1:
        if service.strategy is Strategy.CHEAPEST:
            usable.sort(key=lambda one: (one.our_cost_micros is None, one.our_cost_micros))
        usable.sort(key=lambda one: one.reluctant)
    return usable


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
