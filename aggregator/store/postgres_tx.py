"""Connections to PostgreSQL, and the transaction that scripts see over one.

No value ever leaves this module in an exception: the server quotes whole rows in
the details of its errors, libpq quotes what it cannot read of a URL, and either
could carry a link or a password into a log.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import adapt
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8Dumper

from aggregator.store.exceptions import (
    StatementFailed,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreGone,
    StoreUnsure,
    Unreachable,
)
from aggregator.store.tx import QUERIES, TOUCHING, Param, Row, prepared, touched_by

Connection = psycopg.Connection[DictRow]

LOCK_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 15  # a node that hangs in a transaction gives its turn back after that
_PREPARED_MAX = 400  # statements that a connection remembers; IN (…) has one to a length

# A server or a network that dies without a word is noticed within about half a minute.
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "aggregator",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SET_UP = f"""
    SET client_encoding = 'UTF8';
    SET lock_timeout = '{LOCK_TIMEOUT_S}s';
    SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s';
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""


class _WholeNumber(adapt.Loader):
    """A sum of BIGINTs comes as NUMERIC; all that we sum are whole numbers."""

    def load(self, data: adapt.Buffer) -> int:
        return int(bytes(data))


_ADAPTERS = adapt.AdaptersMap(psycopg.adapters)
_ADAPTERS.register_dumper(int, Int8Dumper)  # else each size of a number is another statement
_ADAPTERS.register_loader("numeric", _WholeNumber)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a database is. ``name`` is its URL without the password."""

    name: str
    conninfo: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> "Server":
        """Unreachable where it is no URL that libpq can read."""
        try:
            given = conninfo_to_dict(url)
            conninfo = make_conninfo(**{**_DEFAULTS, **given})
        except psycopg.Error:  # it quotes what it cannot read
            name = f"{url.partition('://')[0]}://…"
            raise Unreachable(database=name, cause="its URL cannot be read") from None
        return cls(_name(given), conninfo, str(given.get("password") or ""))

    def connect(self, **settings: str) -> Connection:
        """A connection that begins no transaction by itself. StoreGone, Unreachable."""
        try:
            connection = psycopg.Connection[DictRow].connect(
                self.conninfo, autocommit=True, row_factory=dict_row, context=_Adapting()
            )
        except psycopg.Error as error:
            raise StoreGone(cause=self._without_password(error)) from None
        connection.prepared_max = _PREPARED_MAX
        try:
            self._set_up(connection, settings)
        except BaseException:
            connection.close()
            raise
        return connection

    def _without_password(self, error: Exception) -> str:
        text = _first_line(error)
        return text.replace(self.password, "…") if self.password else text

    def _set_up(self, connection: Connection, settings: Mapping[str, str]) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            cause = f"its encoding is {encoding}, and must be UTF8"
            raise Unreachable(database=self.name, cause=cause)
        more = "".join(f"; SET {name} = '{value}'" for name, value in settings.items())
        with typed():
            connection.execute(_SET_UP + more)


class _Adapting:
    """What psycopg wants for a ``context``."""

    adapters = _ADAPTERS
    connection = None


def _name(given: Mapping[str, Any]) -> str:
    user = f"{given['user']}@" if given.get("user") else ""
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")


@lru_cache(maxsize=4_096)
def converted(sql: str) -> str:
    """``:name`` parameters as psycopg writes them."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def _storable(params: dict[str, Param]) -> dict[str, Param]:
    """PostgreSQL has no text with a NUL in it; a provider's words may have one."""
    for name, value in params.items():
        if type(value) is str and "\0" in value:
            params[name] = value.replace("\0", "\ufffd")
    return params


class PostgresTx:
    """A ``Tx``."""

    __slots__ = ("_cursor", "touched")

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self.touched: set[int] = set()

    def one(self, query: str, /, **params: Param) -> Row | None:
        return self._execute(query, params).fetchone()

    def all(self, query: str, /, **params: Param) -> Sequence[Row]:
        return self._execute(query, params).fetchall()

    def run(self, query: str, /, **params: Param) -> int:
        return self._execute(query, params).rowcount

    def insert(self, query: str, /, **params: Param) -> int:
        row = self._execute(query, params, " RETURNING id").fetchone()
        assert row is not None
        return int(row["id"])

    def _execute(
        self, query: str, params: dict[str, Param], more: str = ""
    ) -> psycopg.Cursor[DictRow]:
        if query in TOUCHING:
            self.touched.update(touched_by(query, params))
        sql = converted(prepared(query, params).removesuffix(";") + more)
        try:
            return self._cursor.execute(sql, _storable(params))
        except psycopg.Error as error:
            if fault(error) is None:
                name = query if query in QUERIES else "a statement"
                raise StatementFailed(query=name, cause=_cause(error)) from None
            raise


def _cause(error: psycopg.Error) -> str:
    """What was wrong, without the values that it was wrong with."""
    state = error.sqlstate or ""
    name = type(error).__name__
    if state.startswith(("42", "25")):  # about the statement: there are no values in it
        return f"{name} {state} {error.diag.message_primary}"
    return " ".join(filter(None, (name, state, error.diag.constraint_name)))


def fault(error: BaseException) -> StoreError | None:
    """The server's fault that an exception tells of; None where it is the script's own."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None:  # libpq's own, or psycopg's
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return StoreGone(cause=_first_line(error)) if lost else None
    if state == "53100":
        return StoreFull()
    if state.startswith("40") or state in ("55P03", "57014"):  # deadlock; locked; canceled
        return StoreBusy(rolled_back=state.startswith("40"))
    if state == "25006" or state.startswith(("08", "25P03", "53", "57", "58", "XX")):
        return StoreGone(cause=error.diag.message_primary or type(error).__name__)
    return None


@contextmanager
def typed() -> Iterator[None]:
    """What psycopg raises inside comes out as the store's own exceptions."""
    try:
        yield
    except psycopg.Error as error:
        raise (fault(error) or StatementFailed(query="a statement", cause=_cause(error))) from None


def commit(connection: Connection) -> None:
    """StoreUnsure where no answer came; any other exception says that nothing was written."""
    try:
        done = connection.execute("COMMIT").statusmessage
    except psycopg.Error as error:
        if connection.closed:
            raise StoreUnsure(cause=_first_line(error)) from None
        raise (fault(error) or StoreGone(cause=_cause(error))) from None
    if done != "COMMIT":  # a script has swallowed the failure of a statement
        raise StoreGone(cause=f"COMMIT was answered with {done}")


def rollback(connection: Connection) -> None:
    """Undoes what is open, as far as there is still somebody to tell; the rest is undone
    by the server, which sees the connection go."""
    with suppress(psycopg.Error):
        connection.execute("ROLLBACK")
