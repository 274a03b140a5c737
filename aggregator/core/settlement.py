"""What a status answer makes of an order: its new state, and refunds by *set-to*.

How it works. ``settle`` is given the order as it stands on disk and one answer of
the provider, and returns the order as it must stand next. Money is never added
up from events: ``cost`` says what the order should finally cost, given its state
and figures, and the refund is whatever is missing to that. Hence the same answer
applied twice, a poll racing a reseller's question, or answers in any order lead
to the same total. Two rules guard it:

* an answer *asked* before the last one applied is dropped;
* the refunded sum never falls: a cost that moves up again only alerts.

A provider's figures are hostile input: ``remains`` is clamped, an end that cannot
be priced (a Partial without readable ``remains``) is not taken, and words nobody
knows change nothing. What must change together: ``cost``, the states that
``lifecycle.TRANSITIONS`` allows, and the store's ``apply_statuses``, which runs
this inside the writing transaction.

Children. A drip-feed's runs and a subscription's posts are orders of their own
(``parent_id``) with charge 0: the parent paid. Each has a ``share_micros``, its
part of the parent's charge, and the parent's cost is the sum over the children.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aggregator.core import pricing
from aggregator.core.lifecycle import ENDED, TRANSITIONS, Word, read_word
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Order, Policy, State
from aggregator.core.order_types import TYPES

ALERT_UNREADABLE_MS = 24 * 3_600_000

# How long until an order is asked after again, by its age; and once it has ended.
_CHECKS_MS = ((600_000, 15_000), (3_600_000, 60_000), (86_400_000, 600_000))
_CHECK_OLD_MS = 1_800_000
_CHECK_ENDED_MS = 6 * 3_600_000

_ENDS: Mapping[Word, State] = {
    Word.COMPLETED: State.COMPLETED,
    Word.EXPIRED: State.COMPLETED,
    Word.PARTIAL: State.PARTIAL,
    Word.CANCELED: State.CANCELED,
}
_FAILURES = frozenset({Word.FAILED, Word.REFUNDED})


@dataclass(frozen=True, slots=True)
class Note:
    """An event of the order's story; ``alert``: an operator should look."""

    kind: str
    detail: Mapping[str, object] = field(default_factory=dict)
    alert: bool = False


@dataclass(frozen=True, slots=True)
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
) -> Settlement | None:
    """The order after one answer; None where the answer must not be applied."""
    if order.provider is None or order.state not in (State.PLACED, *ENDED):
        return None
    if order.asked_at_ms is not None and asked_at_ms < order.asked_at_ms:
        return None
    word = read_word(reading.word)
    told, notes = _told(order, reading, word, asked_at_ms, now_ms)
    new_children = _unknown_children(told, reading, children)
    told, more = _moved(order, told, _end(told, word, now_ms, policy), children, new_children)
    settled = _refunded(told, children, len(new_children))
    settled = Settlement(settled.order, notes + more + settled.notes, new_children)
    return replace(settled, order=_timed(settled.order, now_ms, policy))


def _told(
    order: Order, reading: OrderStatus, word: Word | None, asked_at_ms: int, now_ms: int
) -> tuple[Order, tuple[Note, ...]]:
    """The order with what the answer tells of it, its state untouched."""
    remains = order.remains if reading.remains is None else reading.remains
    failed_since = order.failed_since_ms or now_ms if word in _FAILURES else None
    # A Partial must say how much remains *now*: an older figure does not price it.
    unreadable = word is None or (word is Word.PARTIAL and not _priceable(order, reading))
    told = replace(
        order,
        word=order.word if word is None else word.value,
        start_count=reading.start_count or order.start_count,
        remains=None if remains is None else min(max(remains, 0), order.units),
        upstream_charge_micros=_charged(order, reading),
        runs_done=order.runs_done if reading.runs is None else reading.runs,
        posts_done=order.posts_done if reading.posts is None else reading.posts,
        expiry=reading.expiry or order.expiry,
        asked_at_ms=asked_at_ms,
        failed_since_ms=failed_since,
        unreadable_since_ms=(order.unreadable_since_ms or now_ms) if unreadable else None,
    )
    return told, _complaints(order, told, reading, word, now_ms)


