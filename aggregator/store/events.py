"""What happened to an order, written down for the operator."""

from collections.abc import Mapping, Sequence

from aggregator.ports import Event
from aggregator.store import rows
from aggregator.store.tx import Tx

OPENED = "opened"
CANCELED = "canceled"
IN_DOUBT = "in_doubt"
LATE_PLACED = "late_placed"  # bought after all, though the attempt had been closed
LATE_ANSWER = "late_answer"
PROCESS_DIED = "process_died"
ANSWERED = "id_given_to_a_repeat"  # while another server was still sending it
ID_TAKEN = "upstream_id_taken"
CHILD_TAKEN = "child_id_taken"
NOT_SETTLED = "not_settled"


def add(tx: Tx, order_id: int, kind: str, detail: Mapping[str, object], now_ms: int) -> None:
    tx.run("insert_event", order_id=order_id, now_ms=now_ms, kind=kind, detail=rows.as_json(detail))


def add_once(tx: Tx, order_id: int, kind: str, detail: Mapping[str, object], now_ms: int) -> bool:
    """False if the very same event stands there already."""
    text = rows.as_json(detail)
    if tx.one("has_event", order_id=order_id, kind=kind, detail=text) is not None:
        return False
    tx.run("insert_event", order_id=order_id, now_ms=now_ms, kind=kind, detail=text)
    return True


def record(tx: Tx, happened: Sequence[Event], now_ms: int, most: int | None = None) -> None:
    """``most``: of one kind so many are kept of each order."""
    for event in happened:
        if most is None or count(tx, event.order_id, event.kind) < most:
            add(tx, event.order_id, event.kind, event.detail, now_ms)


def count(tx: Tx, order_id: int, kind: str) -> int:
    row = tx.one("count_events", order_id=order_id, kind=kind)
    return 0 if row is None else int(row["events"])


def record_once(tx: Tx, happened: Event, now_ms: int) -> bool:
    return add_once(tx, happened.order_id, happened.kind, happened.detail, now_ms)
