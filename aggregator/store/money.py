"""Transfers on disk: the balance and the transfer, always together."""

from collections.abc import Iterator

from aggregator.core import ledger, profit
from aggregator.core.ledger import EVER, Period, Transfer, TransferKind
from aggregator.core.model import Kind
from aggregator.core.profit import Taking
from aggregator.store.exceptions import Inconsistent
from aggregator.store.tx import Param, Row, Tx

DAY_MS = 86_400_000

_LOOKED_AT = 500
_PAGE = 2_000
_NUMBERED = frozenset({TransferKind.REFUND, TransferKind.LOSS})


def hold(tx: Tx, reseller_id: int, micros: int, now_ms: int, *, cap_asked: bool = False) -> bool:
    """Binds a charge; false, and nothing changed, if the reseller cannot pay or order, or has
    a ``daily_cap`` that was not asked yet.

    The order does not exist yet: ``record_hold`` writes the transfer once it does.
    """
    changed = tx.run(
        "hold_charge",
        reseller_id=reseller_id,
        charge_micros=micros,
        now_ms=now_ms,
        cap_asked=int(cap_asked),
    )
    return changed == 1


def daily_cap(tx: Tx, reseller_id: int, now_ms: int) -> int | None:
    """The lowest cap of his keys, for ``spend``; None: there is none."""
    row = tx.one("daily_cap", reseller_id=reseller_id, now_ms=now_ms)
    return None if row is None else row["micros"]


def let_go(tx: Tx, reseller_id: int, micros: int) -> None:
    """There will be no order for what was held just now."""
    tx.run("move_balance", reseller_id=reseller_id, available_micros=micros, held_micros=-micros)


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
    tx.run(
        query,
        reseller_id=reseller_id,
        order_id=order_id,
        kind=transfer.kind.value,
        source=transfer.source,
        target=transfer.target,
        micros=transfer.micros,
        note=note,
        now_ms=now_ms,
    )


def book_loss(tx: Tx, provider: str, order_id: int, micros: int, note: str, now_ms: int) -> None:
    """What a provider cost us and nobody paid for: the house's own money."""
    _record(tx, ledger.book_loss(provider, micros), None, order_id, note, now_ms)


def is_posted(tx: Tx, order_id: int) -> bool:
    return tx.one("has_transfer", order_id=order_id, kind=TransferKind.POST.value) is not None


def statement(tx: Tx, reseller_id: int, period: Period = EVER) -> Iterator[Row]:
    """Every movement of a reseller's money, oldest first, a page at a time.

    Rows: id, order_id, kind, version, note, created_at_ms, and available_micros
    and held_micros, what the transfer did to each.
    """
    return _paged(tx, "statement", period, reseller_id=reseller_id, **_accounts(reseller_id))


def balance_at(tx: Tx, reseller_id: int, at_ms: int) -> tuple[int, int]:
    """(available, held) by what had been moved before that moment."""
    row = tx.one("balance_at", reseller_id=reseller_id, at_ms=at_ms, **_accounts(reseller_id))
    assert row is not None
    return int(row["available_micros"]), int(row["held_micros"])


def _accounts(reseller_id: int) -> dict[str, Param]:
    return {"available": ledger.available(reseller_id), "held": ledger.held(reseller_id)}


def takings(tx: Tx, period: Period = EVER) -> Iterator[Taking]:
    """What touched the house's own money, oldest first: posts, refunds, losses."""
    for row in _paged(tx, "takings", period):
        kind = TransferKind(row["kind"])
        yield Taking(
            kind,
            row["created_at_ms"],
            int(row["micros"]),
            ledger.loser(row["account"]) or row["provider"],
            row["service_id"],
            _cost(tx, row) if kind is TransferKind.POST else None,
        )


def _cost(tx: Tx, row: Row) -> int | None:
    told = row["upstream_charge_micros"]
    if not told and Kind(row["order_kind"]).has_children:
        children = tx.one("charged_for_children", parent_id=row["order_id"])
        told = (int(children["micros"]) if children and children["micros"] else None) or told
    return profit.cost(
        told, row["upstream_cost_micros"], row["charge_micros"], row["refunded_micros"]
    )


def _paged(tx: Tx, query: str, period: Period, **params: Param) -> Iterator[Row]:
    after = 0
    while found := tx.all(
        query,
        after=after,
        from_ms=period.from_ms,
        until_ms=period.until_ms,
        limit=_PAGE,
        **params,
    ):
        yield from found
        after = found[-1]["id"]
