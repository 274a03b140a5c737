"""Services as they are sold at this moment: what holds for every order of one is kept.

An order asks which services there are, what they cost its reseller and what is to be said
of each route. All of it follows from the configuration, the catalogue, the reseller's terms
and the providers' health; only the rest of an order's questions is about the order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aggregator.core import routing, terms
from aggregator.core.health import Health
from aggregator.core.model import Offer, PriceTerms, Service
from aggregator.core.order_types import TYPES, OrderType
from aggregator.core.routing import Facts, Prospect
from aggregator.ports import Setup

KEPT = 20_000  # one of a single route takes about a kilobyte

Catalogue = Mapping[str, Mapping[str, Offer]]
HealthOf = Callable[[str], Health]


@dataclass(slots=True)
class Sale:
    """``service`` at the rate that resellers of some terms pay; ``price``: why that is
    not the list's, if it is not."""

    service: Service
    price: str
    order_type: OrderType
    prospects: Sequence[Prospect]

    def stands(self, health: HealthOf) -> bool:
        """Whether every provider is as well as it was. A change of it is another value."""
        for one in self.prospects:
            facts = one.facts
            if health(facts.route.provider) is not facts.health:
                return False
        return True


class Sales:
    """Of one configuration and one catalogue: either is replaced whole when it changes,
    so whether it has is whether it is the same object."""

    def __init__(self) -> None:
        self._of: tuple[Setup, Catalogue] | None = None
        self._kept: dict[tuple[int, str | None, int], Sale] = {}

    def get(
        self,
        setup: Setup,
        catalogue: Catalogue,
        health: HealthOf,
        service: Service,
        his: PriceTerms,
    ) -> Sale | None:
        """``service`` as one of these terms buys it; None while nobody can say its price."""
        of = self._of
        if of is None or of[0] is not setup or of[1] is not catalogue or len(self._kept) >= KEPT:
            self._of = setup, catalogue
            self._kept.clear()
        key = service.id, terms.own_rate(his, service.id), his.discount_ppm
        sale = self._kept.get(key)
        if sale is None or not sale.stands(health):
            sale = _made(service, setup.facts(service, catalogue, health), his)
            if sale is not None:
                self._kept[key] = sale
        return sale


def _made(service: Service, facts: Sequence[Facts], his: PriceTerms) -> Sale | None:
    listed = routing.priced(service, facts)
    if listed is None:
        return None
    sold = terms.sold(listed, his)
    prospects = [routing.prospect(sold, one) for one in facts]
    return Sale(sold, terms.explained(listed, his), TYPES[sold.type], prospects)
