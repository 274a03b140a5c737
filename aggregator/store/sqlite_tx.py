"""Connections to SQLite, and the transaction that scripts see over one."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from aggregator.store.exceptions import (
    NotOurs,
    StoreBroken,
    StoreBusy,
    StoreError,
    StoreFull,
    Unreachable,
)
from aggregator.store.tx import QUERIES, TOUCHING, Param, Row, numbered, prepared, touched_by

BUSY_TIMEOUT_S = 5.0

_JOBS_OWN = frozenset(
    {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
)


# Without it, the module asks each NULL in vain for two methods by which it might adapt itself;
# an order has eight of them.
sqlite3.register_adapter(type(None), lambda null: null)


class _Known(NamedTuple):
    """A named statement. ``values``: its parameters in their order. (SQLite looks each named
    one up by its text, which takes longer than to bind it.)"""

    sql: str
    values: Callable[[Mapping[str, Param]], Sequence[Param]]


def _known(name: str) -> _Known:
    sql, names = numbered(QUERIES[name])
    return _Known(sql, _values(names))


def _values(names: tuple[str, ...]) -> Callable[[Mapping[str, Param]], Sequence[Param]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda params: [params[name] for name in names]


_KNOWN = {name: _known(name) for name, sql in QUERIES.items() if "..." not in sql}


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row by column name. (``sqlite3.Row`` walks through its columns to find one by name:
    of an order with fifty of them that takes longer than to read it.)"""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


class SqliteTx:
    """A ``Tx``. Every statement is run to its end, so none is open at the COMMIT."""

    __slots__ = ("_cursor", "touched")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._cursor.row_factory = as_dict
        self.touched: set[int] = set()

    def one(self, query: str, /, **params: Param) -> Row | None:
        found = self._run(query, params).fetchall()
        return found[0] if found else None

    def all(self, query: str, /, **params: Param) -> Sequence[Row]:
        return self._run(query, params).fetchall()

    def run(self, query: str, /, **params: Param) -> int:
        cursor = self._run(query, params)
        if cursor.description is not None:
            cursor.fetchall()
        return cursor.rowcount

    def insert(self, query: str, /, **params: Param) -> int:
        inserted = self._run(query, params).lastrowid
        assert inserted is not None
        return inserted

    def _run(self, query: str, params: dict[str, Param]) -> sqlite3.Cursor:
        if query in TOUCHING:
            self.touched.update(touched_by(query, params))
        known = _KNOWN.get(query)
        if known is None:
            return self._cursor.execute(prepared(query, params), params)
        return self._cursor.execute(known.sql, known.values(params))


@contextmanager
def connect(path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Iterator[sqlite3.Connection]:
    """A connection that begins no transaction by itself, closed at the end. CannotOpen."""
    connection = _opened(path, busy_timeout_s)
    try:
        _set_up(path, connection)
        yield connection
    finally:
        connection.close()


def _opened(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, cached_statements=512
        )
    except sqlite3.OperationalError as error:
        raise Unreachable(database=path, cause=error) from None


def _set_up(path: Path, connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # the first to look into the file
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise NotOurs(database=path) from None
        raise Unreachable(database=path, cause=error) from None


@contextmanager
def transaction(
    connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE", end: str = "COMMIT"
) -> Iterator[SqliteTx]:
    """Ended by ``end`` on leaving, undone on any exception; the disk's faults are typed."""
    try:
        connection.execute(begin)
        yield SqliteTx(connection)
        connection.execute(end)
    except sqlite3.Error as error:
        if (typed := fault(error)) is not None:
            raise typed from error
        raise
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def fault(error: BaseException) -> StoreError | None:
    """The disk's fault that an exception tells of; None where it is the script's own."""
    if not isinstance(error, sqlite3.Error):
        return None
    # Errors that the module raises by itself (a misused cursor) carry no code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _JOBS_OWN:
        return None
    if code == sqlite3.SQLITE_FULL:
        return StoreFull()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy()
    return StoreBroken(cause=error)