def _charged(order: Order, reading: OrderStatus) -> int | None:
    micros = pricing.nearest_micros(reading.charge)
    return order.upstream_charge_micros if micros is None or micros < 0 else micros


def _priceable(order: Order, reading: OrderStatus) -> bool:
    """Whether a Partial answer tells what share was delivered."""
    if order.kind is not Kind.NORMAL and (reading.children or reading.posts is not None):
        return True
    if TYPES[order.service_type].per_order:
        return pricing.nearest_micros(reading.charge) is not None and bool(
            order.upstream_cost_micros
        )
    return reading.remains is not None


def _complaints(
    order: Order, told: Order, reading: OrderStatus, word: Word | None, now_ms: int
) -> tuple[Note, ...]:
    """Alerts on what cannot be read: once when it begins, or once it has lasted."""
    since = told.unreadable_since_ms
    if since is None:
        return ()
    first = order.unreadable_since_ms is None
    if word is None:
        return (Note("unknown_status", {"word": reading.word}, alert=True),) if first else ()
    detail = {"remains": reading.remains, "charge": str(reading.charge)}
    if TYPES[order.service_type].per_order:
        return (Note("unreadable_partial", detail, alert=True),) if first else ()
    lasted = now_ms - since >= ALERT_UNREADABLE_MS
    before = (order.asked_at_ms or 0) - since >= ALERT_UNREADABLE_MS
    return (Note("unreadable_partial", detail, alert=True),) if lasted and not before else ()


def _end(told: Order, word: Word | None, now_ms: int, policy: Policy) -> State | None:
    """The end that the answer calls for; None: still under way."""
    if word is None or (word is Word.PARTIAL and told.unreadable_since_ms is not None):
        return None
    if word in _FAILURES and told.failed_since_ms is not None:
        stayed = now_ms - told.failed_since_ms >= policy.settle_failed_after_s * 1000
        return State.CANCELED if stayed else None
    return _ENDS.get(word)


def _moved(
    before: Order,
    told: Order,
    end: State | None,
    children: Sequence[Order],
    new_children: Sequence[str],
) -> tuple[Order, tuple[Note, ...]]:
    """The order in its new state, if its table allows the step."""
    if end is None or end is before.state:
        moved_back = end is None and before.state in ENDED and told.failed_since_ms is None
        if moved_back and told.unreadable_since_ms is None and before.word != told.word:
            return _kept(before, told), (Note("moved_back", {"word": told.word}, alert=True),)
        return (_kept(before, told) if moved_back else told), ()
    if end not in TRANSITIONS[before.state]:
        note = Note("moved_up", {"from": before.state, "to": end}, alert=before.word != told.word)
        return _kept(before, told), (note,) if before.word != told.word else ()
    note = Note("ended" if before.state is State.PLACED else "moved_down", {"state": end})
    return replace(told, state=end), (note,)


def _kept(before: Order, told: Order) -> Order:
    """An ended order keeps its figures; the provider's new word is remembered, so
    that one alert is enough."""
    return replace(before, word=told.word, asked_at_ms=told.asked_at_ms, failed_since_ms=None)


def _refunded(order: Order, children: Sequence[Order], unregistered: int = 0) -> Settlement:
    """The order with its refunds set to what its cost demands. Never less than before."""
    if order.parent_id is not None:
        return Settlement(order)
    due = order.charge_micros - cost(order, children, unregistered)
    if due > order.refunded_micros:
        note = Note("refunded", {"micros": due - order.refunded_micros})
        return Settlement(replace(order, refunded_micros=due), (note,))
    if due < order.refunded_micros:
        detail = {"refunded_micros": order.refunded_micros, "due_micros": due}
        return Settlement(order, (Note("cost_moved_up", detail, alert=True),))
    return Settlement(order)


def recount(parent: Order, children: Sequence[Order]) -> Settlement:
    """The parent after one of its children changed."""
    return _refunded(parent, children)


def _unknown_children(
    order: Order, reading: OrderStatus, children: Sequence[Order]
) -> tuple[str, ...]:
    if order.kind is Kind.NORMAL or order.parent_id is not None or not reading.children:
        return ()
    known = {child.upstream_order_id for child in children}
    fresh = dict.fromkeys(one for one in reading.children if one not in known)
    # A provider cannot have made more runs than were bought: the rest is noise.
    return tuple(fresh)[: max((order.runs or 0) - len(children), 0)]


