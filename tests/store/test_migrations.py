"""What a migration carries over: the same rows, money and lists as before it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from aggregator.core.model import Policy
from aggregator.store import backup, opening, postgres_opening, restoring
from aggregator.store.exceptions import NotSound
from aggregator.store.postgres_opening import connected
from aggregator.store.postgres_tx import PostgresTx, Server
from aggregator.store.sqlite_tx import SqliteTx, connect
from aggregator.store.tx import Tx
from aggregator.store.verify import verify

Older = Callable[[int], AbstractContextManager[tuple[Tx, Callable[[], None]]]]


def up_to(migrations: dict[int, str], version: int) -> dict[int, str]:
    return {number: script for number, script in migrations.items() if number <= version}


@contextmanager
def older_sqlite(path: Path, version: int) -> Iterator[tuple[Tx, Callable[[], None]]]:
    with connect(path) as connection:
        opening.migrate(connection, up_to(dict(opening.MIGRATIONS), version))
        yield SqliteTx(connection), partial(opening.migrate, connection)


@contextmanager
def older_postgres(url: str, version: int) -> Iterator[tuple[Tx, Callable[[], None]]]:
    server = Server.of(url)
    with connected(server) as connection:
        connection.execute("BEGIN")
        known = up_to(dict(postgres_opening.MIGRATIONS), version)
        postgres_opening.migrate(server, connection, known)
        yield PostgresTx(connection), partial(postgres_opening.migrate, server, connection)


@pytest.fixture(params=["sqlite", "postgres"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Older:
    """A database of an older version, and what brings it up."""
    if request.param == "sqlite":
        return partial(older_sqlite, tmp_path / "older.db")
    return partial(older_postgres, request.getfixturevalue("empty_schema"))


AVAILABLE, HELD = "reseller/7/available", "reseller/7/held"
# Order, kind, version, source, target, micros. Order 2 was free, order 3 was lost.
MOVED = [
    (None, "credit", 1, "cash", AVAILABLE, 1000),
    (1, "hold", 1, AVAILABLE, HELD, 90),
    (1, "post", 1, HELD, "sales", 90),
    (1, "refund", 1, "sales", AVAILABLE, 20),
    (1, "refund", 2, "sales", AVAILABLE, 5),
    (2, "hold", 1, AVAILABLE, HELD, 0),
    (2, "post", 1, HELD, "sales", 0),
    (2, "refund", 1, "sales", AVAILABLE, 0),
    (3, "hold", 1, AVAILABLE, HELD, 40),
    (3, "void", 1, HELD, AVAILABLE, 40),
    (3, "loss", 1, "cash", "loss/gulf", 33),
    (3, "loss", 2, "cash", "loss/gulf", 0),
    (4, "hold", 1, AVAILABLE, HELD, 0),
    (4, "void", 1, HELD, AVAILABLE, 0),
    (None, "debit", 1, AVAILABLE, "cash", 15),
    (None, "debit", 1, AVAILABLE, "cash", 0),
    (None, "credit", 1, "cash", AVAILABLE, 0),
]


def in_the_form_of_version_9(tx: Tx) -> None:
    tx.run("INSERT INTO resellers (id, name, created_at_ms) VALUES (7, 'shop', 1)")
    tx.run("INSERT INTO accounts VALUES (7, 920, 0)")
    for order_id, state, charge, refunded, ended in (
        (1, "placed", 90, 25, "NULL"),
        (2, "placed", 0, 0, "NULL"),
        (3, "canceled", 40, 0, "8"),
        (4, "rejected", 0, 0, "8"),
    ):
        tx.run(
            "INSERT INTO orders (id, reseller_id, service_id, service_type, kind, state, quantity,"
            " units, rate_micros, charge_micros, refunded_micros, params, link, config_revision,"
            " created_at_ms, provider, upstream_order_id, ended_at_ms) VALUES"
            f" ({order_id}, 7, 1, 'Default', 'normal', '{state}', 100, 100, 900, {charge},"
            f" {refunded}, '{{}}', 'l', 'r', 1, 'gulf', '{order_id}', {ended})"
        )
        tx.run(
            "INSERT INTO attempts (order_id, number, provider, upstream_service, kind, state,"
            f" boot_id, created_at_ms, upstream_order_id) VALUES ({order_id}, 1, 'gulf', '1',"
            f" 'normal', 'placed', 'b', 1, '{order_id}')"
        )
    for number, (order, kind, version, source, target, micros) in enumerate(MOVED, 1):
        owner = "NULL" if kind == "loss" else "7"
        tx.run(
            "INSERT INTO transfers (id, reseller_id, order_id, kind, version, note, created_at_ms)"
            f" VALUES ({number}, {owner}, {order or 'NULL'}, '{kind}', {version}, 'n', {number})"
        )
        for account, amount in ((source, -micros), (target, micros)):
            tx.run(f"INSERT INTO entries VALUES ({number}, '{account}', {amount})")


def entries(tx: Tx) -> list[tuple[object, ...]]:
    found = tx.all("SELECT transfer_id, account, amount_micros FROM entries")
    return sorted((row["transfer_id"], row["account"], row["amount_micros"]) for row in found)


def test_transfers_keep_their_entries(older: Older) -> None:
    """Version 10 carries every transfer over, those of nothing too, and its entries read as
    they did."""
    with older(9) as (tx, bring_up):
        in_the_form_of_version_9(tx)
        before = entries(tx)
        bring_up()
        assert entries(tx) == before
        moved = tx.all(
            "SELECT order_id, kind, version, source, target, micros, note, created_at_ms"
            " FROM transfers ORDER BY id"
        )
        assert [tuple(row[name] for name in row.keys()) for row in moved] == [  # noqa: SIM118
            (*one, "n", number) for number, one in enumerate(MOVED, 1)
        ]
        assert verify(tx) == []


def test_new_transfers_go_on_where_the_old_ones_end(older: Older) -> None:
    """After version 10 the next transfer has the next ID, and a second hold is refused."""
    with older(9) as (tx, bring_up):
        in_the_form_of_version_9(tx)
        if isinstance(tx, PostgresTx):  # whose numbers were given above, not drawn
            tx.run(f"ALTER TABLE transfers ALTER COLUMN id RESTART WITH {len(MOVED) + 1}")
        bring_up()
        more = {"reseller_id": 7, "order_id": 4, "note": None, "now_ms": 9}
        moved = {"source": "cash", "target": "loss/gulf", "micros": 1}
        assert tx.insert("insert_next_transfer", kind="loss", **more, **moved) == len(MOVED) + 1
        with pytest.raises(Exception, match=r"(?i)unique"):
            tx.run("insert_transfer", kind="hold", **more, **moved)


@pytest.mark.parametrize("version", [1, 9])
def test_an_older_database_is_backed_up_as_it_is(tmp_path: Path, version: int) -> None:
    """Who is about to upgrade makes a backup first, with whichever program is there by then;
    and what he goes back to must be able to read it."""
    there, copied = tmp_path / "older.db", tmp_path / "copy.db"
    with older_sqlite(there, version) as (tx, _):
        if version == 9:
            in_the_form_of_version_9(tx)
    made = backup.back_up(there, copied, Policy(), lambda _done, _all: None)
    assert made.size == copied.stat().st_size
    with connect(copied) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
        opening.migrate(connection)
        assert verify(SqliteTx(connection)) == []


def test_an_older_ledger_is_held_to_its_rules(tmp_path: Path) -> None:
    with older_sqlite(tmp_path / "older.db", 9) as (tx, _):
        in_the_form_of_version_9(tx)
        tx.run("UPDATE accounts SET available_micros = 921")
    with pytest.raises(NotSound, match="921"):
        backup.back_up(tmp_path / "older.db", tmp_path / "copy.db", Policy(), lambda _d, _a: None)


def test_an_older_database_that_was_put_back_by_other_means(tmp_path: Path) -> None:
    with older_sqlite(tmp_path / "older.db", 9) as (tx, _):
        in_the_form_of_version_9(tx)
    marked = restoring.mark_in_place(tmp_path / "older.db", Policy(), 10)
    assert marked.next_order_id > 4
    with connect(tmp_path / "older.db") as connection:
        assert verify(SqliteTx(connection)) == []
