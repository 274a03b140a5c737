"""What a status answer makes of an order: its new state, and refunds by *set-to*.

How it works. ``settle`` is given the order as it stands on disk and one answer of
the provider, and returns the order as it must stand next. Money is never added
up from events: ``cost`` (of ``costs``) says what the order should finally cost, given its state
and figures, and the refund is whatever is missing to that. So an answer applied
twice, or a poll racing a reseller's question, changes nothing; and the order in
which answers arrive makes no difference as long as the provider takes nothing
back. Three rules guard it where he does:

* an answer *asked* before the last one applied is dropped;
* neither runs nor posts made ever fall, so that none of them is paid back twice;
* the refunded sum never falls: a cost that moves up again only alerts, once.

A provider's figures are hostile input: they are clamped, an end that cannot be
priced (a Partial without readable ``remains``) is not taken, and words nobody
knows move nothing.

Most answers say that an order goes on. From one without children nothing follows
then but figures, for until its end it costs what it was sold for: ``progress`` tells
those by themselves, so that the store need not read the order for them.

What must change together: ``cost``, the states that ``lifecycle.TRANSITIONS``
allows, and the store's ``apply_statuses``, which runs this inside the writing
transaction; ``progress`` and the store's ``order_goes_on``, which writes its columns
and is guarded by all that it was decided from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from aggregator.core import pricing
from aggregator.core.costs import child as child  # callers find them all in one place
from aggregator.core.costs import cost as cost
from aggregator.core.costs import is_post
from aggregator.core.lifecycle import ENDED, TRANSITIONS, Word, read_word
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Order, Policy, State
from aggregator.core.nouns import noun
from aggregator.core.order_types import TYPES
from aggregator.core.pacing import UNHURRIED, Pace, next_check

ALERT_UNREADABLE_MS = 24 * 3_600_000

_ENDS: Mapping[Word, State] = {
    Word.COMPLETED: State.COMPLETED,
    Word.EXPIRED: State.COMPLETED,
    Word.PARTIAL: State.PARTIAL,
    Word.CANCELED: State.CANCELED,
}
_FAILURES = frozenset({Word.FAILED, Word.REFUNDED})
_UNDER_WAY = frozenset(Word) - _ENDS.keys() - _FAILURES
_ASKED = frozenset({State.PLACED, State.COMPLETED, State.PARTIAL, State.CANCELED})


@noun(frozen=True, slots=True)
class Note:
    """An event of the order's story; ``alert``: an operator should look."""

    kind: str
    detail: Mapping[str, object] = field(default_factory=dict)
    alert: bool = False


@noun(frozen=True, slots=True)
class Settlement:
    """``order``: the row as it must now stand. The money to post is the growth of
    its ``refunded_micros``. ``new_children``: upstream IDs to register."""

    order: Order
    notes: tuple[Note, ...] = ()
    new_children: tuple[str, ...] = ()


def settle(
    order: Order,
    reading: OrderStatus,
    asked_at_ms: int,
    now_ms: int,
    policy: Policy,
    children: Sequence[Order] = (),
    pace: Pace = UNHURRIED,
) -> Settlement | None:
    """The order after one answer; None where the answer must not be applied."""
    if order.upstream_order_id is None or order.state not in _ASKED:
        return None
    if _is_late(order, asked_at_ms):
        return None
    going_on = progress(order, reading, asked_at_ms, now_ms, policy, pace)
    if going_on is not None:
        return Settlement(replace(order, **going_on))
    word = read_word(reading.word)
    named = _unknown_children(order, reading, children)
    told = _told(order, reading, word, asked_at_ms, bool(children or named))
    moved, story = _moved(order, told, word, policy)
    final = cost(moved, children, len(named))
    if order.state is State.CANCELED:  # its money was given back by then, if ever it was posted
        final = max(final, order.net_charge_micros)
    paid = _refunded(moved, final, cost(order, children))
    story += _takebacks(moved, reading) if moved.state is not order.state else ()
    notes = _complaints(order, told, reading, word) + story + paid.notes
    return Settlement(_timed(paid.order, now_ms, policy, pace), notes, named)


