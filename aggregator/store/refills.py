"""Refills: asked for at the provider, numbered by us."""

from collections.abc import Collection, Sequence

from aggregator.core.model import Order, Refill
from aggregator.core.pacing import SOONEST_MS
from aggregator.ports import RefillReading
from aggregator.store import rows
from aggregator.store.tx import Tx


def add_refill(tx: Tx, order: Order, upstream_refill_id: str, now_ms: int) -> int:
    """Our ID of it; the one it has already, where they named it before."""
    row = tx.one(
        "upsert_refill",
        order_id=order.id,
        reseller_id=order.reseller_id,
        provider=order.provider,
        upstream_refill_id=upstream_refill_id,
        now_ms=now_ms,
        next_check_at_ms=now_ms + SOONEST_MS,
    )
    assert row is not None
    return int(row["id"])


def apply_refills(tx: Tx, readings: Sequence[RefillReading]) -> None:
    """An answer asked before the last one applied changes nothing."""
    for one in readings:
        later = {"refill_id": one.refill_id, "next_check_at_ms": one.next_check_at_ms}
        if one.status is None:
            tx.run("refill_unread", **later)
        else:
            tx.run("refill_read", status=one.status, asked_at_ms=one.asked_at_ms, **later)


def abandon(tx: Tx, answering: Collection[str], before_ms: int) -> int:
    """Ends those that should have been asked after before then, at providers that are not
    among the ``answering``; how many."""
    awaited = {row["provider"] for row in tx.all("refills_awaited")}
    gone = sorted(awaited.difference(answering))
    return sum(tx.run("abandon_refills", provider=one, before_ms=before_ms) for one in gone)


def of_order(tx: Tx, order_id: int) -> list[Refill]:
    return [rows.refill(row) for row in tx.all("refills_of_order", order_id=order_id)]
