"""Opening an SQLite database: pragmas, migrations, and whose money is in it.

A migration is a file ``migrations/sqlite/NNNN_what.sql``; ``user_version`` counts
those applied. All that are missing are applied in one transaction, forwards only.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from aggregator.core.model import Policy
from aggregator.store import meta
from aggregator.store.exceptions import (
    Damaged,
    InUse,
    NeedsServer,
    NoDatabase,
    NotOurs,
    NotSupported,
    TooNew,
    Unreachable,
)
from aggregator.store.lock import DatabaseLock
from aggregator.store.sqlite_tx import SqliteTx, connect, transaction
from aggregator.store.tx import Tx


def path_of(database: str) -> Path:
    """The path that ``database:`` names. NotSupported for a URL of another kind."""
    if "://" in database:
        raise NotSupported(database=f"{database.partition('://')[0]}://…")  # may hold a password
    return Path(database)


def load_migrations(kind: str) -> dict[int, str]:
    """Number -> script, of a kind of database."""
    folder = files("aggregator.store").joinpath("migrations", kind)
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return {int(file.name[:4]): file.read_text(encoding="utf-8") for file in found}


MIGRATIONS: Mapping[int, str] = load_migrations("sqlite")


def create_file(path: Path) -> None:
    """For its owner's eyes only; SQLite gives its companions the same mode."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Unreachable(database=path, cause=error.strerror) from None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_behind(path: Path, connection: sqlite3.Connection) -> bool:
    """Whether migrations are missing. TooNew, NotOurs."""
    version = _version(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version > max(MIGRATIONS):
        raise TooNew(database=path, found=version, known=max(MIGRATIONS))
    if version == 0 and tables:
        raise NotOurs(database=path)
    return version < max(MIGRATIONS)


def _statements(script: str) -> Iterator[str]:
    """One by one, for ``executescript`` would commit what is open. Each ends its line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def migrate(connection: sqlite3.Connection, migrations: Mapping[int, str] = MIGRATIONS) -> None:
    """Applies what is missing; all of it, or nothing."""
    with transaction(connection) as tx:
        apply_missing(tx, _version(connection), migrations)


def apply_missing(tx: Tx, version: int, migrations: Mapping[int, str] = MIGRATIONS) -> None:
    """To a database of that version, in the transaction that is open."""
    for number in range(version + 1, max(migrations) + 1):
        for statement in _statements(migrations[number]):
            tx.run(statement)
        tx.run(f"PRAGMA user_version = {number}")


def prepare(path: Path, connection: sqlite3.Connection, policy: Policy) -> None:
    """For a server that holds the lock: the schema, the currency, the next order ID."""
    if _is_behind(path, connection):
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
    with transaction(connection) as tx:
        meta.settle_currency(tx, policy, path)
        reserve_ids(tx, "orders", policy.first_order_id)


def damage_mark(path: Path) -> Path:
    """A file beside the database: its disk failed while it was being written."""
    return path.with_name(f"{path.name}.suspect")


def checked(path: Path, connection: sqlite3.Connection) -> None:
    """After a failure of the disk the whole file is read first. Damaged."""
    mark = damage_mark(path)
    if not mark.exists():
        return
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(database=path, found=found)
    mark.unlink()


def last_id(tx: Tx, table: str) -> int:
    """The highest ID that the table ever gave out."""
    row = tx.one("SELECT seq FROM sqlite_sequence WHERE name = :table", table=table)
    return 0 if row is None else int(row["seq"])


def reserve_ids(tx: Tx, table: str, first: int) -> None:
    """The next row gets at least the ID ``first``."""
    raised = "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :table"
    if not tx.run(raised, table=table, last=first - 1):
        made = "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"
        tx.run(made, table=table, last=first - 1)


@contextmanager
def short_transaction(database: str, policy: Policy, create: bool = True) -> Iterator[SqliteTx]:
    """One transaction of a command, beside a server that may be running.

    Commits on leaving, undoes everything on an exception. It never checkpoints:
    that is the writer's. Where there is no database it makes one, or raises
    NoDatabase if it may not ``create``.
    """
    path = path_of(database)
    if not create and not path.exists():
        raise NoDatabase(database=path)
    create_file(path)
    with connect(path) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        _bring_up(path, connection, policy)
        with transaction(connection) as tx:
            meta.settle_currency(tx, policy, path)
            yield tx


@contextmanager
def short_reading(database: str, policy: Policy) -> Iterator[SqliteTx]:
    """One snapshot for a command that only looks. NoDatabase where there is none."""
    path = path_of(database)
    if not path.exists():
        raise NoDatabase(database=path)
    with connect(path) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        _bring_up(path, connection, policy)
        connection.execute("PRAGMA query_only = ON")
        with transaction(connection, "BEGIN DEFERRED") as tx:
            meta.settle_currency(tx, policy, path)
            yield tx


def _bring_up(path: Path, connection: sqlite3.Connection, policy: Policy) -> None:
    """Migrates if need be, but never under a running server."""
    if not _is_behind(path, connection):
        return
    try:
        with DatabaseLock(path):
            prepare(path, connection, policy)
    except InUse:
        raise NeedsServer(database=path) from None