def child(parent: Order, upstream_order_id: str, now_ms: int) -> Order:
    """A run or a post that the provider named, to be registered as an order of ours."""
    pieces = parent.runs or 1
    cost_micros = parent.upstream_cost_micros
    return replace(
        parent,
        id=0,
        parent_id=parent.id,
        kind=Kind.NORMAL,
        state=State.PLACED,
        units=parent.quantity,
        charge_micros=0,
        refunded_micros=0,
        share_micros=pricing.share(parent.charge_micros, 1, pieces),
        upstream_order_id=upstream_order_id,
        upstream_cost_micros=None if cost_micros is None else cost_micros // pieces,
        created_at_ms=now_ms,
        params={},
        runs=None,
        interval=None,
        word=None,
        start_count=None,
        remains=None,
        upstream_charge_micros=None,
        runs_done=None,
        posts_done=None,
        expiry=None,
        asked_at_ms=None,
        next_check_at_ms=now_ms,
        failed_since_ms=None,
        unreadable_since_ms=None,
        ended_at_ms=None,
    )


def cost(order: Order, children: Sequence[Order] = (), unregistered: int = 0) -> int:
    """What the order should finally cost, as far as is known, in micros.

    Of a child: its part of the parent's charge. ``unregistered`` are children just
    named, about which nothing else is known yet.
    """
    whole = order.charge_micros if order.parent_id is None else order.share_micros
    if order.kind is not Kind.NORMAL and (children or unregistered):
        return min(whole, _over_children(order, children, unregistered))
    if order.kind is Kind.SUBSCRIPTION and order.state in ENDED and order.posts_done is not None:
        return pricing.share(whole, order.posts_done, order.runs or 1)
    if order.state in (State.CANCELED, State.REJECTED):
        return 0
    if order.parent_id is not None and order.service_type == "Subscriptions":
        return _by_charge(order, whole) if order.state in ENDED else whole
    return _partial(order, whole) if order.state is State.PARTIAL else whole


def _partial(order: Order, whole: int) -> int:
    if TYPES[order.service_type].per_order:
        return _by_charge(order, whole)
    return pricing.share(whole, order.units - (order.remains or 0), order.units)


def _by_charge(order: Order, whole: int) -> int:
    """The share that the provider's own charge shows of its full cost there."""
    if order.upstream_charge_micros is None or not order.upstream_cost_micros:
        partial = order.state is State.PARTIAL and not TYPES[order.service_type].per_order
        delivered = order.units - (order.remains or 0) if partial else order.units
        return pricing.share(whole, delivered, order.units)
    return pricing.share(whole, order.upstream_charge_micros, order.upstream_cost_micros)


def _over_children(order: Order, children: Sequence[Order], unregistered: int) -> int:
    """The sum of what the children cost, and what the pieces without a child do.

    Those are still to come while the order runs. A completed drip-feed is
    believed to have made them all; a canceled one gives them back; an ended
    subscription had no more posts.
    """
    pieces = order.runs or 1
    each = pricing.share(order.charge_micros, 1, pieces)
    missing = max(pieces - len(children) - unregistered, 0)
    delivered = order.state is State.COMPLETED and order.kind is Kind.DRIPFEED
    if order.state in ENDED and not delivered:
        missing = 0
    short = sum(each - cost(one) for one in children)
    full = pricing.share(order.charge_micros, len(children) + unregistered + missing, pieces)
    return max(full - short, 0)


def _timed(order: Order, now_ms: int, policy: Policy) -> Order:
    """The order with the time of its end, and of its next check."""
    ended = order.state in ENDED
    ended_at = (order.ended_at_ms or now_ms) if ended else None
    timed = replace(order, ended_at_ms=ended_at)
    return replace(timed, next_check_at_ms=next_check(timed, now_ms, policy))


def next_check(order: Order, now_ms: int, policy: Policy) -> int | None:
    """When to ask again: often while young, sparsely once ended, then never."""
    if order.ended_at_ms is not None:
        due = now_ms + _CHECK_ENDED_MS
        return due if due <= order.ended_at_ms + policy.watch_ended_s * 1000 else None
    age = now_ms - order.created_at_ms
    return now_ms + next((step for limit, step in _CHECKS_MS if age < limit), _CHECK_OLD_MS)