def progress(
    order: Order,
    reading: OrderStatus,
    asked_at_ms: int,
    now_ms: int,
    policy: Policy,
    pace: Pace = UNHURRIED,
) -> dict[str, Any] | None:
    """What an answer changes of an order that goes on as it did, by the names of its
    fields; None where more may follow from it, or it must not be applied."""
    if order.state is not State.PLACED or order.kind.has_children or _is_late(order, asked_at_ms):
        return None
    word = read_word(reading.word)
    if word not in _UNDER_WAY:
        return None
    return {
        **_figures(order, reading, word),
        "asked_at_ms": asked_at_ms,
        "next_check_at_ms": next_check(order, now_ms, policy, pace),
        "failed_since_ms": None,
        "unreadable_since_ms": None,
    }


def _is_late(order: Order, asked_at_ms: int) -> bool:
    """Whether an answer to a later question has been applied."""
    return order.asked_at_ms is not None and asked_at_ms < order.asked_at_ms


def _told(
    order: Order, reading: OrderStatus, word: Word | None, asked_at_ms: int, has_children: bool
) -> Order:
    """The order with what the answer tells of it, its state untouched."""
    end = None if word is None else _ENDS.get(word)
    moves = end in TRANSITIONS[order.state]
    unreadable = word is None or (moves and not _priceable(order, reading, word, has_children))
    failing = word in _FAILURES and order.state is not State.CANCELED
    return replace(
        order,
        **_figures(order, reading, word, completed=word is Word.COMPLETED and not unreadable),
        asked_at_ms=asked_at_ms,
        failed_since_ms=_since(failing, order.failed_since_ms, asked_at_ms),
        unreadable_since_ms=_since(unreadable, order.unreadable_since_ms, asked_at_ms),
    )


def _figures(
    order: Order, reading: OrderStatus, word: Word | None, *, completed: bool = False
) -> dict[str, Any]:
    """The word and the figures that are known after an answer, by the names of the fields.

    Completed without a figure: nothing remains. Otherwise the last one stands.
    """
    charge = _their_charge(reading)
    return {
        "word": order.word if word is None else word.value,
        "start_count": reading.start_count or order.start_count,
        "remains": _clamped(reading.remains, order.units, 0 if completed else order.remains),
        "upstream_charge_micros": order.upstream_charge_micros if charge is None else charge,
        "runs_done": _counted(reading.runs, order, order.runs_done),
        "posts_done": _counted(reading.posts, order, order.posts_done),
        "expiry": reading.expiry or order.expiry,
    }


def _clamped(told: int | None, most: int, before: int | None) -> int | None:
    return before if told is None else min(max(told, 0), most)


def _counted(told: int | None, order: Order, before: int | None) -> int | None:
    """Runs or posts made. What was made stays made: the number never falls."""
    made = _clamped(told, order.runs or 0, before)
    return made if made is None or before is None else max(made, before)


def _since(lasts: bool, before: int | None, asked_at_ms: int) -> int | None:
    """When it began, by the times of the questions; None once it is over."""
    if not lasts:
        return None
    return asked_at_ms if before is None else before


def _their_charge(reading: OrderStatus) -> int | None:
    micros = pricing.nearest_micros(reading.charge)
    return None if micros is None or micros < 0 else micros


def _priceable(order: Order, reading: OrderStatus, word: Word, has_children: bool) -> bool:
    """Whether the answer tells what an order that ends with ``word`` costs.

    A figure told *before* does not price a Partial: more was delivered since.
    """
    counted = order.kind.has_children and has_children
    counted = counted or (order.kind is Kind.SUBSCRIPTION and reading.posts is not None)
    if word is Word.EXPIRED:
        return counted and order.kind is Kind.SUBSCRIPTION
    if word is not Word.PARTIAL or counted:
        return True
    if TYPES[order.service_type].per_order:
        return bool(order.upstream_cost_micros) and _their_charge(reading) is not None
    by_charge = is_post(order) and bool(order.upstream_cost_micros and _their_charge(reading))
    return by_charge or reading.remains is not None


