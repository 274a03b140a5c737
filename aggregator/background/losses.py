"""Routes that would sell below cost, told as soon as a new price or rate makes them so.

Orders skip them in any case (``core.routing``); whoever set the rate should hear of it
before somebody orders, and once for each pair of rate and cost.
"""

import asyncio
from collections.abc import Mapping

from aggregator.actions import World
from aggregator.core import pricing, routing
from aggregator.core.model import Offer
from aggregator.ports import Setup

SHOWN = 20

Loss = tuple[int, str, str, str, int]


async def review(world: World) -> None:
    """Thousands of services take a while: they are gone through beside the event loop, as
    they are at this moment."""
    found = await asyncio.to_thread(_losses, world.setup, world.catalogue)
    new = sorted(found - world.losses)
    world.losses = found
    if new:
        world.alert("routes_at_loss", count=len(new), routes=[_told(one) for one in new[:SHOWN]])


def _losses(setup: Setup, catalogue: Mapping[str, Mapping[str, Offer]]) -> set[Loss]:
    """Our service, the route, our rate, and what it costs in our currency."""
    found: set[Loss] = set()
    for service in setup.services.values():
        if not service.enabled or service.allow_loss:
            continue
        facts = setup.facts(service, catalogue)
        priced = routing.priced(service, facts)
        for one in facts if priced else ():
            assert priced is not None
            cost = None if one.barred else routing.loss(priced, one)
            if cost is not None:
                found.add((service.id, one.provider.name, one.route.service, priced.rate, cost))
    return found


def _told(one: Loss) -> dict[str, object]:
    service, provider, theirs, rate, cost = one
    return {
        "service": service,
        "route": f"{provider}/{theirs}",
        "rate": rate,
        "cost": pricing.exact(cost),
    }
