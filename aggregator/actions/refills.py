"""Asks providers after refills, for resellers and for the poller, in shared flights."""

from collections.abc import Sequence
from functools import partial

import structlog

from aggregator.actions.flights import LOST, Errand, Landed, Question, Topic
from aggregator.actions.refresh import FLIGHT_S
from aggregator.actions.world import World
from aggregator.core import pacing
from aggregator.core.lifecycle import read_refill_word
from aggregator.core.messages import RefillAnswers, Unreadable
from aggregator.core.model import Refill
from aggregator.ports import RefillReading

log = structlog.get_logger(__name__)


async def refresh_refills(
    world: World,
    refills: Sequence[Refill],
    *,
    timeout_s: float,
    wanted: bool = False,
) -> None:
    """Like ``refresh`` of orders."""
    anew = wanted and world.setup.policy.status_ttl_s <= 0
    errand = Errand(
        partial(_carry, world),
        lambda topic: world.upstream.batch_size(topic.provider, "refill_status"),
    )
    questions = [question(one, wanted=wanted) for one in refills if offers(world, one.provider)]
    await world.asking.refills.ask(questions, errand, timeout_s=timeout_s, anew=anew)


def question(refill: Refill, *, wanted: bool = False) -> Question[Refill]:
    return Question(refill.id, refill.upstream_refill_id, Topic(refill.provider), refill, wanted)


def offers(world: World, provider: str) -> bool:
    """Whether that provider can be asked after refills."""
    known = provider in world.setup.providers
    return known and world.setup.dialect_of(provider).offers("refill_status")


async def _carry(world: World, topic: Topic, questions: Sequence[Question[Refill]]) -> Landed:
    """One flight: every refill in it gets what was heard, or when it is asked after next."""
    if topic.provider not in world.setup.providers:
        return LOST  # a reload took it away since the question was asked
    asked_at_ms = world.clock.now_ms()
    said = await _said(world, topic.provider, [one.theirs for one in questions])
    readings = [_reading(one, said.get(one.theirs), asked_at_ms) for one in questions]
    await world.store.apply_refills(readings)
    heard = {one.refill_id for one in readings if one.status is not None}
    return Landed(heard, spoke=not all(isinstance(one, Unreadable) for one in said.values()))


async def _said(world: World, provider: str, ids: Sequence[str]) -> RefillAnswers:
    try:
        return await world.upstream.refill_status(provider, ids, timeout_s=FLIGHT_S)
    except Exception:  # a fault of ours; the refills must be put off all the same
        log.exception("asking_failed", provider=provider)
        return {}


def _reading(one: Question[Refill], answer: object, asked_at_ms: int) -> RefillReading:
    word = read_refill_word(answer) if isinstance(answer, str) else None
    later_ms = pacing.next_refill_check(
        one.about, word or one.about.status, asked_at_ms, wanted=one.wanted
    )
    return RefillReading(one.id, word, asked_at_ms, later_ms)