def _complaints(
    order: Order, told: Order, reading: OrderStatus, word: Word | None
) -> tuple[Note, ...]:
    """An alert on what cannot be read: at once where waiting will not help, and
    when it has lasted. Never twice for the same spell."""
    since = told.unreadable_since_ms
    if since is None or told.asked_at_ms is None:
        return ()
    at_once = word is None or TYPES[order.service_type].per_order
    begins = at_once and order.unreadable_since_ms is None
    due_ms = since + ALERT_UNREADABLE_MS
    if not begins and not (order.asked_at_ms or 0) < due_ms <= told.asked_at_ms:
        return ()
    detail = {
        "word": reading.word[:100],
        "remains": reading.remains,
        "charge": None if reading.charge is None else str(reading.charge)[:40],
    }
    return (Note("unknown_status" if word is None else "unreadable_end", detail, alert=True),)


def _takebacks(order: Order, reading: OrderStatus) -> tuple[Note, ...]:
    """An alert where an order ends with fewer runs or posts than were told before."""
    figures = {
        "runs": (reading.runs, order.runs_done),
        "posts": (reading.posts, order.posts_done),
    }
    detail = {
        name: f"{told} after {before}"
        for name, (told, before) in figures.items()
        if told is not None and before is not None and told < before
    }
    return (Note("count_fell", detail, alert=True),) if detail else ()


def _end(told: Order, word: Word | None, policy: Policy) -> State | None:
    """The end that the answer calls for; None: still under way, or nobody can say."""
    if word is None or told.unreadable_since_ms is not None:
        return None
    if told.failed_since_ms is not None and told.asked_at_ms is not None:
        stayed_ms = told.asked_at_ms - told.failed_since_ms
        return State.CANCELED if stayed_ms >= policy.settle_failed_after_s * 1000 else None
    return _ENDS.get(word)


def _moved(
    before: Order, told: Order, word: Word | None, policy: Policy
) -> tuple[Order, tuple[Note, ...]]:
    """The order in its new state, if the table allows the step.

    An ended order that does not move keeps its figures, for they are what it was
    settled by; the provider's new word is remembered, so that one alert is enough.
    """
    end = _end(told, word, policy)
    if end is before.state or (end is None and before.state is State.PLACED):
        return told, ()
    if end is not None and end in TRANSITIONS[before.state]:
        note = Note("ended" if before.state is State.PLACED else "moved_down", {"state": end})
        return replace(told, state=end, failed_since_ms=None), (note,)
    kept = replace(
        before,
        word=told.word,
        asked_at_ms=told.asked_at_ms,
        failed_since_ms=told.failed_since_ms,
        unreadable_since_ms=told.unreadable_since_ms,
    )
    if word in _FAILURES or told.unreadable_since_ms is not None or before.word == told.word:
        return kept, ()
    return kept, (Note("moved_up", {"state": before.state, "word": told.word}, alert=True),)


def _refunded(order: Order, final: int, before: int | None = None) -> Settlement:
    """The order with its refunds set to what its final cost demands, never to less
    than they are. ``before``: the cost until now, to alert when it moves up."""
    due = order.charge_micros - final
    if due > order.refunded_micros:
        note = Note("refunded", {"micros": due - order.refunded_micros})
        return Settlement(replace(order, refunded_micros=due), (note,))
    if before is not None and before < final and due < order.refunded_micros:
        detail = {"from_micros": before, "to_micros": final}
        return Settlement(order, (Note("cost_moved_up", detail, alert=True),))
    return Settlement(order)


def recount(parent: Order, children: Sequence[Order]) -> Settlement:
    """The parent after one of its children changed."""
    return _refunded(parent, cost(parent, children)) if children else Settlement(parent)


def _unknown_children(
    order: Order, reading: OrderStatus, children: Sequence[Order]
) -> tuple[str, ...]:
    if not order.kind.has_children:
        return ()
    known = {child.upstream_order_id for child in children}
    fresh = dict.fromkeys(one for one in reading.children or () if one not in known)
    # A provider cannot have made more runs than were bought: the rest is noise.
    return tuple(fresh)[: max((order.runs or 0) - len(children), 0)]


def _timed(order: Order, now_ms: int, policy: Policy, pace: Pace) -> Order:
    """The order with the time of its end, and of its next check."""
    ended = order.state in ENDED
    ended_at_ms = now_ms if order.ended_at_ms is None else order.ended_at_ms
    timed = replace(order, ended_at_ms=ended_at_ms if ended else None)
    return replace(timed, next_check_at_ms=next_check(timed, now_ms, policy, pace))
