"""Asks providers after orders, and settles what they say.

Both a reseller's ``status`` and the poller go through here. One silent provider
spoils no other's answer: each is asked on its own, in parallel, under one deadline,
and what it says is settled as soon as it is heard. Whoever did not answer leaves the
last that is known.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog

from aggregator.actions.world import World
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Order, Reseller
from aggregator.ports import Reading

Answer = TypeVar("Answer")
Ask = Callable[[str, Kind, Mapping[str, int]], Awaitable[Mapping[int, Answer]]]

NOT_SETTLED = "not_settled"  # the store's word for an answer that broke a rule

log = structlog.get_logger(__name__)


async def ask_providers(orders: Iterable[Order], ask: Ask[Answer]) -> dict[int, Answer]:
    """Puts one question to each provider (and kind of order) that holds some of ``orders``.

    ``ask`` is given the provider's IDs with ours. What it raises for one of them is
    logged, and costs only that one's answers. Returns what was answered, by our ID.
    """
    groups: dict[tuple[str, Kind], dict[str, int]] = defaultdict(dict)
    for order in orders:
        if order.provider is not None and order.upstream_order_id is not None:
            groups[order.provider, order.kind][order.upstream_order_id] = order.id
    answers: dict[int, Answer] = {}
    asking = (ask(provider, kind, ids) for (provider, kind), ids in groups.items())
    for provider, said in zip(groups, await _all(asking), strict=True):
        if isinstance(said, BaseException):
            log.error("asking_failed", provider=provider[0], exc_info=said)
        else:
            answers |= said
    return answers


async def _all(
    asking: Iterable[Awaitable[Mapping[int, Answer]]],
) -> list[Mapping[int, Answer] | BaseException]:
    return await asyncio.gather(*asking, return_exceptions=True)


async def fresh_orders(
    world: World, reseller: Reseller, ids: Sequence[int], stale: Callable[[Order], bool]
) -> dict[int, Order]:
    """Those of ``ids`` that are his; the ``stale`` ones are asked after first."""
    orders = await world.store.orders(ids, reseller.id)
    unsure = [one for one in orders.values() if stale(one)]
    if not unsure:
        return orders
    await refresh(world, unsure, timeout_s=world.setup.policy.status_deadline_s)
    return orders | await world.store.orders([one.id for one in unsure], reseller.id)


async def refresh(world: World, orders: Sequence[Order], *, timeout_s: float) -> set[int]:
    """Asks after ``orders`` and settles the answers; returns whose status is fresh."""

    async def ask(provider: str, kind: Kind, ids: Mapping[str, int]) -> dict[int, None]:
        if provider not in world.setup.providers:
            return {}
        asked_at_ms = world.clock.now_ms()
        said = await world.upstream.status(provider, list(ids), kind, timeout_s=timeout_s)
        readings = [
            Reading(ids[theirs], answer, asked_at_ms)
            for theirs, answer in said.items()
            if isinstance(answer, OrderStatus)
        ]
        return dict.fromkeys(await _settled(world, readings))

    return set(await ask_providers(orders, ask))


async def _settled(world: World, readings: Sequence[Reading]) -> set[int]:
    """Writes what was heard; the orders for which that worked."""
    if not readings:
        return set()
    now_ms = world.clock.now_ms()
    alerts = await world.store.apply_statuses(readings, world.settling_policy, now_ms)
    world.alert_all(alerts)
    broken = {event.order_id for event in alerts if event.kind == NOT_SETTLED}
    return {reading.order_id for reading in readings} - broken
