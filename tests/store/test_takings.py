"""Statements by date and the house's takings, on every store."""

import itertools
from decimal import Decimal

from aggregator.core.ledger import Period, TransferKind
from aggregator.core.model import Kind
from aggregator.core.profit import Taking
from aggregator.ports import Opened
from aggregator.store import attempts, by_hand, money, orders, resellers
from aggregator.store.statuses import apply_status
from aggregator.store.tx import Tx
from tests.store.builders import (
    CHARGE,
    HOUR,
    NOW,
    POLICY,
    draft,
    dripfeed,
    placed,
    reading,
    reseller,
)

DAY = money.DAY_MS


def sell(tx: Tx, shop: int, upstream_order_id: str, **changes: object) -> int:
    opened = orders.open_order(tx, draft(shop, **changes))
    assert isinstance(opened, Opened)
    attempts.close_attempt(tx, placed(opened.order_id, opened.attempt_id, upstream_order_id))
    return opened.order_id


def test_a_statement_of_a_day(tx: Tx) -> None:
    """Opening balance, the day's movements and closing balance fit together, and with the
    days around them."""
    shop = reseller(tx, micros=10 * CHARGE)
    for day in range(3):
        sell(tx, shop, str(day), now_ms=NOW + day * DAY)
        resellers.credit(tx, "shop", 7, None, NOW + day * DAY)
    edges = [0, NOW, NOW + DAY, NOW + 2 * DAY, 2**62]
    for start, end in itertools.pairwise(edges):
        lines = list(money.statement(tx, shop, Period(start, end)))
        assert all(start <= line["created_at_ms"] < end for line in lines)
        moved = sum(int(line["available_micros"]) for line in lines)
        opening, closing = (money.balance_at(tx, shop, at_ms)[0] for at_ms in (start, end))
        assert opening + moved == closing
    assert money.balance_at(tx, shop, 0) == (0, 0)
    assert money.balance_at(tx, shop, 2**62) == (7 * CHARGE + 21, 0)


def test_a_long_statement_comes_in_pages(tx: Tx) -> None:
    """However many movements there are, each is told once and in order."""
    shop = reseller(tx)
    for _ in range(2_100):
        resellers.credit(tx, "shop", 1, None, NOW)
    ids = [line["id"] for line in money.statement(tx, shop)]
    assert len(ids) == 2_100
    assert ids == sorted(set(ids))


def test_takings(tx: Tx) -> None:
    """A sale comes with what it cost as far as is known, a refund and a loss with their
    provider; what came to nothing is no taking."""
    shop = reseller(tx, micros=10 * CHARGE)
    orders.open_order(tx, draft(shop))
    told = sell(tx, shop, "1")
    refunded = sell(tx, shop, "2")
    apply_status(
        tx, reading(told, "Completed", charge=Decimal("0.15"), remains=0), POLICY, NOW + HOUR
    )
    by_hand.refund(tx, refunded, CHARGE // 2, "dropped", NOW + 1)
    money.book_loss(tx, "owner", told, 9, "late", NOW + 2)
    post, refund, loss = TransferKind.POST, TransferKind.REFUND, TransferKind.LOSS
    assert list(money.takings(tx)) == [
        Taking(post, NOW + 1_000, CHARGE, "gulf", 1, 150_000),
        Taking(post, NOW + 1_000, CHARGE, "gulf", 1, 100_000),
        Taking(refund, NOW + 1, CHARGE // 2, "gulf", 1),
        Taking(loss, NOW + 2, 9, "owner", 1),
    ]
    assert [one.kind for one in money.takings(tx, Period(NOW + 2, NOW + 3))] == [loss]


def test_a_parent_costs_what_its_children_do(tx: Tx) -> None:
    """Where a provider charges the runs of a drip-feed and not the order, their sum counts."""
    shop = reseller(tx, micros=10 * CHARGE)
    opened = orders.open_order(tx, dripfeed(shop))
    assert isinstance(opened, Opened)
    attempts.close_attempt(tx, placed(opened.order_id, opened.attempt_id, "77"))
    named = reading(opened.order_id, "In progress", charge=Decimal("0"), children=("78", "79"))
    apply_status(tx, named, POLICY, NOW + HOUR)
    for child in orders.children(tx, opened.order_id):
        assert child.kind is Kind.NORMAL
        apply_status(
            tx,
            reading(child.id, "Completed", charge=Decimal("0.03"), remains=0),
            POLICY,
            NOW + HOUR,
        )
    (sale,) = money.takings(tx)
    assert sale.cost_micros == 60_000
