"""Transaction 2: what an attempt's outcome makes of the attempt, the order, the money.

An attempt may be closed by more than one hand: its own answer, ``orders resolve``,
a deadline, the recovery after a crash. So the first statement is always an UPDATE
of the attempt that names the state it must still be in, and only the one whose
UPDATE hit goes on. ``sending`` may become anything; ``in_doubt`` only ``placed``,
for a late "yes" is still the truth while a late "no" may be about something else.
A loser changes nothing but leaves an event.
"""

from collections.abc import Sequence

from aggregator.core import ledger
from aggregator.core.errors import ErrorClass
from aggregator.core.model import AttemptState, State
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from aggregator.ports import Closed, Closing
from aggregator.store import events, money, orders
from aggregator.store.tx import Tx

FIRST_CHECK_MS = 10_000  # after placing, until the first status is asked


def close_attempt(tx: Tx, closing: Closing) -> Closed:
    """Transaction 2. ``Closed.won`` is false where somebody had closed it before."""
    match closing.outcome:
        case Placed() as placed:
            return _placed(tx, closing, placed)
        case InDoubt(cause):
            return _in_doubt(tx, closing, cause)
        case Rejected(error_class, text):
            unproved = error_class is ErrorClass.UNKNOWN
            cause = f"{error_class}: {text}"
            return _refused(tx, closing, AttemptState.REJECTED, cause, unproved)
        case NotSent(cause):
            return _refused(tx, closing, AttemptState.NOT_SENT, cause)


def _placed(tx: Tx, closing: Closing, placed: Placed) -> Closed:
    changed = tx.run(
        "attempt_placed",
        attempt_id=closing.attempt_id,
        order_id=closing.order_id,
        kind=None if placed.kind is None else placed.kind.value,
        upstream_order_id=placed.upstream_order_id,
        now_ms=closing.now_ms,
    )
    if changed == 1:
        order_placed(tx, closing.order_id, closing.attempt_id, closing.now_ms)
        return Closed(State.PLACED, closing.attempt_id)
    if _is_open(tx, closing):
        return _already_ours(tx, closing, placed)
    return _lost(tx, closing, placed.upstream_order_id)


def order_placed(
    tx: Tx, order_id: int, attempt_id: int, now_ms: int, note: str | None = None
) -> None:
    """The order and its money, once its attempt has become ``placed``."""
    bought = tx.one("bought", order_id=order_id, attempt_id=attempt_id)
    assert bought is not None
    changed = tx.run(
        "order_placed",
        order_id=order_id,
        provider=bought["provider"],
        upstream_service=bought["upstream_service"],
        upstream_order_id=bought["upstream_order_id"],
        cost_micros=bought["cost_micros"],
        next_check_at_ms=now_ms + FIRST_CHECK_MS,
    )
    orders.must(changed, f"placing order {order_id}")
    reseller_id = bought["reseller_id"]
    post = ledger.post(reseller_id, bought["charge_micros"])
    money.move(tx, post, reseller_id, now_ms, order_id=order_id, note=note)


def _is_open(tx: Tx, closing: Closing) -> bool:
    row = tx.one("open_attempt", order_id=closing.order_id)
    return row is not None and row["id"] == closing.attempt_id


def _already_ours(tx: Tx, closing: Closing, placed: Placed) -> Closed:
    """They named an order that another one of ours has: something is wrong there."""
    detail = {"attempt": closing.attempt_id, "upstream_order_id": placed.upstream_order_id}
    events.add(tx, closing.order_id, events.ID_TAKEN, detail, closing.now_ms)
    doubt(tx, closing.attempt_id, closing.order_id, "order ID already ours", closing.now_ms)
    return Closed(State.IN_DOUBT, closing.attempt_id)


def _in_doubt(tx: Tx, closing: Closing, cause: str) -> Closed:
    if not doubt(tx, closing.attempt_id, closing.order_id, cause, closing.now_ms):
        return _lost(tx, closing)
    detail = {"attempt": closing.attempt_id, "cause": cause}
    events.add(tx, closing.order_id, events.IN_DOUBT, detail, closing.now_ms)
    return Closed(State.IN_DOUBT, closing.attempt_id)


