"""Transfers on disk: the balance, the transfer and its entries, always together."""

from collections.abc import Sequence

from aggregator.core import ledger
from aggregator.core.ledger import Transfer, TransferKind
from aggregator.store.exceptions import Inconsistent
from aggregator.store.tx import Row, Tx

DAY_MS = 86_400_000

_LOOKED_AT = 500
_NUMBERED = frozenset({TransferKind.REFUND, TransferKind.LOSS})


def hold(tx: Tx, reseller_id: int, micros: int) -> bool:
    """Binds a charge; false, and nothing changed, if the reseller cannot pay or order.

    The order does not exist yet: ``record_hold`` writes the transfer once it does.
    """
    return tx.run("hold_charge", reseller_id=reseller_id, charge_micros=micros) == 1


def record_hold(tx: Tx, reseller_id: int, order_id: int, micros: int, now_ms: int) -> None:
    _record(tx, ledger.hold(reseller_id, micros), reseller_id, order_id, None, now_ms)


def day_of(at_ms: int) -> int:
    """The day of a moment in UTC, counted from the epoch."""
    return at_ms // DAY_MS


def spend(tx: Tx, reseller_id: int, day: int, micros: int, cap_micros: int) -> bool:
    """Counts a charge to the day; false, and nothing changed, if that went over the cap."""
    changed = tx.run(
        "spend", reseller_id=reseller_id, day=day, charge_micros=micros, cap_micros=cap_micros
    )
    return changed == 1


def unspend(tx: Tx, reseller_id: int, day: int, micros: int) -> None:
    """An order of that day came to nothing. What is refunded later stays spent."""
    tx.run("unspend", reseller_id=reseller_id, day=day, charge_micros=micros)


def spent(tx: Tx, reseller_id: int, day: int) -> int:
    row = tx.one("spent", reseller_id=reseller_id, day=day)
    return int(row["micros"]) if row else 0


def count_spent(tx: Tx, reseller_id: int, day: int) -> None:
    """Counts the day's orders that are not counted yet: there was no cap so far."""
    before = 2**63 - 1
    while found := tx.all(
        "latest_charges", reseller_id=reseller_id, before=before, limit=_LOOKED_AT
    ):
        fresh = [one for one in found if day_of(one["created_at_ms"]) == day]
        uncounted = [one for one in fresh if one["spent_day"] is None and not one["unbought"]]
        micros = sum(one["charge_micros"] for one in uncounted)
        tx.run("spend_anyway", reseller_id=reseller_id, day=day, charge_micros=micros)
        tx.run("counts_as_spent", ids=[one["id"] for one in uncounted], day=day)
        if day_of(found[-1]["created_at_ms"]) < day:
            return
        before = found[-1]["id"]


def move(
    tx: Tx,
    transfer: Transfer,
    reseller_id: int,
    now_ms: int,
    *,
    order_id: int | None = None,
    note: str | None = None,
) -> None:
    """Carries a transfer out. Inconsistent where a balance would turn negative."""
    moved = tx.run(
        "move_balance",
        reseller_id=reseller_id,
        available_micros=transfer.available_micros,
        held_micros=transfer.held_micros,
    )
    if moved != 1:
        raise Inconsistent(what=f"{transfer.kind} of order {order_id}, reseller {reseller_id}")
    _record(tx, transfer, reseller_id, order_id, note, now_ms)


def _record(
    tx: Tx,
    transfer: Transfer,
    reseller_id: int | None,
    order_id: int | None,
    note: str | None,
    now_ms: int,
) -> None:
    query = "insert_next_transfer" if transfer.kind in _NUMBERED else "insert_transfer"
    row = tx.one(
        query,
        reseller_id=reseller_id,
        order_id=order_id,
        kind=transfer.kind.value,
        note=note,
        now_ms=now_ms,
    )
    assert row is not None
    source, target = transfer.entries
    tx.run(
        "insert_entries",
        transfer_id=row["id"],
        source=source.account,
        source_micros=source.amount_micros,
        target=target.account,
        target_micros=target.amount_micros,
    )


def book_loss(tx: Tx, provider: str, order_id: int, micros: int, note: str, now_ms: int) -> None:
    """What a provider cost us and nobody paid for: the house's own money."""
    _record(tx, ledger.book_loss(provider, micros), None, order_id, note, now_ms)


def is_posted(tx: Tx, order_id: int) -> bool:
    return tx.one("has_transfer", order_id=order_id, kind=TransferKind.POST.value) is not None


def statement(tx: Tx, reseller_id: int) -> Sequence[Row]:
    """Every movement of a reseller's money, oldest first.

    Rows: id, order_id, kind, version, note, created_at_ms, and available_micros
    and held_micros, what the transfer did to each.
    """
    return tx.all(
        "statement",
        reseller_id=reseller_id,
        available=ledger.available(reseller_id),
        held=ledger.held(reseller_id),
    )
