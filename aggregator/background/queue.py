"""Orders that wait for a route: oldest first, until ``queue_for``.

A provider that has just come back is tried with one order; while that one is on
its way the rest wait. One that is well gets as many at a time as it takes.
"""

from collections import Counter
from dataclasses import replace

from aggregator.actions import World
from aggregator.actions.answering import Answering
from aggregator.actions.placing import Job, draft, place
from aggregator.core.model import Order, Purchase, Service
from aggregator.core.routing import Weighed

LOOKED_AT = 500


async def advance(world: World) -> None:
    """Starts what can go, and gives up what has waited too long."""
    started: Counter[str] = Counter()
    now_ms = world.clock.now_ms()
    for order in await world.store.queued(LOOKED_AT):
        if world.patient and order.queued_until_ms is not None and order.queued_until_ms <= now_ms:
            await world.store.cancel_queued(order.id, "waited for queue_for", now_ms)
        else:
            await _start(world, order, started)


async def _start(world: World, order: Order, started: Counter[str]) -> None:
    """Sends the order on the best route that has room now, if there is one."""
    service = _as_sold(world, order)
    if service is None:
        return
    purchase = _purchase(order)
    ranked = world.ranked(service, world.weigh(service, purchase))
    ranked = [one for one in ranked if _has_room(one, started)]
    if not ranked:
        return
    attempt = draft(world, purchase, ranked[0])
    attempt_id = await world.store.start_queued(order.id, attempt, world.clock.now_ms())
    if attempt_id is None:
        return
    started[attempt.provider] += 1
    answering = Answering()
    answering.give_id(order.id, order.kind)
    world.spawn(place(world, Job(order.id, purchase, attempt_id, ranked[0], ranked[1:], answering)))


def _as_sold(world: World, order: Order) -> Service | None:
    """The service with today's routes, at the price the order was sold for."""
    service = world.setup.services.get(order.service_id)
    if service is None:
        return None
    return replace(service, type=order.service_type, rate_micros=order.rate_micros)


def _purchase(order: Order) -> Purchase:
    return Purchase(
        order.kind, order.quantity, order.units, order.params, order.runs, order.interval
    )


def _has_room(choice: Weighed, started: Counter[str]) -> bool:
    provider, health = choice.facts.provider, choice.facts.health
    limit = 1 if health.strikes else provider.concurrency
    return started[provider.name] < limit
