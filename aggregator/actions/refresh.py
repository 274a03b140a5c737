"""Asks providers after orders, and settles what they say.

Both a reseller's ``status`` and the poller go through here, and share the same flights.
One silent provider spoils no other's answer: what each says is settled as soon as it is
heard, and whoever did not answer leaves the last that is known.
"""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from aggregator.actions.doubtful import sequence_of
from aggregator.actions.flights import LOST, Errand, Landed, Question, Topic
from aggregator.actions.world import World
from aggregator.core import pacing
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused, StatusAnswers, Unreadable
from aggregator.core.model import Order, Reseller
from aggregator.core.pacing import Pace
from aggregator.ports import Event, Reading

NOT_SETTLED = "not_settled"  # the store's word for an answer that broke a rule
MISSING = "order_unknown_upstream"
FLIGHT_S = 20.0  # a panel that has many orders to look up may take its time

# They are about the call, not about any order in it.
_OF_THE_CALL = frozenset({ErrorClass.AUTH, ErrorClass.FUNDS, ErrorClass.RATE, ErrorClass.DOWN})

log = structlog.get_logger(__name__)


async def fresh_orders(
    world: World, reseller: Reseller, ids: Sequence[int], stale: Callable[[Order], bool]
) -> dict[int, Order]:
    """Those of ``ids`` that are his; the ``stale`` ones are asked after first."""
    orders = await world.store.orders(ids, reseller.id)
    unsure = [one for one in orders.values() if stale(one)]
    if not unsure:
        return orders
    await refresh(world, unsure, timeout_s=world.setup.policy.status_deadline_s, wanted=True)
    return orders | await world.store.orders([one.id for one in unsure], reseller.id)


async def refresh(
    world: World,
    orders: Sequence[Order],
    *,
    timeout_s: float,
    wanted: bool = False,
) -> None:
    """Asks after ``orders``, and returns when what was heard is in the store, or at
    ``timeout_s``. ``wanted``: a reseller waits; if no answer keeps, what has departed will
    not do for him."""
    anew = wanted and world.setup.policy.status_ttl_s <= 0
    asked = (question(world, order, wanted=wanted) for order in orders)
    questions = [one for one in asked if one is not None]
    errand = Errand(
        partial(_carry, world), lambda topic: world.upstream.batch_size(topic.provider, "status")
    )
    await world.asking.orders.ask(questions, errand, timeout_s=timeout_s, anew=anew)


def question(world: World, order: Order, *, wanted: bool = False) -> Question[Order] | None:
    """None where there is nobody to ask."""
    provider = order.provider
    if provider is None or order.upstream_order_id is None:
        return None
    if provider not in world.setup.providers:
        return None
    topic = Topic(provider, sequence_of(world.setup.dialect_of(provider), order.kind))
    return Question(order.id, order.upstream_order_id, topic, order, wanted)


async def _carry(world: World, topic: Topic, questions: Sequence[Question[Order]]) -> Landed:
    """One flight: asks, settles what was heard, and puts off what was not."""
    if topic.provider not in world.setup.providers:
        return LOST  # a reload took it away since the question was asked
    asked_at_ms = world.clock.now_ms()
    said = await _said(world, topic, [one.theirs for one in questions])
    readings = [
        Reading(one.id, answer, asked_at_ms, _pace(world, one, answer, asked_at_ms), one.about)
        for one in questions
        if isinstance(answer := said.get(one.theirs), OrderStatus)
    ]
    heard = await _settled(world, readings)
    await _put_off(world, [one for one in questions if one.id not in heard])
    await _miss(world, topic.provider, questions, said)
    return Landed(heard, spoke=any(map(_is_about_an_order, said.values())))


async def _said(world: World, topic: Topic, ids: Sequence[str]) -> StatusAnswers:
    timeout_s = max(FLIGHT_S, world.setup.policy.status_deadline_s)
    try:
        upstream = world.upstream
        return await upstream.status(topic.provider, ids, topic.sequence, timeout_s=timeout_s)
    except Exception:  # a fault of ours; the orders must be put off all the same
        log.exception("asking_failed", provider=topic.provider)
        return {}


def _is_about_an_order(answer: OrderStatus | Refused | Unreadable) -> bool:
    if isinstance(answer, Refused):
        return answer.error_class not in _OF_THE_CALL
    return isinstance(answer, OrderStatus)


def _pace(world: World, one: Question[Order], answer: OrderStatus, asked_at_ms: int) -> Pace:
    """How its service moves; learned from this answer, if the order has ended with it."""
    took_ms = pacing.took_ms(one.about, answer, asked_at_ms)
    if took_ms is not None:
        durations, service_id = world.asking.durations, one.about.service_id
        durations[service_id] = pacing.learned(durations.get(service_id, 0), took_ms)
    return world.asking.pace(one.about, wanted=one.wanted)


async def _settled(world: World, readings: Sequence[Reading]) -> set[int]:
    """Writes what was heard; the orders for which that worked."""
    if not readings:
        return set()
    now_ms = world.clock.now_ms()
    alerts = await world.store.apply_statuses(readings, world.settling_policy, now_ms)
    world.alert_all(alerts)
    broken = {event.order_id for event in alerts if event.kind == NOT_SETTLED}
    return {reading.order_id for reading in readings} - broken


async def _put_off(world: World, unheard: Sequence[Question[Order]]) -> None:
    """Nobody answered: those that are due are asked after again when they are due next."""
    now_ms, policy = world.clock.now_ms(), world.setup.policy
    due_ms = now_ms + pacing.AHEAD_MS
    later = {
        one.id: pacing.next_check(one.about, now_ms, policy, world.asking.pace(one.about))
        for one in unheard
        if one.about.next_check_at_ms is not None and one.about.next_check_at_ms <= due_ms
    }
    if later:
        await world.store.check_later(later)


async def _miss(
    world: World, provider: str, questions: Sequence[Question[Order]], said: StatusAnswers
) -> None:
    """An order of ours that its provider says it does not know stays as it is. Where that
    lasts an operator hears of it, once."""
    now_ms = world.clock.now_ms()
    for one in questions:
        answer = said.get(one.theirs)
        if isinstance(answer, OrderStatus):
            world.asking.missing.heard(provider, one.id, now_ms)
    for one in questions:
        answer = said.get(one.theirs)
        unknown = isinstance(answer, Refused) and answer.error_class is ErrorClass.ORDER
        if unknown and world.asking.missing.is_lasting(provider, one.id, now_ms):
            event = Event(one.id, MISSING, {"provider": provider, "upstream_order_id": one.theirs})
            if await world.store.record_once(event, now_ms):
                world.alert_all([event])
