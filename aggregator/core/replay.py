"""What a configuration would have done with an order that was sold under another one.

Every provider is taken to be well: what is replayed is the configuration and today's
prices, not yesterday's weather. So an order that went to its second route because the
first was ill counts as one that would go elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aggregator.core import errors, order_types, pricing, routing, terms
from aggregator.core.errors import ClientError
from aggregator.core.model import Order, PriceTerms, Provider, Purchase, Service, Strategy
from aggregator.core.order_types import TYPES
from aggregator.core.retention import COMMENTS, LINKS
from aggregator.core.routing import Facts, Weighed

_FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One order then and now. Money is in our currency; costs are what was, and would be,
    expected of the provider, None where nobody knows. ``refused``: why it would not be
    taken, or ""; then there is no route and no price."""

    order: Order
    refused: str = ""
    provider: str | None = None
    upstream_service: str | None = None
    charge_micros: int | None = None
    cost_micros: int | None = None
    was_cost_micros: int | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether an order that had been placed would have been placed somewhere else."""
        was = (self.order.provider, self.order.upstream_service)
        would = (self.provider, self.upstream_service)
        return not self.refused and was[0] is not None and was != would

    @property
    def costs_more(self) -> bool:
        was, would = self.was_cost_micros, self.cost_micros
        return was is not None and would is not None and would > was

    @property
    def charged_otherwise(self) -> bool:
        return not self.refused and self.charge_micros != self.order.charge_micros

    @property
    def differs(self) -> bool:
        return bool(self.refused) or self.elsewhere or self.costs_more or self.charged_otherwise


def replay(
    order: Order,
    service: Service | None,
    facts: Sequence[Facts],
    agreed: PriceTerms,
    providers: Mapping[str, Provider],
) -> Replayed:
    """``service`` and its ``facts`` as they are now, ``agreed`` with the reseller."""
    try:
        sold = _sold(service, facts, agreed)
        purchase = order_types.check(sold, _remembered(order))
        chosen = _chosen(order, sold, purchase, facts)
    except ClientError as error:
        return Replayed(order, refused=str(error))
    per_order = TYPES[sold.type].per_order
    return Replayed(
        order=order,
        provider=chosen.facts.route.provider,
        upstream_service=chosen.facts.route.service,
        charge_micros=pricing.charge(sold.rate_micros, purchase.units, per_order=per_order),
        cost_micros=chosen.our_cost_micros,
        was_cost_micros=_was_cost(order, providers),
    )


def _sold(service: Service | None, facts: Sequence[Facts], agreed: PriceTerms) -> Service:
    if service is None or not service.enabled:
        raise ClientError(errors.SERVICE_NOT_FOUND)
    priced = routing.priced(service, facts)
    if priced is None:
        raise ClientError(f"{errors.UNAVAILABLE}: no route's price is known")
    return terms.sold(priced, agreed)


def _chosen(order: Order, sold: Service, purchase: Purchase, facts: Sequence[Facts]) -> Weighed:
    """The best route; of a lottery the one that was drawn, while it may still be."""
    weighed = [routing.weigh(sold, purchase, one, order.created_at_ms) for one in facts]
    usable = routing.candidates(sold, weighed, [0.5] * len(weighed))
    if not usable:
        why = "; ".join(one.explained() for one in weighed)
        raise ClientError(f"{errors.UNAVAILABLE}: {why}")
    if sold.strategy is Strategy.WEIGHTED:
        was = (order.provider, order.upstream_service)
        usable.sort(key=lambda one: (one.facts.route.provider, one.facts.route.service) != was)
    return usable[0]


def _remembered(order: Order) -> Mapping[str, str]:
    """The order's parameters. What was forgotten of them by now (``retention``) has a
    stand-in of the same size."""
    order_type = TYPES[order.service_type]
    lost = (LINKS | COMMENTS) & set(order_type.required) - order.params.keys()
    lines = "\n".join([_FORGOTTEN] * order.quantity)
    return {
        **order.params,
        **{name: lines if name == order_type.billing else _FORGOTTEN for name in lost},
    }


def _was_cost(order: Order, providers: Mapping[str, Provider]) -> int | None:
    """At today's rate of exchange: what is compared is prices."""
    provider = providers.get(order.provider or "")
    if provider is None or order.upstream_cost_micros is None:
        return None
    return pricing.converted(order.upstream_cost_micros, provider.exchange_rate)