def doubt(tx: Tx, attempt_id: int, order_id: int, cause: str, now_ms: int) -> bool:
    """A ``sending`` attempt and its order become ``in_doubt``; the hold stays."""
    changed = tx.run(
        "attempt_in_doubt", attempt_id=attempt_id, order_id=order_id, cause=cause, now_ms=now_ms
    )
    if changed == 1:
        orders.must(tx.run("order_in_doubt", order_id=order_id), f"doubting order {order_id}")
    return changed == 1


def _refused(
    tx: Tx, closing: Closing, state: AttemptState, cause: str, unproved: bool = False
) -> Closed:
    changed = tx.run(
        "attempt_refused",
        attempt_id=closing.attempt_id,
        order_id=closing.order_id,
        state=state.value,
        cause=cause,
        unproved_at_ms=closing.now_ms if unproved else None,
        now_ms=closing.now_ms,
    )
    return _go_on(tx, closing) if changed == 1 else _lost(tx, closing)


def _go_on(tx: Tx, closing: Closing) -> Closed:
    """Nothing was bought: the next route, the queue, or the end."""
    if closing.next is not None:
        attempt_id = orders.add_attempt(tx, closing.order_id, closing.next, closing.now_ms)
        return Closed(State.SENDING, attempt_id)
    if closing.queued_until_ms is not None:
        queue(tx, closing.order_id, State.SENDING, closing.queued_until_ms)
        return Closed(State.QUEUED)
    answered = closing.answered or events.count(tx, closing.order_id, events.ANSWERED)
    state = State.CANCELED if answered else State.REJECTED
    ended = orders.end_unbought(
        tx, closing.order_id, State.SENDING, state, closing.now_ms, error=closing.error or None
    )
    orders.must(int(ended), f"ending order {closing.order_id}")
    return Closed(state)


def queue(tx: Tx, order_id: int, from_state: State, queued_until_ms: int) -> None:
    changed = tx.run(
        "order_queued",
        order_id=order_id,
        from_state=from_state.value,
        queued_until_ms=queued_until_ms,
    )
    orders.must(changed, f"queueing order {order_id}")


def _lost(tx: Tx, closing: Closing, upstream_order_id: str | None = None) -> Closed:
    """Somebody closed the attempt first. A "yes" that nobody wrote down is an orphan."""
    attempt = tx.one("attempt", attempt_id=closing.attempt_id)
    order = orders.get(tx, closing.order_id)
    known = attempt["upstream_order_id"] if attempt else None
    orphan = upstream_order_id is not None and upstream_order_id != known
    detail: dict[str, object] = {"attempt": closing.attempt_id}
    if upstream_order_id is not None:
        detail["upstream_order_id"] = upstream_order_id
    if attempt is not None:
        detail |= {"provider": attempt["provider"], "closed_as": attempt["state"]}
    if orphan:  # its ID is ours from now on; background.doubts sees to the rest
        tx.run("map_late", attempt_id=closing.attempt_id, upstream_order_id=upstream_order_id)
    kind = events.LATE_PLACED if orphan else events.LATE_ANSWER
    events.add(tx, closing.order_id, kind, detail, closing.now_ms)
    return Closed(order.state, closing.attempt_id, won=False)


def recover(tx: Tx, boot_id: str, now_ms: int, others: Sequence[str] = ()) -> list[int]:
    """What a dead process was sending is in doubt now. Order IDs.

    ``others`` are the boot IDs beside our own that may still send. Where a lock keeps
    every other server away there are none: whoever wrote an attempt is dead then.
    """
    recovered = []
    for row in tx.all("attempts_of_the_dead", alive=[boot_id, *others]):
        if doubt(tx, row["id"], row["order_id"], "the process died", now_ms):
            events.add(tx, row["order_id"], events.PROCESS_DIED, {"attempt": row["id"]}, now_ms)
            recovered.append(row["order_id"])
    return recovered
