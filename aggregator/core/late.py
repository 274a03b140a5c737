"""What became of a late orphan that its provider was asked to cancel.

A cancel that was accepted is only asked for. It took once the provider says that the
order is canceled and charges nothing for it; until then the money may be gone.
"""

from dataclasses import dataclass

from aggregator.core import pricing
from aggregator.core.lifecycle import Word, read_word
from aggregator.core.messages import OrderStatus

ASK_EVERY_MS = 600_000
CANCEL_TAKES_MS = 86_400_000  # whatever is not canceled by then, is delivered

_DELIVERED = frozenset({Word.COMPLETED, Word.PARTIAL})


@dataclass(frozen=True, slots=True)
class Ended:
    """``charge_micros``: what the provider keeps, in its currency; None where it does
    not say."""

    charge_micros: int | None
    why: str


def ended(said: OrderStatus | None, asked_since_ms: int, now_ms: int) -> Ended | None:
    """How it ended; None: ask again. ``said``: its status now, where there was one."""
    word = None if said is None else read_word(said.word)
    charge = None if said is None else pricing.nearest_micros(said.charge)
    if word is Word.CANCELED and not charge:
        return Ended(0, "canceled there, and nothing is charged")
    if word in _DELIVERED:
        return Ended(charge, "delivered there, although it was to be canceled")
    if now_ms >= asked_since_ms + CANCEL_TAKES_MS:
        return Ended(charge, "not canceled there a day after that was asked for")
    return None
