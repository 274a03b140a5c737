"""``services``: what we sell, at the rates of this moment."""

from aggregator.actions.world import World
from aggregator.core import routing, terms
from aggregator.core.messages import Command, ServiceRow
from aggregator.core.model import Reseller, Service


async def services(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> list[ServiceRow]:
    """Every enabled service at what he pays; one whose price nobody knows is left out."""
    on_sale = (one for one in world.setup.services.values() if one.enabled)
    priced = (routing.priced(one, world.facts(one)) for one in on_sale)
    return [_row(terms.sold(one, reseller.terms)) for one in priced if one is not None]


def _row(service: Service) -> ServiceRow:
    return ServiceRow(
        service=str(service.id),
        name=service.name,
        type=service.type,
        category=service.category,
        rate=service.rate,
        min=service.min,
        max=service.max,
        refill=service.refill,
        cancel=service.cancel,
        dripfeed=service.dripfeed,
        description=service.description,
    )
