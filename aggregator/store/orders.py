"""Orders from the first transaction to a route: opened, queued, started, canceled.

What an attempt's outcome makes of an order is in ``attempts.py``, what a status
answer does in ``statuses.py``, what an operator does by hand in ``by_hand.py``.
"""

from collections import defaultdict
from collections.abc import Mapping

from aggregator.core import errors, ledger
from aggregator.core.errors import ClientError
from aggregator.core.model import Order, State
from aggregator.ports import AttemptDraft, Opened, OrderDraft, Remembered
from aggregator.store import events, money, rows
from aggregator.store.exceptions import Inconsistent, NoSuchOrder
from aggregator.store.tx import Tx

_FORGET_AT_ONCE = 1_000


def open_order(tx: Tx, draft: OrderDraft) -> Opened | Remembered:
    """Transaction 1: everything that must be on disk before a byte leaves.

    ClientError where the reseller cannot pay, or may not order any more; then
    nothing was written.
    """
    if draft.request is not None:
        before = repeated(tx, draft.reseller_id, draft.request.text, draft.now_ms)
        if before is not None:
            return before
    order_id = _insert(tx, draft, _bound(tx, draft))
    money.record_hold(tx, draft.reseller_id, order_id, draft.charge_micros, draft.now_ms)
    first, attempt_id = draft.first, None
    if first is not None:
        attempt_id = _insert_attempt(tx, order_id, 1, first, draft.now_ms)
    if draft.request is not None:
        tx.run(
            "remember",
            reseller_id=draft.reseller_id,
            request_id=draft.request.text,
            fingerprint=draft.request.fingerprint,
            order_id=order_id,
            now_ms=draft.now_ms,
        )
    return Opened(order_id, attempt_id)


def _bound(tx: Tx, draft: OrderDraft) -> int | None:
    """Binds the charge; the day to which it counts, where a cap looks at it. ClientError,
    and nothing changed, where he cannot pay it, may not order or has no room for it.

    The cap is the one that stands here: what a server remembers of a key may be older.
    """
    reseller_id, micros, now_ms = draft.reseller_id, draft.charge_micros, draft.now_ms
    if money.hold(tx, reseller_id, micros, now_ms):
        return None
    cap_micros = money.daily_cap(tx, reseller_id, now_ms)
    if cap_micros is None or not money.hold(tx, reseller_id, micros, now_ms, cap_asked=True):
        raise ClientError(_why_not(tx, reseller_id))
    day = money.day_of(now_ms)
    if not money.spend(tx, reseller_id, day, micros, cap_micros):
        money.let_go(tx, reseller_id, micros)
        raise ClientError(errors.INSUFFICIENT_BALANCE)
    return day


def _why_not(tx: Tx, reseller_id: int) -> str:
    row = tx.one("SELECT disabled FROM resellers WHERE id = :id", id=reseller_id)
    return errors.INSUFFICIENT_BALANCE if row and not row["disabled"] else errors.UNAUTHENTICATED


def _insert(tx: Tx, draft: OrderDraft, spent_day: int | None) -> int:
    purchase = draft.purchase
    return tx.insert(
        "insert_order",
        reseller_id=draft.reseller_id,
        service_id=draft.service_id,
        service_type=draft.service_type,
        kind=purchase.kind.value,
        state=State.QUEUED.value if draft.first is None else State.SENDING.value,
        quantity=purchase.quantity,
        units=purchase.units,
        rate_micros=draft.rate_micros,
        charge_micros=draft.charge_micros,
        params=rows.as_json(purchase.params),
        link=purchase.link,
        runs=purchase.runs,
        interval=purchase.interval,
        config_revision=draft.config_revision,
        now_ms=draft.now_ms,
        queued_until_ms=draft.queued_until_ms,
        spent_day=spent_day,
        opened=_opened(draft),
    )


def _opened(draft: OrderDraft) -> str | None:
    if not draft.explanation:
        return None
    price = {"price": draft.price} if draft.price else {}
    return rows.as_json({"why": draft.explanation, **price})


