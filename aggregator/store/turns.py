"""Turns: one writing transaction at a time on a PostgreSQL database, and counted.

A transaction that writes begins by adding one to the only row of ``turn``. The lock
on that row is its turn: whoever is next waits until it has committed or is undone,
and sees all of it then. The number says how many have committed; ``last_turns``
keeps, in the same transaction, which of them was a node's last.
"""

from psycopg import sql

from aggregator.store.exceptions import NotOurs
from aggregator.store.postgres_tx import Connection

# READ COMMITTED: what is seen after the wait is what stands after the wait.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_TAKE = "UPDATE turn SET number = number + 1 RETURNING number AS turn"
_TAKE_AND_SIGN = """
    WITH taken AS (UPDATE turn SET number = number + 1 RETURNING number)
    INSERT INTO last_turns (boot_id, turn, commits, taken_at)
    SELECT {boot_id}, number, 1, clock_timestamp() FROM taken
    ON CONFLICT (boot_id) DO UPDATE
    SET turn = excluded.turn, commits = last_turns.commits + 1, taken_at = excluded.taken_at
    RETURNING turn
"""
# In one snapshot, so that no commit of our own can be taken for another's.
_OTHERS = """
    SELECT t.number - coalesce(l.commits, 0) AS commits
    FROM turn t LEFT JOIN last_turns l ON l.boot_id = %(boot_id)s
"""


def take(connection: Connection, boot_id: str | None = None, then: str = "") -> int:
    """Begins a transaction and waits for its turn, whose number it returns.

    ``boot_id``: signs it, for ``is_committed`` and ``others``. ``then``: a statement that
    travels along, for the round trip it saves.
    """
    signed = sql.SQL(_TAKE_AND_SIGN).format(boot_id=sql.Literal(boot_id))
    taking = sql.SQL(_TAKE) if boot_id is None else signed
    cursor = connection.execute(sql.SQL(BEGIN) + sql.SQL("; ") + taking + sql.SQL("; " + then))
    cursor.nextset()
    row = cursor.fetchone()
    if row is None:
        raise NotOurs(database="the database: its row of turns is gone")
    return int(row["turn"])


def is_committed(connection: Connection, boot_id: str, turn: int) -> bool:
    """Whether a node's last turn was committed. Waits until it is no longer under way."""
    connection.execute(BEGIN + "; SELECT number FROM turn FOR UPDATE")
    found = connection.execute(
        "SELECT turn FROM last_turns WHERE boot_id = %(boot_id)s", {"boot_id": boot_id}
    ).fetchone()
    connection.execute("ROLLBACK")
    return found is not None and found["turn"] == turn


def others(connection: Connection, boot_id: str) -> int:
    """How many transactions others than this node have committed, ever."""
    row = connection.execute(_OTHERS, {"boot_id": boot_id}).fetchone()
    return int(row["commits"]) if row else 0
