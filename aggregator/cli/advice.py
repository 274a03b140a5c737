"""What a person can do about an order, and what becomes of it if he does nothing."""

from typing import TYPE_CHECKING

from aggregator.cli import output
from aggregator.core.model import Attempt, OnDeadline, State

if TYPE_CHECKING:
    from aggregator.ports import Setup
    from aggregator.store.lists import Story

_AWAITED = ("doubt_waits", "doubt_needs_person")
_PATIENCE = " (not in the first 10 minutes after a start)"

_ADVICE = {
    State.SENDING: "It is being sent to {at} at this moment. Look again in two minutes.",
    State.QUEUED: "It waits for a route, until {queued_until} UTC{patience}; then it is canceled "
    "and its hold given back. `aggregator orders cancel {id}` does that now, "
    "`orders retry {id}` lets it wait longer. Below stands why no route took it.",
    State.IN_DOUBT: "It was sent to {at}, and no sound answer came back ({cause}): it may be "
    "bought there or not. It is never sent again by itself; the charge stays held{held}.\n"
    "{awaited}"
    "Look in the panel of {at} for an order of {sent} UTC with this link, then:\n"
    "  it is there:      aggregator orders resolve {id} --placed THEIR_ORDER_ID\n"
    "  it is not:        aggregator orders resolve {id} --not-placed\n"
    "  not, try again:   aggregator orders retry {id}",
    State.PLACED: "{at} has it as {upstream_order_id}{word}. {next} is asked after again at "
    "{next_check} UTC.",
    State.COMPLETED: "It is delivered by {at}.",
    State.PARTIAL: "{at} delivered a part of it; the rest is refunded.",
    State.CANCELED: "It is canceled.",
    State.REJECTED: "It was refused with {error!r}: nothing was bought, nothing was charged.",
}


def advice(story: "Story", setup: "Setup") -> str:
    """Where the order stands, and what a person can do about it."""
    order = story.order
    last = story.attempts[-1] if story.attempts else None
    return _ADVICE[order.state].format(
        id=order.id,
        at=order.provider or (last.provider if last else "nobody"),
        cause=(last.cause if last else None) or "no reason known",
        sent=output.shown(last.created_at_ms if last else order.created_at_ms),
        held=_held(order.needs_person, last, setup),
        awaited=f"Now: {reason}.\n" if (reason := awaited(story)) else "",
        upstream_order_id=order.upstream_order_id,
        word=f", last seen as {order.word}" if order.word else "",
        next=_next(order.failed_since_ms, setup.policy.settle_failed_after_s),
        next_check=output.shown(order.next_check_at_ms),
        queued_until=output.shown(order.queued_until_ms),
        patience=_PATIENCE,
        error=order.error,
    )


def awaited(story: "Story") -> str | None:
    """Of an order in doubt: what its settling waits for, or why a person must decide."""
    told = [one.detail.get("why") for one in story.events if one.kind in _AWAITED]
    return str(told[-1]) if told and story.order.state is State.IN_DOUBT else None


def _held(needs_person: bool, last: Attempt | None, setup: "Setup") -> str:
    """Until when the charge of a doubt is held, by the configuration as it is now."""
    provider = setup.providers.get(last.provider) if last else None
    kept = " until a person decides"
    if last is None or provider is None:
        return kept
    until_ms = last.created_at_ms + provider.in_doubt_deadline_s * 1000
    until = f"{output.shown(until_ms)} UTC{_PATIENCE}"
    if provider.on_deadline is OnDeadline.REFUND:
        person = f"{kept}, or" if needs_person else ""
        return f"{person} until {until}: then it is given back, and the order is canceled"
    return kept if needs_person else f"; if it is not settled by {until}, a person must decide"


def _next(failed_since_ms: int | None, settle_after_s: float) -> str:
    if failed_since_ms is None:
        return "Nothing needs doing; it"
    due = output.shown(failed_since_ms + int(settle_after_s * 1000))
    return (
        f"They have called it failed since {output.shown(failed_since_ms)} UTC: if they still do "
        f"at {due} UTC{_PATIENCE}, it is canceled and paid back. It"
    )
