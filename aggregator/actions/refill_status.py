"""``refill_status``: the provider's word on a refill, in our spelling."""

from aggregator.actions.ids import asked
from aggregator.actions.refills import question, refresh_refills
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.lifecycle import REFILL_ENDED
from aggregator.core.messages import Command, RefillAnswers, Refused
from aggregator.core.model import Refill, Reseller
from aggregator.core.pacing import is_fresh


async def refill_status(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> RefillAnswers:
    ids = asked(command.params, "refill", "refills", missing=errors.REFILL_NOT_FOUND)
    known = [one for one in ids.values() if one]
    refills = await world.store.refills(known, reseller.id)
    now_ms = world.clock.now_ms()
    stale = [one for one in refills.values() if _is_stale(world, one, now_ms)]
    if stale:
        deadline_s = world.setup.policy.status_deadline_s
        await refresh_refills(world, stale, timeout_s=deadline_s, wanted=True)
        refills = await world.store.refills(known, reseller.id)
    missing = Refused(errors.REFILL_NOT_FOUND)
    return {
        text: refills[refill_id].status if refill_id in refills else missing
        for text, refill_id in ids.items()
    }


def _is_stale(world: World, refill: Refill, now_ms: int) -> bool:
    policy = world.setup.policy
    if refill.status in REFILL_ENDED or is_fresh(refill.asked_at_ms, now_ms, policy):
        return False
    return not world.asking.refills.is_spared(question(refill), now_ms, policy)
