"""Orders that wait for a route: oldest first, until ``queue_for``.

Each service has a line of its own, so that a provider's trouble keeps nobody waiting
who could go elsewhere. A provider that has just come back is tried with one order;
while that one is on its way the rest wait, and if it is refused again the next one in
line is tried, for there may be orders that no provider takes well. One that is well
gets as many at a time as it takes.
"""

import asyncio
from collections import Counter
from dataclasses import replace

from aggregator.actions import World
from aggregator.actions.answering import Answering
from aggregator.actions.placing import Job, draft, place
from aggregator.core.model import AttemptState, Order, Purchase, Service
from aggregator.core.routing import Weighed

LOOKED_AT = 100


async def advance(world: World) -> None:
    """Starts what can go, and gives up what has waited too long."""
    await _give_up(world)
    started: Counter[str] = Counter()
    for service_id in await world.store.queued_services():
        service = world.setup.services.get(service_id)
        if service is not None:
            await _serve(world, service, started)


async def _give_up(world: World) -> None:
    if not world.patient:
        return
    now_ms = world.clock.now_ms()
    for order_id in await world.store.queued_too_long(now_ms, LOOKED_AT):
        await world.store.cancel_queued(order_id, "waited for queue_for", now_ms)


async def _serve(world: World, service: Service, started: Counter[str]) -> None:
    """Starts orders of one service, from where its line was left."""
    after_id = world.turn.pop(service.id, 0)
    line = await world.store.queued(service.id, after_id, LOOKED_AT)
    for order in line:
        if world.stopping:
            return
        choice = await _start(world, order, started)
        if choice is not None and choice.facts.health.strikes:
            world.turn[service.id] = order.id
            return
    if len(line) == LOOKED_AT:  # none of these can go, maybe: look further next time
        world.turn[service.id] = line[-1].id


def considered(world: World, order: Order) -> list[Weighed]:
    """What is to be said of each route of an order that waits, at this moment."""
    service = _as_sold(world, order)
    return [] if service is None else _weighed(world, service, as_bought(order))


def _weighed(world: World, service: Service, purchase: Purchase) -> list[Weighed]:
    return world.weigh(world.prospects(service), purchase, world.clock.now_ms())


async def _start(world: World, order: Order, started: Counter[str]) -> Weighed | None:
    """Sends the order on the best route that has room now, if there is one."""
    service = _as_sold(world, order)
    if service is None:
        return None
    purchase = as_bought(order)
    ranked = world.ranked(service, _weighed(world, service, purchase))
    ranked = [one for one in ranked if _has_room(one, started)]
    if not ranked:
        return None
    ranked = await _elsewhere_first(world, order, ranked)
    started[ranked[0].facts.provider.name] += 1
    begun = asyncio.Event()
    world.spawn(_sent(world, order, purchase, ranked, begun))
    await begun.wait()
    await asyncio.sleep(0)  # it is on its way before the next one is weighed
    return ranked[0]


async def _sent(
    world: World, order: Order, purchase: Purchase, ranked: list[Weighed], begun: asyncio.Event
) -> None:
    """In one task of the app's, so that no order is left between its row and its send."""
    attempt = draft(world, purchase, ranked[0])
    try:
        attempt_id = await world.store.start_queued(order.id, attempt, world.clock.now_ms())
    finally:
        begun.set()
    if attempt_id is None:
        return
    answering = Answering()
    answering.give_id(order.id, order.kind)
    job = Job(order.id, purchase, attempt_id, ranked[0], ranked[1:], answering)
    job.idempotency_key = attempt.idempotency_key
    job.charge_micros = order.charge_micros
    await place(world, job)


async def _elsewhere_first(world: World, order: Order, ranked: list[Weighed]) -> list[Weighed]:
    """Where it was in doubt before, it goes only if no other takes it."""
    doubted = {
        one.provider
        for one in await world.store.attempts(order.id)
        if one.state is AttemptState.NOT_PLACED
    }
    return sorted(ranked, key=lambda one: one.facts.provider.name in doubted)


def _as_sold(world: World, order: Order) -> Service | None:
    """The service with today's routes, at the price the order was sold for."""
    service = world.setup.services.get(order.service_id)
    if service is None:
        return None
    return replace(service, type=order.service_type, rate_micros=order.rate_micros)


def as_bought(order: Order) -> Purchase:
    return Purchase(
        order.kind, order.quantity, order.units, order.params, order.runs, order.interval
    )


def _has_room(choice: Weighed, started: Counter[str]) -> bool:
    provider, health = choice.facts.provider, choice.facts.health
    limit = 1 if health.strikes else provider.concurrency
    return started[provider.name] < limit
