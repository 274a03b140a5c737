"""Opening a PostgreSQL database: migrations, whose money is in it, short connections.

A migration is a file ``migrations/postgres/NNNN_what.sql``; the table
``aggregator_schema`` has the number of the last one applied. All that are missing
are applied in one transaction, forwards only, under an advisory lock: of several
nodes that start at once one migrates, and the others find it done.

Everything is in the schema that is first on the search path, which a URL can set:
``postgresql://…/shop?options=-csearch_path%3Daggregator``. A schema with tables of
other programs is left alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aggregator.core.model import Policy
from aggregator.store import meta, nodes, turns
from aggregator.store.exceptions import (
    NeedsServer,
    NoDatabase,
    NotOurs,
    StatementFailed,
    StoreBusy,
    StoreFull,
    StoreGone,
    TooNew,
    Unreachable,
)
from aggregator.store.opening import load_migrations
from aggregator.store.postgres_tx import (
    Connection,
    PostgresTx,
    Server,
    commit,
    rollback,
    typed,
)
from aggregator.store.tx import Tx

# A long look (``ledger verify``) must not be cut off by the time that writers have.
SNAPSHOT = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    "SET LOCAL idle_in_transaction_session_timeout = 0"
)
MIGRATIONS: Mapping[int, str] = load_migrations("postgres")
MIGRATION_LOCK = 0x6167_6772_6567_6174

# Not to_regclass(): it may answer from what the session knew before it waited for the lock.
_OURS = """
    SELECT 1 FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname = 'aggregator_schema'
"""
_TABLES = """
    SELECT count(*) AS tables FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (  -- an extension's
          SELECT 1 FROM pg_depend d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""


def _version(connection: Connection) -> int | None:
    """None where the schema has no tables of ours."""
    if connection.execute(_OURS).fetchone() is None:
        return None
    row = connection.execute("SELECT max(version) AS version FROM aggregator_schema").fetchone()
    return int(row["version"] or 0) if row else 0


def _missing(server: Server, connection: Connection, known: int) -> int:
    """The version found, 0 for an empty schema. TooNew, NotOurs."""
    version = _version(connection)
    if version is not None and version > known:
        raise TooNew(database=server.name, found=version, known=known)
    if version is None:
        row = connection.execute(_TABLES).fetchone()
        if row and row["tables"]:
            raise NotOurs(database=server.name)
    return version or 0


def is_behind(server: Server, connection: Connection) -> bool:
    """Whether migrations are missing. TooNew, NotOurs."""
    return _missing(server, connection, max(MIGRATIONS)) < max(MIGRATIONS)


def migrate(
    server: Server, connection: Connection, migrations: Mapping[int, str] = MIGRATIONS
) -> None:
    """Applies what is missing, all of it or nothing, in the transaction that is open."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
    before = _missing(server, connection, max(migrations))  # another may have been quicker
    if before == 0:
        connection.execute("CREATE TABLE IF NOT EXISTS aggregator_schema (version BIGINT)")
    for number in range(before + 1, max(migrations) + 1):
        connection.execute(migrations[number])
        connection.execute("INSERT INTO aggregator_schema VALUES (%s)", [number])


@contextmanager
def _transaction(connection: Connection, begin: str = turns.BEGIN) -> Iterator[PostgresTx]:
    """Committed on leaving, undone on any exception. An empty ``begin``: it is open."""
    try:
        with typed():
            if begin:
                connection.execute(begin)
            yield PostgresTx(connection)
    except BaseException:
        rollback(connection)
        raise
    commit(connection)


@contextmanager
def _opening(server: Server) -> Iterator[None]:
    """What goes wrong inside keeps the database from being opened. Unreachable."""
    try:
        with typed():
            yield
    except (StoreGone, StoreBusy, StoreFull, StatementFailed) as error:
        cause = error.facts.get("cause", str(error))
        raise Unreachable(database=server.name, cause=cause) from None


@contextmanager
def connected(server: Server, **settings: str) -> Iterator[Connection]:
    """A connection, closed at the end. Unreachable."""
    with _opening(server):
        connection = server.connect(**settings)
    try:
        yield connection
    finally:
        connection.close()


def _is_in_use(connection: Connection) -> bool:
    """Whether any server is alive."""
    there = connection.execute("SELECT to_regclass('boots') AS boots").fetchone()
    known = there is not None and there["boots"] is not None
    return known and connection.execute(nodes.ANY_ALIVE).fetchone() is not None


def prepare(server: Server, connection: Connection, policy: Policy) -> None:
    """For a server: the schema, the currency, the next order ID. CannotOpen: NeedsServer
    where the schema is behind and others are alive, who write to it as they know it."""
    with _opening(server):
        if is_behind(server, connection):
            # Asked again: who is alive may be one that has just migrated it.
            if _is_in_use(connection) and is_behind(server, connection):
                raise NeedsServer(database=server.name)
            with _transaction(connection):
                migrate(server, connection)
        turns.take(connection)
        with _transaction(connection, begin="") as tx:
            meta.settle_currency(tx, policy, server.name)
            reserve_ids(tx, "orders", policy.first_order_id)


def last_id(tx: Tx, table: str) -> int:
    """The highest ID that the table ever gave out."""
    row = tx.one(f"SELECT last_value, is_called FROM {_sequence(tx, table)}")
    return 0 if row is None else row["last_value"] - 1 + int(row["is_called"])


def reserve_ids(tx: Tx, table: str, first: int) -> None:
    """The next row gets at least the ID ``first``. Nobody else inserts: it is our turn."""
    if last_id(tx, table) + 1 < first:
        tx.one("SELECT setval(:name, :first, FALSE)", name=_sequence(tx, table), first=first)


def _sequence(tx: Tx, table: str) -> str:
    row = tx.one("SELECT pg_get_serial_sequence(:table, 'id') AS name", table=table)
    assert row is not None
    return str(row["name"])


@contextmanager
def short_transaction(url: str, policy: Policy, create: bool = True) -> Iterator[PostgresTx]:
    """One transaction of a command, beside servers that may be running.

    Commits on leaving, undoes everything on an exception. Where the schema is empty it
    makes the tables, or raises NoDatabase if it may not ``create``.
    """
    server = Server.of(url)
    with connected(server) as connection:
        with _opening(server):
            _bring_up(server, connection, policy, create)
            turns.take(connection)
        with _transaction(connection, begin="") as tx:
            meta.settle_currency(tx, policy, server.name)
            yield tx


@contextmanager
def short_reading(url: str, policy: Policy) -> Iterator[PostgresTx]:
    """One snapshot for a command that only looks. NoDatabase where there is none."""
    server = Server.of(url)
    with connected(server) as connection:
        with _opening(server):
            _bring_up(server, connection, policy, create=False)
        with _transaction(connection, SNAPSHOT) as tx:
            if meta.get(tx, meta.CURRENCY) is not None:
                meta.settle_currency(tx, policy, server.name)
            yield tx


def _bring_up(server: Server, connection: Connection, policy: Policy, create: bool) -> None:
    """Migrates if need be, but never under a running server of an older version."""
    version = _missing(server, connection, max(MIGRATIONS))
    if version == 0 and not create:
        raise NoDatabase(database=server.name)
    if version < max(MIGRATIONS):
        prepare(server, connection, policy)
