"""Carrying out what ``core.doubt.plan`` decided, one function a step.

Each is guarded in the store, and tells what came of it only where it was first: a
late answer, a person and a deadline may all be settling the same order.
"""

from collections.abc import Sequence
from functools import partial

import structlog

from aggregator.actions import World
from aggregator.actions.placing import keyed
from aggregator.background.queue import as_bought
from aggregator.core import late as late_rules
from aggregator.core import pricing
from aggregator.core.errors import ErrorClass
from aggregator.core.incident import (
    Adopt,
    Alert,
    LateOrphan,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    Refund,
)
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Provider
from aggregator.core.outcome import Outcome, Placed, Rejected
from aggregator.ports import Closing, Event
from aggregator.store import doubts
from aggregator.store.doubts import Unproved
from aggregator.store.scripted import ScriptedStore

LEAST_WAIT_MS = 600_000  # of an order that is to be placed elsewhere, for a route
CANCEL_FOR_S = 15.0
REPLAY_FOR_S = 30.0

# Said to an add with its key, these are about the order itself: it had not been bought.
_SURE = frozenset({ErrorClass.LINK, ErrorClass.QUANTITY, ErrorClass.SERVICE, ErrorClass.PARAMS})

log = structlog.get_logger(__name__)


async def adopt(world: World, store: ScriptedStore, step: Adopt) -> None:
    script = partial(
        doubts.adopt,
        attempt_id=step.attempt_id,
        order_id=step.order_id,
        upstream_id=step.upstream_id,
        why=step.why,
        now_ms=world.clock.now_ms(),
    )
    if await store.write(script):
        log.info("doubt_adopted", order=step.order_id, upstream_order=step.upstream_id)


async def not_placed(world: World, store: ScriptedStore, step: NotPlaced) -> None:
    now_ms = world.clock.now_ms()
    wait_ms = max(int(world.setup.policy.queue_for_s * 1000), LEAST_WAIT_MS)
    script = partial(
        doubts.not_placed,
        attempt_id=step.attempt_id,
        order_id=step.order_id,
        why=step.why,
        queued_until_ms=now_ms + wait_ms if step.elsewhere else None,
        now_ms=now_ms,
    )
    if await store.write(script):
        log.info("doubt_not_placed", order=step.order_id, elsewhere=step.elsewhere)


async def refund(world: World, store: ScriptedStore, step: Refund) -> None:
    script = partial(
        doubts.refund,
        attempt_id=step.attempt_id,
        order_id=step.order_id,
        why=step.why,
        now_ms=world.clock.now_ms(),
    )
    if await store.write(script):
        world.alert("doubt_refunded", order=step.order_id, why=step.why)


async def needs_person(world: World, store: ScriptedStore, step: NeedsPerson) -> None:
    script = partial(
        doubts.needs_person,
        order_id=step.order_id,
        why=step.why,
        may_be=step.orphans,
        now_ms=world.clock.now_ms(),
    )
    if await store.write(script):
        may_be = list(step.orphans)
        world.alert("doubt_needs_person", order=step.order_id, why=step.why, may_be=may_be)


async def alert(world: World, step: Alert) -> None:
    told = [Event(order_id, doubts.ALERTED, {"why": step.why}) for order_id in step.order_ids]
    await world.store.record(told, world.clock.now_ms())
    world.alert("in_doubt", orders=list(step.order_ids), cause=step.why)


async def not_exclusive(
    world: World, store: ScriptedStore, provider: Provider, step: NotExclusive
) -> None:
    """Remembered until the operator has set ``exclusive_account: false`` once."""
    script = partial(doubts.not_exclusive, provider=provider.name, orphans=step.orphans)
    await store.write(script)
    world.alert(
        "account_not_exclusive", provider=provider.name, why=step.why, orders=list(step.orphans)
    )


# -- orders that are there after all


async def late(world: World, store: ScriptedStore, step: LateOrphan) -> None:
    """Only its ID is written down; ``close_late`` sees to the rest, found this way or
    by an answer that came too late."""
    script = partial(
        doubts.map_late,
        attempt_id=step.attempt_id,
        order_id=step.order_id,
        upstream_id=step.upstream_id,
        now_ms=world.clock.now_ms(),
    )
    await store.write(script)


