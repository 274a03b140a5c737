"""Providers' lists of services, kept in the database for costs and limits.

An empty list is a broken key more often than a panel that sells nothing: it is
not believed, and the last one stays.
"""

import asyncio
from decimal import Decimal, InvalidOperation

import structlog

from aggregator.actions import World
from aggregator.core import pricing
from aggregator.core.messages import Refused, ServiceRow, Unreadable
from aggregator.core.model import Offer

TIMEOUT_S = 60.0

log = structlog.get_logger(__name__)


async def read(world: World) -> None:
    """Reads every provider's list, in parallel; a silent one keeps its last."""
    await asyncio.gather(*(_read_one(world, name) for name in world.setup.providers))
    world.catalogue = await world.store.catalogue()


async def _read_one(world: World, provider: str) -> None:
    answer = await world.upstream.services(provider, timeout_s=TIMEOUT_S)
    if isinstance(answer, Refused):
        log.warning("catalogue_refused", provider=provider, means=answer.error_class)
    elif isinstance(answer, Unreadable):
        log.warning("catalogue_unreadable", provider=provider, cause=answer.cause)
    elif not answer:
        log.warning("catalogue_empty", provider=provider)
    else:
        offers = [offer(row) for row in answer]
        await world.store.save_catalogue(provider, offers, world.clock.now_ms())
        log.info("catalogue_read", provider=provider, services=len(offers))


def offer(row: ServiceRow) -> Offer:
    """A catalogue row with its price in micros; None where that is not one."""
    try:
        rate = pricing.nearest_micros(Decimal(row.rate))
    except InvalidOperation:
        rate = None
    return Offer(
        service=row.service,
        name=row.name,
        type=row.type,
        category=row.category,
        rate_micros=rate,
        min=row.min,
        max=row.max,
        refill=row.refill,
        cancel=row.cancel,
        dripfeed=row.dripfeed,
        description=row.description,
    )
