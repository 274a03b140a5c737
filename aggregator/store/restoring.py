"""Putting a backup in the place of an SQLite database, or marking one that was put back.

All is done beside the database and proved there; then the old file steps aside and the
new one takes its name in one rename. Nothing is ever deleted. The old write-ahead log
must not stay under the old name: SQLite would replay it into the new file.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from aggregator.core.model import Policy
from aggregator.store import restores
from aggregator.store.backup import (
    Copy,
    Progress,
    examined,
    partial_copy,
    sound,
    stamp,
    sync,
    writing,
)
from aggregator.store.exceptions import NoDatabase, NodesAlive, StoreError
from aggregator.store.lock import DatabaseLock
from aggregator.store.opening import damage_mark, last_id, migrate, reserve_ids
from aggregator.store.restores import JUMP, NUMBERED, Marked
from aggregator.store.sqlite_tx import SqliteTx, connect, transaction

_MAGIC = b"SQLite format 3\0"
_COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """``replaced``: where the database that was there is now."""

    copy: Copy
    marked: Marked
    replaced: Path | None


def put_back(
    database: Path, source: Path, policy: Policy, now_ms: int, progress: Progress
) -> Restored:
    """InUse while a server runs; NotSound and other CannotOpen for what is no backup."""
    with DatabaseLock(database):
        sound(source, source)
        with partial_copy(source, database, progress) as made:
            with connect(made) as connection:
                migrate(connection)
                with transaction(connection) as tx:
                    marked = restores.mark(tx, reserve_ids, _last(tx, database), now_ms)
            copy = replace(examined(made, policy, named=source), path=database)
            replaced = _stepped_aside(database, now_ms)
            made.replace(database)
            sync(database.parent)
        damage_mark(database).unlink(missing_ok=True)
    return Restored(copy, marked, replaced)


def mark_in_place(database: Path, policy: Policy, now_ms: int) -> Marked:
    """Of a database that was put back by other means: all but the copying."""
    if not database.exists():
        raise NoDatabase(database=database)
    with DatabaseLock(database), connect(database) as connection:
        examined(database, policy)
        migrate(connection)
        with transaction(connection) as tx:
            return restores.mark(tx, reserve_ids, _last(tx, database), now_ms)


def mark_on_postgres(url: str, policy: Policy, now_ms: int) -> Marked:
    """The same on a server, where no node of ours may run. NodesAlive."""
    from aggregator.store import nodes, postgres_opening  # takes its time to import

    with postgres_opening.short_transaction(url, policy, create=False) as tx:
        if tx.all(nodes.ANY_ALIVE):
            raise NodesAlive
        last = {table: postgres_opening.last_id(tx, table) for table in NUMBERED}
        return restores.mark(tx, postgres_opening.reserve_ids, last, now_ms)


def _last(tx: SqliteTx, database: Path) -> dict[str, int]:
    """The highest IDs in the backup, and in every life of the database that is still here:
    a backup may be put back twice. Of lives that are gone a million each is spared."""
    highest = {table: last_id(tx, table) for table in NUMBERED}
    lives = (database, *database.parent.glob(f"{database.name}.replaced-*"))
    for known in (_remembered(database), *map(_ids_of, lives)):
        for table, number in known.items():
            highest[table] = max(highest[table], number)
    _remember(database, highest)
    return highest


def _note(database: Path) -> Path:
    """A file beside the database with the IDs from which its last life began."""
    return database.with_name(f"{database.name}.restored")


def _remembered(database: Path) -> dict[str, int]:
    try:
        told = json.loads(_note(database).read_text())
        return {table: int(told[table]) for table in NUMBERED}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _remember(database: Path, last: Mapping[str, int]) -> None:
    """Written first: what is reserved and never given out does no harm."""
    begins = {table: last[table] + JUMP for table in NUMBERED}
    with writing(_note(database)):
        _note(database).write_text(json.dumps(begins) + "\n")
        sync(_note(database))


def _ids_of(life: Path) -> dict[str, int]:
    """Empty where it cannot be read: then a million must do."""
    if life.name.endswith(_COMPANIONS) or not _is_database(life):
        return {}
    with suppress(StoreError, sqlite3.Error), connect(life) as connection:
        tx = SqliteTx(connection)
        return {table: last_id(tx, table) for table in NUMBERED}
    return {}


def _is_database(life: Path) -> bool:
    """By its first bytes: SQLite would throw away the log of a file that it cannot read."""
    with suppress(OSError), life.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
    return False


def _unused(path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(one for one in chain([path], numbered) if not one.exists())


def _stepped_aside(database: Path, now_ms: int) -> Path | None:
    """Its new name, beside the old one. Until the backup takes the old name both are this
    file's, so that no crash leaves nothing there; and its log leaves the old name only once
    all of it stands under the new one."""
    if _is_database(database):
        with suppress(StoreError, sqlite3.Error), connect(database) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file
    replaced = _unused(database.with_name(f"{database.name}.replaced-{stamp(now_ms)}"))
    there = [suffix for suffix in ("", *_COMPANIONS) if Path(f"{database}{suffix}").exists()]
    for suffix in there:
        _also_named(Path(f"{database}{suffix}"), Path(f"{replaced}{suffix}"))
    sync(database.parent)
    for suffix in _COMPANIONS:
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    return replaced if "" in there else None


def _also_named(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        path.rename(name)
