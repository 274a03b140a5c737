"""Doubts on disk: what the settling must know, and what it decides.

Whatever ends a doubt may race the attempt's own late answer, a deadline or a person;
so each deciding script begins with an UPDATE guarded by ``in_doubt``, answers False
where somebody was first, and then has changed nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregator.core import evidence
from aggregator.core.evidence import Answered
from aggregator.core.model import AttemptState, Kind, Order, State
from aggregator.store import attempts, events, meta, money, orders, restores, rows
from aggregator.store.tx import Row, Tx

ALERTED = "doubt_alerted"
LATE = "late_orphan"  # found, and its cancel asked for or its loss booked
LATE_ENDED = "late_orphan_ended"  # what became of the cancel that was asked for
Event = tuple[int, dict[str, Any]]  # when, and its detail
_FIRST_IDS = 50
_CHARGES = 50


@dataclass(frozen=True, slots=True)
class Unproved:
    """An attempt in doubt, or closed though no answer had proved it.

    ``upstream_order_id`` of a closed one: it is there after all. ``told``: the alert
    of an old doubt, or of a late orphan, has been given. ``canceling_since_ms``: its
    provider was asked then to cancel the late orphan, and that has not ended yet.
    """

    attempt_id: int
    order: Order
    provider: str
    service: str
    kind: Kind
    state: AttemptState
    cost_micros: int | None
    began_at_ms: int
    died_at_ms: int
    closed_at_ms: int | None
    upstream_order_id: str | None
    low_anchor: int | None
    idempotency_key: str | None
    told: bool
    canceling_since_ms: int | None = None


def unproved(tx: Tx, since_ms: int) -> list[Unproved]:
    """Every open doubt, and what was closed unproved since then; oldest first."""
    found = sorted(tx.all("unproved", since_ms=since_ms), key=lambda row: int(row["id"]))
    ids = sorted({row["order_id"] for row in found})
    known = {row["id"]: rows.order(row) for row in tx.all("orders", ids=ids)}
    told = {kind: _told(tx, ids, kind) for kind in (ALERTED, LATE, LATE_ENDED)}
    return [_unproved(row, known[row["order_id"]], told) for row in found]


def _told(tx: Tx, order_ids: Sequence[int], kind: str) -> dict[int, Event]:
    """Order -> when it was last told, and what."""
    found = tx.all("events_of_kind", ids=order_ids, kind=kind)
    by_age = sorted(found, key=lambda row: int(row["at_ms"]))
    return {row["order_id"]: (row["at_ms"], json.loads(row["detail"])) for row in by_age}


def _since(told: Mapping[int, Event], order_id: int, since_ms: int) -> Event | None:
    """What was last told, if that was about the attempt that began then."""
    last = told.get(order_id)
    return last if last is not None and last[0] >= since_ms else None


def _canceling(told: Mapping[str, Mapping[int, Event]], row: Row) -> int | None:
    asked = _since(told[LATE], row["order_id"], row["created_at_ms"])
    if asked is None or not asked[1].get("cancel_asked"):
        return None
    ended = _since(told[LATE_ENDED], row["order_id"], asked[0])
    return None if ended else asked[0]


def _unproved(row: Row, order: Order, told: Mapping[str, Mapping[int, Event]]) -> Unproved:
    state = AttemptState(row["state"])
    kind = ALERTED if state is AttemptState.IN_DOUBT else LATE
    anchor = row["low_anchor"]
    return Unproved(
        attempt_id=row["id"],
        order=order,
        provider=row["provider"],
        service=row["upstream_service"],
        kind=Kind(row["kind"]),
        state=state,
        cost_micros=row["cost_micros"],
        began_at_ms=row["created_at_ms"],
        died_at_ms=row["connection_died_at_ms"],
        closed_at_ms=row["ended_at_ms"],
        upstream_order_id=row["upstream_order_id"],
        low_anchor=None if anchor is None else int(anchor),
        idempotency_key=row["idempotency_key"],
        told=_since(told[kind], order.id, row["created_at_ms"]) is not None,
        canceling_since_ms=_canceling(told, row),
    )


@dataclass(frozen=True, slots=True)
class Past:
    """A provider's past with us. ``adds`` are rows of attempts, ``recent`` the last
    of them; ``charges`` are (expected, shown); ``broods`` (order, whether it has
    children); ``refills`` (order ID, their service); ``spent`` the last attempts, of
    every outcome that may have cost something."""

    adds: Sequence[Row]
    recent: Sequence[Row]
    first_ids: Sequence[tuple[Kind, str]]
    charges: Sequence[tuple[int, int]]
    broods: Sequence[tuple[Order, bool]]
    refills: Sequence[tuple[int, str]]
    spent: Sequence[Row]
    not_exclusive: bool


def past(
    tx: Tx, provider: str, from_id: int | None, refills_since_ms: int, adds: int, recent: int
) -> Past:
    """``from_id``: the oldest attempt whose bracket is wanted; ``adds`` from there on."""
    gap = restores.gap(tx, provider)
    latest = tx.all("latest_adds", provider=provider, limit=recent)
    bracket = tx.all("adds_from", provider=provider, from_id=from_id, limit=adds) if from_id else ()
    flying = tx.all("adds_in_flight", provider=provider)
    distinct = {row["id"]: row for row in (*latest, *bracket, *flying)}
    return Past(
        adds=[distinct[number] for number in sorted(distinct)],
        recent=latest,
        first_ids=[
            (Kind(row["kind"]), row["upstream_order_id"])
            for row in tx.all("first_ids", provider=provider, after_id=gap, limit=_FIRST_IDS)
        ],
        charges=[
            (row["upstream_cost_micros"], row["upstream_charge_micros"])
            for row in tx.all("charges_shown", provider=provider, limit=_CHARGES)
        ],
        broods=[
            (rows.order(row), bool(row["has_children"]))
            for row in tx.all("parents_open", provider=provider)
        ],
        refills=[
            (row["id"], row["upstream_service"])
            for row in tx.all("refills_open", provider=provider, since_ms=refills_since_ms)
        ],
        spent=tx.all("spent_there", provider=provider, limit=recent) if from_id else (),
        not_exclusive=meta.get(tx, _not_exclusive_key(provider)) is not None,
    )


def mapped(
    tx: Tx, provider: str, kinds: Sequence[Kind], ranges: Sequence[tuple[int, int]]
) -> set[int]:
    """The provider's IDs in these ranges (both ends in) that are known to be ours."""
    return {
        number
        for low, high in ranges
        for first, last in _of_one_length(low, high)
        for kind in kinds
        for row in tx.all(
            "ids_between", provider=provider, kind=kind.value, low=str(first), high=str(last)
        )
        if (number := evidence.number(row["upstream_order_id"])) is not None
    }


