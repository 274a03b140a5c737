"""Transfers on disk: the balance, the transfer and its entries, always together."""

from collections.abc import Sequence

from aggregator.core import ledger
from aggregator.core.ledger import Transfer, TransferKind
from aggregator.store.exceptions import Inconsistent
from aggregator.store.tx import Row, Tx

_NUMBERED = frozenset({TransferKind.REFUND, TransferKind.LOSS})


def hold(tx: Tx, reseller_id: int, micros: int) -> bool:
    """Binds a charge; false, and nothing changed, if the reseller cannot pay or order.

    The order does not exist yet: ``record_hold`` writes the transfer once it does.
    """
    return tx.run("hold_charge", reseller_id=reseller_id, charge_micros=micros) == 1


def record_hold(tx: Tx, reseller_id: int, order_id: int, micros: int, now_ms: int) -> None:
    _record(tx, ledger.hold(reseller_id, micros), reseller_id, order_id, None, now_ms)


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
