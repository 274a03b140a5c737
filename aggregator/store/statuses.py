"""A provider's status answers, settled with their money in one transaction.

What an answer means is decided by ``core.settlement``; here its result is written,
guarded by the very row it was computed from. Where the asker has brought the order, and
it just goes on, it is not even read: if it stands otherwise by now, no guard lets that
pass, and the answer is settled by the row. A child that changes makes its parent
be counted again; a child that the provider names for the first time becomes a row
with a ``placed`` attempt, so that its upstream ID belongs to us once and for all.
"""

from collections.abc import Sequence

from aggregator.core import ledger, settlement
from aggregator.core.costs import delivered
from aggregator.core.model import Order, Policy
from aggregator.core.settlement import Settlement
from aggregator.ports import Event, Reading
from aggregator.store import events, money, orders, rows
from aggregator.store.tx import Tx


def apply_statuses(tx: Tx, readings: Sequence[Reading], policy: Policy, now_ms: int) -> list[Event]:
    return [alert for one in readings for alert in apply_status(tx, one, policy, now_ms)]


def apply_status(tx: Tx, reading: Reading, policy: Policy, now_ms: int) -> list[Event]:
    """One answer. Returns what is worth an alert."""
    if reading.known is not None and _goes_on(tx, reading.known, reading, policy, now_ms):
        return []
    row = tx.one("order", order_id=reading.order_id)
    if row is None or row["upstream_order_id"] is None:
        return []  # nothing of ours to settle: it was never placed
    order = rows.order(row)
    children = _children(tx, order)
    settled = settlement.settle(
        order, reading.status, reading.asked_at_ms, now_ms, policy, children, reading.pace
    )
    if settled is None:
        return []
    alerts = _write(tx, order, settled, now_ms)
    for upstream_order_id in settled.new_children:
        alerts += _register(tx, settled.order, upstream_order_id, now_ms)
    # Counting a parent reads all its children: only where what one delivered has changed.
    if order.parent_id is not None and delivered(settled.order) != delivered(order):
        alerts += _recount(tx, order.parent_id, now_ms)
    return alerts


def _goes_on(tx: Tx, known: Order, reading: Reading, policy: Policy, now_ms: int) -> bool:
    """Whether that was all, and is written."""
    told = settlement.progress(
        known, reading.status, reading.asked_at_ms, now_ms, policy, reading.pace
    )
    if told is None:
        return False
    changed = tx.run(
        "order_goes_on",
        order_id=known.id,
        from_asked_at_ms=-1 if known.asked_at_ms is None else known.asked_at_ms,
        **told,
    )
    return changed == 1


def _children(tx: Tx, order: Order) -> list[Order]:
    return orders.children(tx, order.id) if order.kind.has_children else []


def _recount(tx: Tx, parent_id: int, now_ms: int) -> list[Event]:
    parent = orders.get(tx, parent_id)
    return _write(tx, parent, settlement.recount(parent, _children(tx, parent)), now_ms)


def _write(tx: Tx, before: Order, settled: Settlement, now_ms: int) -> list[Event]:
    """The row as it must now stand, the growth of its refunds, and its notes."""
    after = settled.order
    if after != before:
        params = rows.order_params(after) | {
            "from_state": before.state.value,
            "from_refunded_micros": before.refunded_micros,
        }
        orders.must(tx.run("order_settled", **params), f"settling order {before.id}")
    owed = after.refunded_micros - before.refunded_micros
    if owed:
        refund = ledger.refund(after.reseller_id, owed)
        money.move(tx, refund, after.reseller_id, now_ms, order_id=after.id)
    return _note(tx, after.id, settled.notes, now_ms)


def _note(tx: Tx, order_id: int, notes: Sequence[settlement.Note], now_ms: int) -> list[Event]:
    for note in notes:
        events.add(tx, order_id, note.kind, note.detail, now_ms)
    return [Event(order_id, note.kind, note.detail) for note in notes if note.alert]


def _register(tx: Tx, parent: Order, upstream_order_id: str, now_ms: int) -> list[Event]:
    """A child that the provider named. One that is ours already is left alone."""
    child = settlement.child(parent, upstream_order_id, now_ms)
    taken = tx.one(
        "order_of_upstream",
        provider=child.provider,
        kind=child.kind.value,
        upstream_order_id=upstream_order_id,
    )
    if taken is not None:
        detail = {"upstream_order_id": upstream_order_id, "taken_by": taken["order_id"]}
        fresh = events.add_once(tx, parent.id, events.CHILD_TAKEN, detail, now_ms)
        return [Event(parent.id, events.CHILD_TAKEN, detail)] if fresh else []
    _insert_child(tx, child, now_ms)
    return []


def _insert_child(tx: Tx, child: Order, now_ms: int) -> None:
    order_id = tx.insert("insert_child", **rows.order_params(child))
    tx.run(
        "insert_placed_attempt",
        order_id=order_id,
        provider=child.provider,
        upstream_service=child.upstream_service,
        kind=child.kind.value,
        cost_micros=child.upstream_cost_micros,
        upstream_order_id=child.upstream_order_id,
        now_ms=now_ms,
    )
