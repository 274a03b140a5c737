"""Opening a PostgreSQL database: migrations forwards only, one currency for ever."""

import asyncio
from dataclasses import replace

import psycopg
import pytest

from aggregator.store import (
    BesideStore,
    meta,
    open_store,
    resellers,
    short_reading,
    short_transaction,
)
from aggregator.store.exceptions import (
    NeedsServer,
    NoDatabase,
    NotOurs,
    OtherCurrency,
    StoreGone,
    TooNew,
)
from aggregator.store.postgres_opening import MIGRATIONS, connected, migrate
from aggregator.store.postgres_tx import Server
from tests.store.builders import CHARGE, NOW, POLICY, first_id, reseller


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


async def test_servers_that_start_at_once(empty_schema: str) -> None:
    """Of servers that start at once on an empty schema one makes the tables; all open it."""
    stores = await asyncio.gather(*(open_store(empty_schema, POLICY) for _ in range(3)))
    found = await asyncio.gather(*(store.available(1) for store in stores))
    assert found == [0, 0, 0]
    for store in stores:
        await store.close()


def test_database_remembers_its_currency(empty_schema: str) -> None:
    """The first to open a database says what its money is; nobody may differ."""
    euro = replace(POLICY, currency="EUR")
    with short_transaction(empty_schema, euro) as tx:
        assert meta.get(tx, meta.CURRENCY) == "EUR"
    for opening in (short_transaction, short_reading):
        told = pytest.raises(OtherCurrency, match="money in EUR, the configuration says USD")
        with told, opening(empty_schema, POLICY):
            pass


async def test_server_of_another_currency(postgres: str) -> None:
    """A server with another currency is refused, and leaves nothing behind."""
    await (await open_store(postgres, POLICY)).close()
    with pytest.raises(OtherCurrency):
        await open_store(postgres, replace(POLICY, currency="EUR"))
    await (await open_store(postgres, POLICY)).close()


async def test_first_order_id(postgres: str) -> None:
    """IDs begin where the operator said, may jump ahead later, and never go back."""
    assert await first_id(postgres, 23_501) == 23_501
    assert await first_id(postgres, 1_000_000) == 1_000_000
    assert await first_id(postgres, 1) == 1_000_001


def test_no_database_to_look_at(empty_schema: str) -> None:
    """Looking makes no tables, nor does a command that may not."""
    with pytest.raises(NoDatabase), short_reading(empty_schema, POLICY):
        pass
    with pytest.raises(NoDatabase), short_transaction(empty_schema, POLICY, create=False):
        pass
    tables = "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    with psycopg.connect(empty_schema) as connection:
        assert connection.execute(tables).fetchall() == []


def test_one_turn_at_a_time(postgres: str) -> None:
    """While a command has its turn, nobody else can take one."""
    with short_transaction(postgres, POLICY), pytest.raises(psycopg.errors.LockNotAvailable):
        sql(postgres, "SELECT number FROM turn FOR UPDATE NOWAIT")
    sql(postgres, "SELECT number FROM turn FOR UPDATE NOWAIT")


def test_reading_cannot_write(postgres: str) -> None:
    """A command that only looks cannot change anything by mistake."""
    with pytest.raises(StoreGone, match="read-only"), short_reading(postgres, POLICY) as tx:
        meta.put(tx, "a", "b")


def test_exception_undoes_a_command(postgres: str) -> None:
    """A command that fails halfway changed nothing."""
    with (
        pytest.raises(ValueError, match="changed my mind"),
        short_transaction(postgres, POLICY) as tx,
    ):
        resellers.add(tx, "alice", NOW)
        raise ValueError("changed my mind")
    with short_reading(postgres, POLICY) as tx:
        assert resellers.listed(tx) == []


async def test_beside_a_server(postgres: str) -> None:
    """A command that runs the server's actions reads and writes through short connections."""
    beside = BesideStore(postgres, POLICY)
    alice = await beside.write(lambda tx: reseller(tx, micros=CHARGE))
    assert await beside.available(alice) == CHARGE


# -- migrations ------------------------------------------------------------------


def test_migrations_are_numbered_without_a_gap() -> None:
    """There is a migration for every version up to the newest."""
    assert sorted(MIGRATIONS) == list(range(1, len(MIGRATIONS) + 1))


async def test_newer_database_is_refused(empty_schema: str) -> None:
    """A database made by a newer program is refused, and left as it was."""
    await (await open_store(empty_schema, POLICY)).close()
    newest = max(MIGRATIONS)
    sql(empty_schema, f"INSERT INTO aggregator_schema VALUES ({newest + 1})")
    with pytest.raises(TooNew, match=f"version {newest + 1}.*versions up to {newest}"):
        await open_store(empty_schema, POLICY)
    with pytest.raises(TooNew), short_reading(empty_schema, POLICY):
        pass


async def test_foreign_schemas_are_refused(empty_schema: str) -> None:
    """A schema with another program's tables is refused and not touched."""
    sql(empty_schema, "CREATE TABLE theirs (a INTEGER)")
    for _ in range(2):
        with pytest.raises(NotOurs):
            await open_store(empty_schema, POLICY)
        with pytest.raises(NotOurs), short_transaction(empty_schema, POLICY):
            pass


async def test_command_does_not_migrate_under_a_server(empty_schema: str) -> None:
    """Where a server is alive, a command does not change an older schema."""
    server = Server.of(empty_schema)
    with connected(server) as connection:
        connection.execute("BEGIN")
        migrate(server, connection, {1: MIGRATIONS[1]})
        connection.execute("INSERT INTO boots VALUES ('an older server', clock_timestamp())")
        connection.execute("COMMIT")
    for opening in (short_transaction, short_reading):
        with pytest.raises(NeedsServer), opening(empty_schema, POLICY):
            pass
    with pytest.raises(NeedsServer):  # nor does another server: the older one would write to it
        await open_store(empty_schema, POLICY)
    sql(empty_schema, "DELETE FROM boots")
    with short_transaction(empty_schema, POLICY) as tx:
        assert resellers.listed(tx) == []


def test_later_migrations_apply_to_what_is_there(empty_schema: str) -> None:
    """An older database gets what it lacks, once, and keeps its rows."""
    first = {1: "CREATE TABLE a (x BIGINT); INSERT INTO a VALUES (7)"}
    second = first | {2: "ALTER TABLE a ADD COLUMN y TEXT; UPDATE a SET y = ';'"}
    server = Server.of(empty_schema)
    with connected(server) as connection:
        for migrations in (first, second, second):
            connection.execute("BEGIN")
            migrate(server, connection, migrations)
            connection.execute("COMMIT")
        assert connection.execute("SELECT x, y FROM a").fetchall() == [{"x": 7, "y": ";"}]


def test_failing_migration_leaves_nothing(empty_schema: str) -> None:
    """A migration that fails in its middle is undone whole."""
    broken = {1: "CREATE TABLE a (x BIGINT)", 2: "CREATE TABLE a (x BIGINT)"}
    server = Server.of(empty_schema)
    with connected(server) as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.DuplicateTable):
            migrate(server, connection, broken)
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        migrate(server, connection, {1: "CREATE TABLE a (x BIGINT)"})
        connection.execute("COMMIT")
