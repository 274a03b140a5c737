"""Opening: one server at a time, migrations forwards only, one currency for ever."""

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.store import meta, open_store, resellers, short_reading, short_transaction
from aggregator.store.exceptions import (
    Damaged,
    InUse,
    NeedsServer,
    NoDatabase,
    NotOurs,
    NotSupported,
    OtherCurrency,
    StoreBroken,
    StoreBusy,
    TooNew,
    Unreachable,
)
from aggregator.store.lock import DatabaseLock
from aggregator.store.opening import MIGRATIONS, damage_mark, migrate
from aggregator.store.sqlite_tx import SqliteTx, connect, transaction
from tests.store.builders import NOW, POLICY, first_id


async def test_one_server_at_a_time(database: str) -> None:
    """A second server is refused with the process that holds the lock; after it, none is."""
    store = await open_store(database, POLICY)
    with pytest.raises(InUse, match=r"process \d+.*aggregator\.db\.lock"):
        await open_store(database, POLICY)
    await store.close()
    await (await open_store(database, POLICY)).close()


async def test_failed_opening_leaves_no_lock(database: str) -> None:
    """A server that could not open the database does not keep it locked."""
    await (await open_store(database, POLICY)).close()
    with pytest.raises(OtherCurrency):
        await open_store(database, replace(POLICY, currency="EUR"))
    await (await open_store(database, POLICY)).close()


def test_database_remembers_its_currency(database: str) -> None:
    """The first to open a database says what its money is; nobody may differ."""
    euro = replace(POLICY, currency="EUR")
    with short_transaction(database, euro) as tx:
        assert meta.get(tx, meta.CURRENCY) == "EUR"
    for opening in (short_transaction, short_reading):
        told = pytest.raises(OtherCurrency, match="money in EUR, the configuration says USD")
        with told, opening(database, POLICY):
            pass


async def test_first_order_id(database: str) -> None:
    """IDs begin where the operator said, may jump ahead later, and never go back."""
    assert await first_id(database, 23_501) == 23_501
    assert await first_id(database, 1_000_000) == 1_000_000
    assert await first_id(database, 1) == 1_000_001


def test_only_its_owner_reads_it(database: str) -> None:
    """The database and its companions are for their owner's eyes only."""
    with short_transaction(database, POLICY):
        modes = {stat.S_IMODE(one.stat().st_mode) for one in Path(database).parent.iterdir()}
    assert modes == {0o600}


def test_no_database_to_look_at(database: str) -> None:
    """Looking does not make a database: a mistyped path stays without one."""
    with pytest.raises(NoDatabase), short_reading(database, POLICY):
        pass
    assert not Path(database).exists()


def test_reading_cannot_write(database: str) -> None:
    """A command that only looks cannot change anything by mistake."""
    with short_transaction(database, POLICY):
        pass
    with pytest.raises(Exception, match="readonly"), short_reading(database, POLICY) as tx:
        meta.put(tx, "a", "b")


def test_exception_undoes_a_command(database: str) -> None:
    """A command that fails halfway changed nothing."""
    with (
        pytest.raises(ValueError, match="changed my mind"),
        short_transaction(database, POLICY) as tx,
    ):
        resellers.add(tx, "shop", NOW)
        raise ValueError("changed my mind")
    with short_reading(database, POLICY) as tx:
        assert resellers.listed(tx) == []


def test_commands_wait_for_one_another_and_give_up(database: str) -> None:
    """A command that cannot get the database in time says so and changes nothing."""
    with (
        short_transaction(database, POLICY),
        connect(Path(database), 0.0) as other,
        pytest.raises(StoreBusy),
        transaction(other),
    ):
        pass


def test_urls_are_not_paths() -> None:
    """A kind of database that is not supported is refused, without repeating its password."""
    with pytest.raises(NotSupported) as told, short_reading("mysql://me:secret@db", POLICY):
        pass
    assert "secret" not in str(told.value)


