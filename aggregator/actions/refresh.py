"""Asks providers after orders, and settles what they say.

Both a reseller's ``status`` and the poller go through here. One silent provider
spoils no other's answer: each is asked on its own, in parallel, under one
deadline, and whoever did not answer leaves the last that is known.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from aggregator.actions.world import World
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Order
from aggregator.ports import Reading

Answer = TypeVar("Answer")
Ask = Callable[[str, Kind, Sequence[str]], Awaitable[Mapping[str, Answer]]]


async def ask_providers(orders: Iterable[Order], ask: Ask[Answer]) -> dict[int, Answer]:
    """Puts one question to each provider (and ID sequence) that holds some of ``orders``.

    Returns what was answered, by our order ID.
    """
    groups: dict[tuple[str, Kind], dict[str, int]] = defaultdict(dict)
    for order in orders:
        if order.provider is not None and order.upstream_order_id is not None:
            groups[order.provider, order.kind][order.upstream_order_id] = order.id
    answers = await asyncio.gather(
        *(ask(provider, kind, list(ids)) for (provider, kind), ids in groups.items())
    )
    return {
        ids[theirs]: answer
        for ids, answered in zip(groups.values(), answers, strict=True)
        for theirs, answer in answered.items()
    }


async def refresh(world: World, orders: Sequence[Order], *, timeout_s: float) -> set[int]:
    """Asks after ``orders`` and settles the answers; returns whose status is fresh."""
    asked_at_ms = world.clock.now_ms()

    async def ask(provider: str, kind: Kind, ids: Sequence[str]) -> Mapping[str, object]:
        if provider not in world.setup.providers:
            return {}
        return await world.upstream.status(provider, ids, kind, timeout_s=timeout_s)

    answers = await ask_providers(orders, ask)
    readings = [
        Reading(order_id, answer, asked_at_ms)
        for order_id, answer in answers.items()
        if isinstance(answer, OrderStatus)
    ]
    if readings:
        now_ms = world.clock.now_ms()
        alerts = await world.store.apply_statuses(readings, world.settling_policy, now_ms)
        world.alert_all(alerts)
    return {reading.order_id for reading in readings}