def _of_one_length(low: int, high: int) -> list[tuple[int, int]]:
    lengths = range(len(str(low)), len(str(high)) + 1)
    return [(max(low, 10 ** (one - 1)), min(high, 10**one - 1)) for one in lengths]


def answered(
    tx: Tx, providers: Sequence[str], recent: int, sequence: Callable[[str, Kind], Kind]
) -> dict[tuple[str, Kind], Answered]:
    """Our last IDs by provider and sequence, in the order in which they were answered: of
    them the first low anchors are taken."""
    found: dict[tuple[str, Kind], Answered] = defaultdict(Answered)
    for provider in providers:
        latest = tx.all("latest_adds", provider=provider, limit=recent)
        for row in sorted(latest, key=lambda row: (row["ended_at_ms"] or 0, int(row["id"]))):
            where = provider, sequence(provider, Kind(row["kind"]))
            number = evidence.number(row["upstream_order_id"] or "")
            if number is not None:
                found[where].note(number)
    return found


# -- decisions


def adopt(tx: Tx, attempt_id: int, order_id: int, upstream_id: str, why: str, now_ms: int) -> bool:
    """in_doubt -> placed, with its post. False also where another order has that ID."""
    changed = tx.run(
        "doubt_placed", attempt_id=attempt_id, upstream_order_id=upstream_id, now_ms=now_ms
    )
    if changed != 1:
        return False
    attempts.order_placed(tx, order_id, attempt_id, now_ms, f"adopted: {why}")
    detail = {"attempt": attempt_id, "upstream_order_id": upstream_id, "why": why}
    events.add(tx, order_id, "doubt_adopted", detail, now_ms)
    return True


