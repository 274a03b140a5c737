"""Order states as a table, the providers' vocabulary, and what a reseller sees.

``TRANSITIONS`` is the only place that says what may follow what; every UPDATE in
the store is guarded by the state it starts from, and the diagram in
docs/architecture.md is generated from here (``python -m aggregator.core.lifecycle``).
"""

from enum import StrEnum
from functools import lru_cache

from aggregator.core.model import State

TRANSITIONS: dict[State, frozenset[State]] = {
    State.SENDING: frozenset(
        {State.PLACED, State.IN_DOUBT, State.QUEUED, State.REJECTED, State.CANCELED}
    ),
    State.QUEUED: frozenset({State.SENDING, State.CANCELED}),
    State.IN_DOUBT: frozenset({State.PLACED, State.QUEUED, State.CANCELED}),
    State.PLACED: frozenset({State.COMPLETED, State.PARTIAL, State.CANCELED}),
    # An ended order that is still watched may turn out to have cost less.
    State.COMPLETED: frozenset({State.PARTIAL, State.CANCELED}),
    State.PARTIAL: frozenset({State.CANCELED}),
    State.CANCELED: frozenset(),
    State.REJECTED: frozenset(),
}

HELD = frozenset({State.SENDING, State.QUEUED, State.IN_DOUBT})
ENDED = frozenset({State.COMPLETED, State.PARTIAL, State.CANCELED, State.REJECTED})


def may_follow(now: State, then: State) -> bool:
    return then in TRANSITIONS[now]


class Word(StrEnum):
    """A provider's last word, canonical."""

    PENDING = "pending"
    PROCESSING = "processing"
    IN_PROGRESS = "in_progress"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    FAILED = "failed"


_SPELLINGS: dict[Word, tuple[str, ...]] = {
    Word.PENDING: ("", "pending", "awaiting", "queue", "queued"),
    Word.PROCESSING: ("processing", "process", "processingorder", "started", "processed"),
    Word.IN_PROGRESS: ("inprogress", "inprogess"),
    Word.ACTIVE: ("active",),
    Word.PAUSED: ("paused",),
    Word.COMPLETED: ("completed", "complete", "success", "done"),
    Word.PARTIAL: ("partial", "partiallycompleted"),
    Word.CANCELED: ("canceled", "cancelled", "cancel", "canscelled"),
    Word.EXPIRED: ("expired",),
    Word.REFUNDED: ("refunded", "refund", "refunds"),
    Word.FAILED: ("fail", "failed", "error", "rejected"),
}
_WORDS = {spelling: word for word, spellings in _SPELLINGS.items() for spelling in spellings}
_IGNORED = str.maketrans("", "", " _-\t\r\n")

_SHOWN: dict[Word, str] = {
    Word.PENDING: "Pending",
    Word.PROCESSING: "Processing",
    Word.IN_PROGRESS: "In progress",
    Word.ACTIVE: "Active",
    Word.PAUSED: "Paused",
    # Settled like canceled once they have stayed so; until then, under way.
    Word.REFUNDED: "In progress",
    Word.FAILED: "In progress",
    # An end that the order has not taken (say, a Partial without a readable
    # ``remains``) is shown as still under way.
    Word.COMPLETED: "In progress",
    Word.PARTIAL: "In progress",
    Word.CANCELED: "In progress",
    Word.EXPIRED: "In progress",
}


@lru_cache
def squash(text: str) -> str:
    """A status as it is looked up: without case, spaces, underscores and dashes."""
    return text.translate(_IGNORED).casefold()


def read_word(text: str) -> Word | None:
    """The canonical word of a provider's spelling; None for one nobody knows."""
    return _WORDS.get(squash(text))


def shown(state: State, word: str | None, *, heard: bool = True) -> str:
    """What a reseller sees as ``status``. ``heard``: whether the provider ever told
    anything; if it did and no word of it was known, the order is under way."""
    if state is State.PLACED and word is not None:
        return _SHOWN[Word(word)]
    if state is State.PLACED and heard:
        return "Processing"
    return {
        State.COMPLETED: "Completed",
        State.PARTIAL: "Partial",
        State.CANCELED: "Canceled",
        State.REJECTED: "Canceled",
    }.get(state, "Pending")


_REFILL_WORDS = {
    "": "Pending",
    "pending": "Pending",
    "awaiting": "Pending",
    "processing": "In progress",
    "inprogress": "In progress",
    "inprogess": "In progress",
    "completed": "Completed",
    "complete": "Completed",
    "success": "Completed",
    "rejected": "Rejected",
    "fail": "Rejected",
    "failed": "Rejected",
    "error": "Rejected",
    "canceled": "Canceled",
    "cancelled": "Canceled",
}
REFILL_ENDED = frozenset({"Completed", "Rejected", "Canceled"})


def read_refill_word(text: str) -> str | None:
    """Our spelling of a refill's status; None for a word nobody knows."""
    return _REFILL_WORDS.get(squash(text))


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> sending", "    [*] --> queued"]
    for now, followers in TRANSITIONS.items():
        lines += [f"    {now} --> {then}" for then in State if then in followers]
        if not followers:
            lines.append(f"    {now} --> [*]")
    return "\n".join(lines)


if __name__ == "__main__":  # pragma: no cover
    import sys

    sys.stdout.write(diagram() + "\n")
