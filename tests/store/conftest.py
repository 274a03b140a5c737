"""Stores of every kind to run the contract against, and a bare transaction for scripts."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aggregator.store import SqliteStore, open_store
from aggregator.store.opening import migrate
from aggregator.store.sqlite_tx import SqliteTx, connect
from aggregator.store.verify import verify
from tests.store.builders import POLICY

_POSTGRES = os.environ.get("AGGREGATOR_TEST_POSTGRES")
KINDS = ["sqlite", *(["postgres"] if _POSTGRES else [])]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "aggregator.db")


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, database: str) -> AsyncIterator[SqliteStore]:
    """An open store; whatever a test did, the ledger's invariants must hold in the end."""
    opened = await open_store(_POSTGRES or "" if request.param == "postgres" else database, POLICY)
    try:
        yield opened
        assert await opened.read(verify) == []
    finally:
        await opened.close()


@pytest.fixture
async def sqlite_store(database: str) -> AsyncIterator[SqliteStore]:
    """For what is special to SQLite."""
    opened = await open_store(database, POLICY)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def tx() -> Iterator[SqliteTx]:
    """A transaction over a fresh schema in memory, without a store around it."""
    with connect(Path(":memory:")) as connection:
        migrate(connection)
        connection.execute("BEGIN")
        yield SqliteTx(connection)