def not_placed(
    tx: Tx, attempt_id: int, order_id: int, why: str, queued_until_ms: int | None, now_ms: int
) -> bool:
    """in_doubt -> canceled with its hold given back, or -> queued with its hold kept."""
    if tx.run("doubt_not_placed", attempt_id=attempt_id, order_id=order_id, now_ms=now_ms) != 1:
        return False
    if queued_until_ms is not None:
        attempts.queue(tx, order_id, State.IN_DOUBT, queued_until_ms)
    else:
        _voided(tx, order_id, why, now_ms)
    detail = {"attempt": attempt_id, "why": why, "placed_elsewhere": queued_until_ms is not None}
    events.add(tx, order_id, "doubt_not_placed", detail, now_ms)
    return True


def refund(tx: Tx, attempt_id: int, order_id: int, why: str, now_ms: int) -> bool:
    """The deadline: in_doubt -> canceled, whatever the truth is."""
    if tx.run("doubt_not_placed", attempt_id=attempt_id, order_id=order_id, now_ms=now_ms) != 1:
        return False
    _voided(tx, order_id, why, now_ms)
    events.add(tx, order_id, "doubt_refunded", {"attempt": attempt_id, "why": why}, now_ms)
    return True


def _voided(tx: Tx, order_id: int, why: str, now_ms: int) -> None:
    ended = orders.end_unbought(tx, order_id, State.IN_DOUBT, State.CANCELED, now_ms, note=why)
    orders.must(int(ended), f"canceling order {order_id}")


def needs_person(tx: Tx, order_id: int, why: str, may_be: Sequence[str], now_ms: int) -> bool:
    if tx.run("doubt_needs_person", order_id=order_id) != 1:
        return False
    events.add(tx, order_id, "doubt_needs_person", {"why": why, "may_be": list(may_be)}, now_ms)
    return True


def map_late(tx: Tx, attempt_id: int, order_id: int, upstream_id: str, now_ms: int) -> bool:
    """A closed attempt's order is there after all: from now on its ID is ours."""
    if tx.run("map_late", attempt_id=attempt_id, upstream_order_id=upstream_id) != 1:
        return False
    detail = {"attempt": attempt_id, "upstream_order_id": upstream_id, "found_by": "probing"}
    events.add(tx, order_id, events.LATE_PLACED, detail, now_ms)
    return True


def close_late(tx: Tx, one: Unproved, canceled: bool, micros: int, now_ms: int) -> bool:
    """What became of a late orphan: asked to be canceled there, or our loss (``micros``
    of ours). Once per attempt."""
    told = _told(tx, [one.order.id], LATE)
    if _since(told, one.order.id, one.began_at_ms) is not None:
        return False
    if not canceled:
        _lost(tx, one, micros, now_ms)
    detail = {
        "attempt": one.attempt_id,
        "upstream_order_id": one.upstream_order_id,
        "cancel_asked": canceled,
        "loss_micros": 0 if canceled else micros,
    }
    events.add(tx, one.order.id, LATE, detail, now_ms)
    return True


def end_late(tx: Tx, one: Unproved, micros: int, why: str, now_ms: int) -> bool:
    """The cancel that ``close_late`` told of took, or it did not and ``micros`` of ours
    are lost. Once per cancel."""
    assert one.canceling_since_ms is not None
    if _since(_told(tx, [one.order.id], LATE_ENDED), one.order.id, one.canceling_since_ms):
        return False
    _lost(tx, one, micros, now_ms)
    detail = {"attempt": one.attempt_id, "why": why, "loss_micros": micros}
    events.add(tx, one.order.id, LATE_ENDED, detail, now_ms)
    return True


def _lost(tx: Tx, one: Unproved, micros: int, now_ms: int) -> None:
    if micros > 0:
        note = f"late order {one.upstream_order_id}"
        money.book_loss(tx, one.provider, one.order.id, micros, note, now_ms)


# -- whether somebody else uses an account


def _not_exclusive_key(provider: str) -> str:
    return f"provider/{provider}/not_exclusive"


def not_exclusive(tx: Tx, provider: str, orphans: Sequence[str]) -> None:
    """Remembered until the operator takes back ``exclusive_account`` (``exclusive_again``)."""
    meta.put(tx, _not_exclusive_key(provider), ",".join(orphans))


def exclusive_again(tx: Tx, providers: Sequence[str]) -> None:
    for provider in providers:
        tx.run("forget_meta", key=_not_exclusive_key(provider))
