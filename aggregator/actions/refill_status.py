"""``refill_status``: the provider's word on a refill, in our spelling."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aggregator.actions.ids import asked
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.lifecycle import REFILL_ENDED, read_refill_word
from aggregator.core.messages import Command, RefillAnswers, Refused
from aggregator.core.model import Refill, Reseller
from aggregator.ports import RefillReading


async def refill_status(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> RefillAnswers:
    ids = asked(command.params, "refill", "refills", missing=errors.REFILL_NOT_FOUND)
    known = [one for one in ids.values() if one]
    refills = await world.store.refills(known, reseller.id)
    stale = [one for one in refills.values() if _is_stale(world, one)]
    if stale:
        await refresh_refills(world, stale)
        refills = await world.store.refills(known, reseller.id)
    missing = Refused(errors.REFILL_NOT_FOUND)
    return {
        text: refills[refill_id].status if refill_id in refills else missing
        for text, refill_id in ids.items()
    }


def _is_stale(world: World, refill: Refill) -> bool:
    if refill.status in REFILL_ENDED:
        return False
    age_ms = world.clock.now_ms() - (refill.asked_at_ms or 0)
    return age_ms >= world.setup.policy.status_ttl_s * 1000


async def refresh_refills(world: World, refills: Sequence[Refill]) -> None:
    """Asks each provider after its refills, in parallel, and keeps what they say."""
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for refill in refills:
        if refill.provider in world.setup.providers:
            groups[refill.provider][refill.upstream_refill_id] = refill.id
    asked_at_ms = world.clock.now_ms()
    answers = await asyncio.gather(*(_ask(world, one, ids) for one, ids in groups.items()))
    readings = [
        RefillReading(refill_id, word, asked_at_ms)
        for answered in answers
        for refill_id, word in answered.items()
    ]
    if readings:
        await world.store.apply_refills(readings)


async def _ask(world: World, provider: str, ids: Mapping[str, int]) -> dict[int, str]:
    timeout_s = world.setup.policy.status_deadline_s
    said = await world.upstream.refill_status(provider, list(ids), timeout_s=timeout_s)
    spelled = {
        ids[theirs]: read_refill_word(answer)
        for theirs, answer in said.items()
        if isinstance(answer, str)
    }
    return {refill_id: word for refill_id, word in spelled.items() if word is not None}