async def test_unreachable_path(tmp_path: Path) -> None:
    """A path that cannot be a database's is told with the reason."""
    nowhere = tmp_path / "missing" / "aggregator.db"
    with pytest.raises(Unreachable, match=r"missing/aggregator\.db cannot be opened: No such file"):
        await open_store(str(nowhere), POLICY)
    with pytest.raises(Unreachable), short_transaction(str(tmp_path), POLICY):
        pass


async def test_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the lock file cannot be made, the database is not opened without it."""
    (tmp_path / "aggregator.db.lock").mkdir()
    with pytest.raises(Unreachable, match=r"aggregator\.db\.lock: Is a directory"):
        await open_store(str(tmp_path / "aggregator.db"), POLICY)


# -- migrations ------------------------------------------------------------------


def set_version(database: str, version: int) -> None:
    with connect(Path(database)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


def test_migrations_are_numbered_without_a_gap() -> None:
    """There is a migration for every version up to the newest."""
    assert sorted(MIGRATIONS) == list(range(1, len(MIGRATIONS) + 1))


async def test_newer_database_is_refused(database: str) -> None:
    """A database made by a newer program is refused, and left as it was."""
    await (await open_store(database, POLICY)).close()
    newest = max(MIGRATIONS)
    set_version(database, newest + 1)
    with pytest.raises(TooNew, match=f"version {newest + 1}.*versions up to {newest}"):
        await open_store(database, POLICY)
    with pytest.raises(TooNew), short_reading(database, POLICY):
        pass


def foreign(path: Path, content: bytes | None) -> bytes:
    """Writes a file that is not ours: these bytes, or another program's database."""
    if content is None:
        with connect(path) as connection:
            connection.execute("CREATE TABLE theirs (a)")
    else:
        path.write_bytes(content)
    return path.read_bytes()


def content_of(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None])
async def test_foreign_files_are_refused(database: str, content: bytes | None) -> None:
    """A file that is no database, or somebody else's, is refused and not touched."""
    before = foreign(Path(database), content)
    with pytest.raises(NotOurs):
        await open_store(database, POLICY)
    with pytest.raises(NotOurs), short_transaction(database, POLICY):
        pass
    assert content_of(Path(database)) == before


def test_command_does_not_migrate_under_a_server(database: str) -> None:
    """Where a server holds the lock, a command does not change the schema."""
    held = DatabaseLock(Path(database))
    with held, pytest.raises(NeedsServer), short_transaction(database, POLICY):
        pass
    with short_transaction(database, POLICY) as tx:
        assert resellers.listed(tx) == []


def test_later_migrations_apply_to_what_is_there(tmp_path: Path) -> None:
    """An older database gets what it lacks, once, and keeps its rows."""
    first = {1: "CREATE TABLE a (x INTEGER);\nINSERT INTO a VALUES (7);"}
    second = first | {2: "-- why; and how\nALTER TABLE a ADD COLUMN y TEXT;\nUPDATE a SET y = ';';"}
    with connect(tmp_path / "x.db") as connection:
        migrate(connection, first)
        migrate(connection, second)
        migrate(connection, second)
        found = connection.execute("SELECT x, y FROM a").fetchall()
    assert [tuple(row) for row in found] == [(7, ";")]


def test_failing_migration_leaves_nothing(tmp_path: Path) -> None:
    """A migration that fails in its middle is undone whole."""
    broken = {1: "CREATE TABLE a (x INTEGER);\nCREATE TABLE a (x INTEGER);"}
    with connect(tmp_path / "x.db") as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, broken)
        tables = SqliteTx(connection).all("SELECT name FROM sqlite_master")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    assert (list(tables), version) == ([], 0)


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    path.write_bytes(content)


async def test_after_a_disk_failure_the_file_is_read_first(database: str) -> None:
    """Sound, it opens and the mark is gone; damaged, it does not open, and says so."""
    path = Path(database)
    await (await open_store(database, POLICY)).close()
    mark = damage_mark(path)
    mark.touch()
    await (await open_store(database, POLICY)).close()
    assert not mark.exists()
    mark.touch()
    _damage(path)
    with pytest.raises((Damaged, StoreBroken)):
        await open_store(database, POLICY)
    assert mark.exists()
