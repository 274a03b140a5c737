"""Every invariant is really checked: tables tampered with are told line by line."""

import pytest

from aggregator.core.outcome import InDoubt
from aggregator.ports import Opened
from aggregator.store import attempts, keys, orders
from aggregator.store.sqlite_tx import SqliteTx
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from tests.store.builders import CHARGE, NOW, closing, draft, placed, reseller

# Order 1 is placed, order 2 is in doubt, order 3 is being sent.
TAMPERED = {
    "UPDATE transfers SET micros = micros + 1 WHERE kind = 'credit'": "entries sum to ",
    "UPDATE transfers SET micros = -micros WHERE kind = 'post'": "-250000 micros from ",
    "UPDATE transfers SET target = 'cash' WHERE kind = 'post'": "250000 micros from "
    "reseller/1/held to cash",
    "UPDATE transfers SET reseller_id = NULL WHERE kind = 'post'": "transfer 5 (post): ",
    "UPDATE accounts SET available_micros = available_micros + 1": "/available: ",
    "UPDATE accounts SET available_micros = -1": "reseller 1: -1 available",
    "UPDATE accounts SET held_micros = held_micros - 1": "open orders bind",
    "UPDATE transfers SET target = 'reseller/9/held' WHERE kind = 'post'": "no such account",
    "DELETE FROM transfers WHERE kind = 'post'": "0 posts",
    "UPDATE transfers SET kind = 'void' WHERE kind = 'post'": "order 1 is placed",
    "UPDATE transfers SET kind = 'refund' WHERE kind = 'post'": "refunds of 250000",
    "UPDATE orders SET refunded_micros = 1 WHERE id = 1": "order 1 is placed, charge 250000, "
    "refunded 1",
    "UPDATE orders SET charge_micros = 1 WHERE id = 1": "of another amount",
    "UPDATE orders SET state = 'completed' WHERE id = 1": "the time of its end contradicts",
    "UPDATE orders SET state = 'queued' WHERE id = 2": "its order 2 is queued",
    "UPDATE attempts SET state = 'sending' WHERE order_id = 2": "its order 2 is in_doubt",
    "UPDATE attempts SET state = 'not_sent' WHERE order_id = 3": "without an open attempt",
    "UPDATE orders SET upstream_order_id = '5' WHERE id = 1": "without an attempt placed",
    "UPDATE attempts SET provider = 'other' WHERE order_id = 1": "its order 1 says otherwise",
    "UPDATE spending SET micros = micros + 1": "its orders come to 750000",
    "DROP INDEX attempts_upstream; UPDATE attempts SET upstream_order_id = '9001'": "of gulf "
    "(normal) belongs to 3 orders",
}


@pytest.fixture
def sound(tx: Tx) -> Tx:
    shop = reseller(tx, micros=10 * CHARGE)
    one, two = (orders.open_order(tx, draft(shop)) for _ in range(2))
    keys.set_daily_cap(tx, shop, 3 * CHARGE, NOW)
    orders.open_order(tx, draft(shop))
    assert isinstance(one, Opened)
    assert isinstance(two, Opened)
    attempts.close_attempt(tx, placed(one.order_id, one.attempt_id, "9001"))
    attempts.close_attempt(tx, closing(two.order_id, two.attempt_id, InDoubt("cut")))
    assert verify(tx) == []
    return tx


def let_be_tampered_with(tx: Tx) -> None:
    """Without the constraints that would refuse it."""
    if isinstance(tx, SqliteTx):
        tx.run("PRAGMA ignore_check_constraints = ON")
        tx.run("PRAGMA defer_foreign_keys = ON")
        return
    for row in tx.all(
        "SELECT conrelid::regclass AS on_table, conname FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace AND contype IN ('c', 'f')"
    ):
        tx.run(f"ALTER TABLE {row['on_table']} DROP CONSTRAINT {row['conname']}")


@pytest.mark.parametrize("tampering", TAMPERED)
def test_tampering_is_told(sound: Tx, tampering: str) -> None:
    """A change that breaks an invariant is told in a line that says where."""
    let_be_tampered_with(sound)
    for statement in tampering.split(";"):
        sound.run(statement)
    told = verify(sound)
    assert [line for line in told if TAMPERED[tampering] in line], told
