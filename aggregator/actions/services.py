"""``services``: what we sell, at the rates of this moment."""

from functools import partial

from aggregator.actions.world import World
from aggregator.core import routing, terms
from aggregator.core.messages import Command, ServiceList, ServiceRow
from aggregator.core.model import PriceTerms, Reseller, Service


async def services(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> ServiceList:
    """Every enabled service at what he pays; one whose price nobody knows is left out."""
    his = reseller.terms
    return world.lists.get(world.setup, world.catalogue, his, partial(_listed, world, his))


def _listed(world: World, his: PriceTerms) -> ServiceList:
    """Depends on the setup, the catalogue and the terms alone, or it could not be kept."""
    on_sale = (one for one in world.setup.services.values() if one.enabled)
    priced = (routing.priced(one, world.facts(one)) for one in on_sale)
    return ServiceList(_row(terms.sold(one, his)) for one in priced if one is not None)


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
