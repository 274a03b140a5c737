"""Stores of every kind to run the contract against, and a bare transaction for scripts.

For PostgreSQL: the server that AGGREGATOR_TEST_POSTGRES names by its URL, else one of
the session's own where its programs are installed. Each session works in a schema of
its own, which is dropped in the end.
"""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from aggregator.store import ScriptedStore, SqliteStore, open_store, short_transaction
from aggregator.store.opening import migrate
from aggregator.store.postgres import PostgresStore
from aggregator.store.postgres_tx import PostgresTx, Server
from aggregator.store.sqlite_tx import SqliteTx, connect
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from tests.store import throwaway
from tests.store.builders import POLICY

KINDS = ["sqlite", "postgres"]
Scratch = Callable[[], AbstractContextManager[Tx]]

_EMPTY = ";".join(
    [
        f"DELETE FROM {table}"
        for table in (
            *("transfers", "idempotency", "refills", "attempts", "events", "orders"),
            *("api_keys", "accounts", "prices", "spending", "resellers", "meta", "catalogue"),
            *("boots", "last_turns", "catalogue_changes", "config_revisions", "foundlings"),
        )
    ]
    + [
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1, FALSE)"
        for table in ("resellers", "orders", "attempts", "refills", "transfers", "events")
    ]
)


# -- PostgreSQL ------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server."""
    if given := os.environ.get("AGGREGATOR_TEST_POSTGRES"):
        yield given
        return
    try:
        with throwaway.server() as url:
            yield url
    except throwaway.NoServer as reason:
        pytest.skip(f"optional: {reason}")


@contextmanager
def schema(server: str) -> Iterator[str]:
    """The URL of an empty schema, dropped in the end."""
    name = f"aggregator_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def empty_schema(postgres_server: str) -> Iterator[str]:
    with schema(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def _tables(postgres_server: str) -> Iterator[str]:
    with schema(postgres_server) as url:
        with short_transaction(url, POLICY):
            pass
        yield url


@pytest.fixture
def postgres(_tables: str) -> str:
    """The URL of a database of ours with nothing in it."""
    with psycopg.connect(_tables, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return _tables


@contextmanager
def postgres_scratch(url: str) -> Iterator[Tx]:
    connection = Server.of(url).connect()
    try:
        connection.execute(f"BEGIN; {_EMPTY}")
        yield PostgresTx(connection)
    finally:
        connection.close()


@asynccontextmanager
async def node(url: str) -> AsyncIterator[PostgresStore]:
    """A server's store; in the end the ledger's invariants hold."""
    store = await PostgresStore.open(url, POLICY)
    try:
        yield store
        assert await store.read(verify) == []
    finally:
        await store.close()


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresStore]:
    async with node(postgres) as store:
        yield store


@pytest.fixture
async def two(postgres: str) -> AsyncIterator[PostgresStore]:
    async with node(postgres) as store:
        yield store


# -- every kind ------------------------------------------------------------------


@contextmanager
def sqlite_scratch() -> Iterator[Tx]:
    with connect(Path(":memory:")) as connection:
        migrate(connection)
        connection.execute("BEGIN")
        yield SqliteTx(connection)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "aggregator.db")


@pytest.fixture(params=KINDS)
def any_database(request: pytest.FixtureRequest) -> str:
    """What ``database:`` may say, for each kind."""
    found: str = request.getfixturevalue("database" if request.param == "sqlite" else "postgres")
    return found


@pytest.fixture
async def store(any_database: str) -> AsyncIterator[ScriptedStore]:
    """An open store; whatever a test did, the ledger's invariants must hold in the end."""
    opened = await open_store(any_database, POLICY)
    try:
        yield opened
        assert await opened.read(verify) == []
    finally:
        await opened.close()


@pytest.fixture
async def sqlite_store(database: str) -> AsyncIterator[SqliteStore]:
    """For what is special to SQLite."""
    opened = await SqliteStore.open(Path(database), POLICY)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(params=KINDS)
def scratch(request: pytest.FixtureRequest) -> Scratch:
    """Makes transactions over a fresh schema, without a store around, that are undone."""
    if request.param == "sqlite":
        return sqlite_scratch
    return partial(postgres_scratch, request.getfixturevalue("postgres"))


@pytest.fixture
def tx(scratch: Scratch) -> Iterator[Tx]:
    with scratch() as made:
        yield made


@pytest.fixture
def postgres_tx(postgres: str) -> Iterator[Tx]:
    with postgres_scratch(postgres) as made:
        yield made


@pytest.fixture
def sqlite_tx() -> Iterator[Tx]:
    with sqlite_scratch() as made:
        yield made