def add_attempt(tx: Tx, order_id: int, draft: AttemptDraft, now_ms: int) -> int:
    made = tx.one("attempts_made", order_id=order_id)
    assert made is not None
    return _insert_attempt(tx, order_id, made["attempts"] + 1, draft, now_ms)


def _insert_attempt(tx: Tx, order_id: int, number: int, draft: AttemptDraft, now_ms: int) -> int:
    return tx.insert(
        "insert_attempt",
        order_id=order_id,
        number=number,
        provider=draft.provider,
        upstream_service=draft.upstream_service,
        kind=draft.kind.value,
        boot_id=draft.boot_id,
        cost_micros=draft.cost_micros,
        low_anchor=None if draft.low_anchor is None else str(draft.low_anchor),
        idempotency_key=draft.idempotency_key,
        now_ms=now_ms,
    )


def remembered(tx: Tx, reseller_id: int, request_id: str) -> Remembered | None:
    row = tx.one("remembered", reseller_id=reseller_id, request_id=request_id)
    return None if row is None else rows.remembered(row)


def repeated(tx: Tx, reseller_id: int, request_id: str, now_ms: int) -> Remembered | None:
    """What a repeat is answered with. Of an order that is being sent it is the ID: whoever
    sends it must not answer with an error any more (``close_attempt``)."""
    before = remembered(tx, reseller_id, request_id)
    if before is not None and before.state is State.SENDING:
        events.add_once(tx, before.order_id, events.ANSWERED, {}, now_ms)
    return before


def forget_requests(tx: Tx, before_ms: int) -> int:
    """Drops some of the request IDs from before then; how many. Again until it is 0."""
    return tx.run("forget_requests", before_ms=before_ms, limit=_FORGET_AT_ONCE)


def start_queued(tx: Tx, order_id: int, draft: AttemptDraft, now_ms: int) -> int | None:
    """queued -> sending with a new attempt; None if the order is no longer queued."""
    if tx.run("order_sending", order_id=order_id) != 1:
        return None
    return add_attempt(tx, order_id, draft, now_ms)


def cancel_queued(tx: Tx, order_id: int, reason: str, now_ms: int) -> bool:
    """queued -> canceled with its hold given back; false if somebody was first."""
    if not end_unbought(tx, order_id, State.QUEUED, State.CANCELED, now_ms, note=reason):
        return False
    events.add(tx, order_id, events.CANCELED, {"reason": reason}, now_ms)
    return True


def end_unbought(
    tx: Tx,
    order_id: int,
    from_state: State,
    to_state: State,
    now_ms: int,
    *,
    error: str | None = None,
    note: str | None = None,
) -> bool:
    """Ends an order of which nothing was bought, and gives its hold back."""
    row = tx.one(
        "order_ended",
        order_id=order_id,
        from_state=from_state.value,
        to_state=to_state.value,
        error=error,
        now_ms=now_ms,
    )
    if row is None:
        return False
    reseller_id = row["reseller_id"]
    if row["spent_day"] is not None:
        money.unspend(tx, reseller_id, row["spent_day"], row["charge_micros"])
    void = ledger.void(reseller_id, row["charge_micros"])
    money.move(tx, void, reseller_id, now_ms, order_id=order_id, note=note)
    return True


def get(tx: Tx, order_id: int) -> Order:
    """NoSuchOrder where there is none."""
    row = tx.one("order", order_id=order_id)
    if row is None:
        raise NoSuchOrder(order_id=order_id)
    return rows.order(row)


def children(tx: Tx, parent_id: int) -> list[Order]:
    return [rows.order(row) for row in tx.all("children", parent_id=parent_id)]


def check_later(tx: Tx, when: Mapping[int, int | None]) -> None:
    """By order ID, when to ask after it next; None: never."""
    together = defaultdict(list)
    for order_id, next_check_at_ms in when.items():
        together[next_check_at_ms].append(order_id)
    for next_check_at_ms, ids in together.items():
        tx.run("check_later", ids=ids, next_check_at_ms=next_check_at_ms)


def must(changed: int, what: str) -> None:
    """An UPDATE that cannot have missed unless the tables contradict each other."""
    if changed != 1:
        raise Inconsistent(what=what)
