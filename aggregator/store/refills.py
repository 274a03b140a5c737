"""Refills: asked for at the provider, numbered by us."""

from collections.abc import Sequence

from aggregator.core.model import Order, Refill
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
    )
    assert row is not None
    return int(row["id"])


def apply_refills(tx: Tx, readings: Sequence[RefillReading]) -> None:
    """An answer asked before the last one applied changes nothing."""
    for reading in readings:
        tx.run(
            "refill_read",
            refill_id=reading.refill_id,
            status=reading.status,
            asked_at_ms=reading.asked_at_ms,
        )


def of_order(tx: Tx, order_id: int) -> list[Refill]:
    return [rows.refill(row) for row in tx.all("refills_of_order", order_id=order_id)]