async def close_late(
    world: World, store: ScriptedStore, one: Unproved, charge_micros: int | None
) -> None:
    """Asks the provider to cancel it; else it is our loss, for nobody here pays for it.

    ``charge_micros``: what it showed there; None where it was not asked.
    """
    ours = _our_loss(world, one, charge_micros)
    canceled = await _cancel_asked(world, one)
    now_ms = world.clock.now_ms()
    script = partial(doubts.close_late, one=one, canceled=canceled, micros=ours, now_ms=now_ms)
    if await store.write(script):
        world.alert(
            "late_orphan",
            order=one.order.id,
            provider=one.provider,
            upstream_order=one.upstream_order_id,
            cancel_asked=canceled,
            loss_micros=0 if canceled else ours,
        )


def _our_loss(world: World, one: Unproved, charge_micros: int | None) -> int:
    theirs = one.cost_micros if charge_micros is None else charge_micros
    rate = world.setup.providers[one.provider].exchange_rate
    return 0 if theirs is None else pricing.converted(theirs, rate)


async def follow_late(world: World, store: ScriptedStore, one: Unproved) -> None:
    """Asks whether the cancel of a late orphan took; else it is our loss as well."""
    theirs, since_ms = one.upstream_order_id, one.canceling_since_ms
    assert theirs is not None
    assert since_ms is not None
    kind = world.sequence(one.provider, one.kind)
    said = await world.upstream.status(one.provider, [theirs], kind, timeout_s=CANCEL_FOR_S)
    answer, now_ms = said.get(theirs), world.clock.now_ms()
    end = late_rules.ended(answer if isinstance(answer, OrderStatus) else None, since_ms, now_ms)
    if end is None:
        return
    ours = _our_loss(world, one, end.charge_micros)
    script = partial(doubts.end_late, one=one, micros=ours, why=end.why, now_ms=now_ms)
    if await store.write(script):
        tell = world.alert if ours else log.info
        tell("late_orphan_ended", order=one.order.id, why=end.why, loss_micros=ours)


async def _cancel_asked(world: World, one: Unproved) -> bool:
    """Where drip-feeds have IDs of their own, a cancel could hit somebody else's order."""
    theirs = one.upstream_order_id
    if theirs is None or world.sequence(one.provider, one.kind) is not Kind.NORMAL:
        return False
    said = await world.upstream.cancel(one.provider, [theirs], timeout_s=CANCEL_FOR_S)
    return theirs in said and said[theirs] is None


# -- the one add that is sent again


async def send_again_with_its_key(world: World, store: ScriptedStore, one: Unproved) -> None:
    """THE ONE PLACE where an add is repeated: it carries the idempotency parameter that
    it was first sent with, and so the provider gives the first one's answer.

    The same service, the same parameters, the same key: the same bytes.
    """
    assert one.idempotency_key is not None
    purchase = keyed(as_bought(one.order), one.idempotency_key)
    outcome = await world.upstream.add(one.provider, one.service, purchase, timeout_s=REPLAY_FOR_S)
    await _heard(world, store, one, outcome)


async def _heard(world: World, store: ScriptedStore, one: Unproved, outcome: Outcome) -> None:
    if isinstance(outcome, Placed):
        await world.record(one.order, "doubt_replayed", upstream_order_id=outcome.upstream_order_id)
        now_ms = world.clock.now_ms()
        await world.store.close_attempt(Closing(one.order.id, one.attempt_id, outcome, now_ms))
    elif isinstance(outcome, Rejected) and outcome.error_class in _SURE:
        why = f"asked again with its key, it was refused: {outcome.error_class}"
        await not_placed(world, store, NotPlaced(one.attempt_id, one.order.id, False, why))
    else:
        await world.record(one.order, "doubt_replayed", said=type(outcome).__name__)


def told(orders: Sequence[int], kind: str, **detail: object) -> list[Event]:
    """The same event for each of these orders."""
    return [Event(order_id, kind, detail) for order_id in orders]
