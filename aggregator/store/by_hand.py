"""What an operator does to an order by hand. Each act leaves an event and its note.

Every act may race the server's own work on the same order, so each is guarded by
the state it read in the same transaction; an ``ActRefused`` tells what stood in
its way, and then nothing was changed.
"""

from aggregator.core import ledger, pricing
from aggregator.core.model import Order, State
from aggregator.store import attempts, events, money, orders
from aggregator.store.exceptions import (
    Inconsistent,
    NothingPosted,
    TooMuch,
    UpstreamIdTaken,
    WrongState,
)
from aggregator.store.tx import Row, Tx


def _in_state(tx: Tx, order_id: int, *wanted: State) -> Order:
    order = orders.get(tx, order_id)
    if order.state not in wanted:
        names = " or ".join(state.value for state in wanted)
        raise WrongState(order_id=order_id, state=order.state.value, wanted=names)
    return order


def _event(tx: Tx, order_id: int, act: str, note: str, now_ms: int, **more: object) -> None:
    events.add(tx, order_id, act, {"note": note, **more}, now_ms)


def _open_attempt(tx: Tx, order_id: int) -> Row:
    row = tx.one("open_attempt", order_id=order_id)
    if row is None:
        raise Inconsistent(what=f"order {order_id} is in doubt without an open attempt")
    return row


def resolve_placed(tx: Tx, order_id: int, upstream_order_id: str, note: str, now_ms: int) -> None:
    """in_doubt -> placed: it was bought after all, as ``upstream_order_id``."""
    _in_state(tx, order_id, State.IN_DOUBT)
    doubt = _open_attempt(tx, order_id)
    changed = tx.run(
        "attempt_placed",
        attempt_id=doubt["id"],
        order_id=order_id,
        kind=None,
        upstream_order_id=upstream_order_id,
        now_ms=now_ms,
    )
    if changed != 1:
        raise _taken(tx, doubt, upstream_order_id)
    attempts.order_placed(tx, order_id, doubt["id"], now_ms, note)
    _event(tx, order_id, "resolved_placed", note, now_ms, upstream_order_id=upstream_order_id)


def _taken(tx: Tx, doubt: Row, upstream_order_id: str) -> UpstreamIdTaken:
    row = tx.one(
        "order_of_upstream",
        provider=doubt["provider"],
        kind=doubt["kind"],
        upstream_order_id=upstream_order_id,
    )
    return UpstreamIdTaken(
        upstream_order_id=upstream_order_id,
        provider=doubt["provider"],
        order_id=row["order_id"] if row else "unknown",
    )


def _not_placed(tx: Tx, order_id: int, now_ms: int) -> None:
    changed = tx.run("attempt_not_placed", order_id=order_id, now_ms=now_ms)
    orders.must(changed, f"closing the doubt of order {order_id}")


def resolve_not_placed(tx: Tx, order_id: int, note: str, now_ms: int) -> None:
    """in_doubt -> canceled: it was never bought, and its hold is given back."""
    _in_state(tx, order_id, State.IN_DOUBT)
    _not_placed(tx, order_id, now_ms)
    ended = orders.end_unbought(tx, order_id, State.IN_DOUBT, State.CANCELED, now_ms, note=note)
    orders.must(int(ended), f"canceling order {order_id}")
    _event(tx, order_id, "resolved_not_placed", note, now_ms)


def cancel(tx: Tx, order_id: int, note: str, now_ms: int) -> None:
    """queued -> canceled, its hold given back."""
    _in_state(tx, order_id, State.QUEUED)
    orders.cancel_queued(tx, order_id, note, now_ms)


def retry(tx: Tx, order_id: int, queued_until_ms: int, note: str, now_ms: int) -> None:
    """in_doubt -> queued, its hold kept: the operator says it was not bought.

    A queued order stays queued, with more time.
    """
    order = _in_state(tx, order_id, State.QUEUED, State.IN_DOUBT)
    if order.state is State.IN_DOUBT:
        _not_placed(tx, order_id, now_ms)
        attempts.queue(tx, order_id, State.IN_DOUBT, queued_until_ms)
    else:
        tx.run("queue_longer", order_id=order_id, queued_until_ms=queued_until_ms)
    _event(tx, order_id, "retried", note, now_ms, from_state=order.state.value)


def refund(tx: Tx, order_id: int, micros: int | None, note: str, now_ms: int) -> int:
    """Gives back ``micros`` of the charge, or all that is left of it; how much.

    NothingPosted, TooMuch. The next status answers take it into account: they
    refund only what is missing to their own figure.
    """
    order = orders.get(tx, order_id)
    left = order.net_charge_micros
    if not money.is_posted(tx, order_id) or left == 0:
        raise NothingPosted(order_id=order_id)
    given = left if micros is None else micros
    if not 0 < given <= left:
        raise TooMuch(order_id=order_id, left=pricing.exact(left), wanted=pricing.exact(given))
    orders.must(tx.run("order_refunded", order_id=order_id, micros=given), "refunding")
    transfer = ledger.refund(order.reseller_id, given)
    money.move(tx, transfer, order.reseller_id, now_ms, order_id=order_id, note=note)
    _event(tx, order_id, "refunded_by_hand", note, now_ms, micros=given)
    return given
