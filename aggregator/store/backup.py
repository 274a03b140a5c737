"""A copy of an SQLite database, made while a server writes to it, and proved sound.

SQLite's online backup copies page by page. It is given a connection whose read
transaction stays open, so all pages are of one moment, whoever writes meanwhile, and
it never has to begin anew; nobody waits for it. Only the write-ahead log cannot be
reset until it is done, and grows by what is written in that time.

The copy gets its name last: when it has been read back whole, its ledger verifies and
it is on the disk. Whatever is named like a backup therefore is one.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aggregator.core.model import Policy
from aggregator.store import meta
from aggregator.store.exceptions import (
    BackupFailed,
    DestinationTaken,
    NoDatabase,
    NothingThere,
    NotOurs,
    NotSound,
    StoreFull,
    TooNew,
)
from aggregator.store.opening import MIGRATIONS, apply_missing
from aggregator.store.sqlite_tx import connect, fault, transaction
from aggregator.store.verify import verify

PAGES = 2_048  # copied between two words to ``Progress``
Progress = Callable[[int, int], None]  # pages done, pages in all

_PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class Copy:
    """A database that was read whole and is sound. ``last_order_id``: 0 for none."""

    path: Path
    size: int
    orders: int
    last_order_id: int
    last_order_at_ms: int | None


def destination(database: Path, given: Path, now_ms: int) -> Path:
    """Where the backup goes: a directory gets a file named after the time (UTC), to the
    second. DestinationTaken where something stands there already."""
    named = f"{database.stem}-{stamp(now_ms)}{database.suffix}"
    target = given / named if given.is_dir() else given
    if target.exists():
        raise DestinationTaken(target=target)
    return target


def stamp(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


def back_up(database: Path, target: Path, policy: Policy, progress: Progress) -> Copy:
    """Copies, proves, names. NoDatabase, DestinationTaken, NotSound, BackupFailed."""
    with partial_copy(database, target, progress) as made:
        copy = examined(made, policy, named=database)
        with writing(target):
            sync(made)
            name(made, target)
            sync(target.parent)
    return Copy(target, copy.size, copy.orders, copy.last_order_id, copy.last_order_at_ms)


@contextmanager
def partial_copy(database: Path, target: Path, progress: Progress) -> Iterator[Path]:
    """A copy beside ``target``, for its owner's eyes only; it is gone in the end unless it
    was renamed."""
    if not database.exists():
        raise NoDatabase(database=database)
    made = target.with_name(target.name + _PARTIAL)
    with writing(target):
        made.unlink(missing_ok=True)  # of a copy that was broken off
        os.close(os.open(made, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copied(database, made, target, progress)
        yield made
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                made.with_name(made.name + suffix).unlink()


def _copied(database: Path, made: Path, target: Path, progress: Progress) -> None:
    with connect(database) as source:
        source.execute("PRAGMA wal_autocheckpoint = 0")
        source.execute("PRAGMA query_only = ON")
        with transaction(source, "BEGIN DEFERRED") as tx, connect(made) as copy:
            tx.one("SELECT count(*) FROM sqlite_master")  # the moment that is copied
            try:
                source.backup(
                    copy, pages=PAGES, progress=lambda _, left, all_: progress(all_ - left, all_)
                )
                copy.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
            except sqlite3.Error as error:
                if isinstance(fault(error), StoreFull):
                    raise BackupFailed(target=target, cause="the disk is full") from None
                raise BackupFailed(target=target, cause=error) from None


def examined(path: Path, policy: Policy, named: Path | None = None) -> Copy:
    """Reads all of a database that nobody uses, and holds its ledger to its rules: those of
    this version, to which an older one is brought for that long; it stays as it is, for
    programs as old as it is. As ``sound``, and OtherCurrency. ``named``: what the exceptions
    call it, where it is a copy that an operator never sees."""
    named = named or path
    version = sound(path, named)
    with connect(path) as connection:
        return _looked_at(path, named, connection, policy, version)


def sound(path: Path, named: Path) -> int:
    """Reads all of a database; its version. NothingThere, NotOurs, TooNew, NotSound."""
    if not path.is_file():
        raise NothingThere(database=named)
    with connect(path) as connection:
        version = _of_ours(named, connection)
        try:
            for (found,) in connection.execute("PRAGMA integrity_check"):
                _must(named, found == "ok", found)
            for row in connection.execute("PRAGMA foreign_key_check"):
                _must(named, False, f"a row of {row[0]} without its {row[2]}")
        except sqlite3.DatabaseError as error:
            raise NotSound(database=named, found=error) from None
    return version


def _of_ours(path: Path, connection: sqlite3.Connection) -> int:
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.execute("SELECT count(*) FROM meta")
    except sqlite3.OperationalError:
        raise NotOurs(database=path) from None
    except sqlite3.DatabaseError as error:
        raise NotSound(database=path, found=error) from None
    if version > max(MIGRATIONS):
        raise TooNew(database=path, found=version, known=max(MIGRATIONS))
    if version == 0:
        raise NotOurs(database=path)
    return version


def _looked_at(
    path: Path, named: Path, connection: sqlite3.Connection, policy: Policy, version: int
) -> Copy:
    size = path.stat().st_size
    with transaction(connection, "BEGIN DEFERRED", end="ROLLBACK") as tx:
        apply_missing(tx, version)
        meta.settle_currency(tx, policy, named)
        for violation in verify(tx):
            _must(named, False, violation)
        row = tx.one(
            "SELECT count(*) AS orders, coalesce(max(id), 0) AS last, max(created_at_ms) AS at_ms"
            " FROM orders"
        )
    assert row is not None
    return Copy(path, size, row["orders"], row["last"], row["at_ms"])


def _must(path: Path, holds: bool, found: object) -> None:
    if not holds:
        raise NotSound(database=path, found=found)


def name(made: Path, target: Path) -> None:
    """Gives the file its name, unless that was taken meanwhile. DestinationTaken."""
    try:
        os.link(made, target)
    except FileExistsError:
        raise DestinationTaken(target=target) from None
    except OSError:  # a file system without hard links
        if target.exists():
            raise DestinationTaken(target=target) from None
        made.rename(target)


def sync(path: Path) -> None:
    """What was written to a file, or the names in a directory, is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupFailed(target=target, cause=error.strerror) from None
