"""Short connections to whatever kind of database ``database:`` names."""

from collections.abc import Iterator
from contextlib import contextmanager

from aggregator.core.model import Policy
from aggregator.store import opening
from aggregator.store.tx import Tx


def is_postgres(database: str) -> bool:
    return database.startswith("postgresql://")


@contextmanager
def short_transaction(database: str, policy: Policy, *, create: bool = True) -> Iterator[Tx]:
    """One transaction of a command, beside a server that may be running.

    Commits on leaving, undoes everything on an exception. Where there is no database
    it makes one, or raises NoDatabase if it may not ``create``. CannotOpen; and
    StoreUnsure where a database server did not answer the COMMIT.
    """
    if is_postgres(database):
        from aggregator.store import postgres_opening  # takes its time to import

        with postgres_opening.short_transaction(database, policy, create) as tx:
            yield tx
    else:
        with opening.short_transaction(database, policy, create) as tx:
            yield tx


@contextmanager
def short_reading(database: str, policy: Policy) -> Iterator[Tx]:
    """One snapshot for a command that only looks. NoDatabase where there is none."""
    if is_postgres(database):
        from aggregator.store import postgres_opening

        with postgres_opening.short_reading(database, policy) as tx:
            yield tx
    else:
        with opening.short_reading(database, policy) as tx:
            yield tx
