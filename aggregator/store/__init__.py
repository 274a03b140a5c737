"""Everything durable. One writer, named SQL, money in double entry.

========================  ====================================================
``open_store``            the server's store: ``ports.Store`` and what is beside it
``short_transaction``     a command's transaction, beside a server that may run
``short_reading``         a command's snapshot
``BesideStore``           a command's store, where it runs actions of the server's
``orders``, ``attempts``  transactions 1 and 2, the queue, the recovery
``statuses``, ``refills`` providers' answers, with the money they move
``by_hand``, ``resellers`` what operators do
``lists``, ``verify``     what operators look at
========================  ====================================================

The scripts are synchronous functions over a ``Tx``, run by whoever has one.
"""

from aggregator.core.model import Policy
from aggregator.store.beside import BesideStore
from aggregator.store.opening import path_of
from aggregator.store.scripted import ScriptedStore
from aggregator.store.short import is_postgres, short_reading, short_transaction
from aggregator.store.sqlite import SqliteStore


async def open_store(database: str, policy: Policy) -> ScriptedStore:
    """The store that ``database:`` names; the caller closes it.

    Raises CannotOpen: in use by another server, from a newer program, of another
    currency, no database at all.
    """
    if is_postgres(database):
        from aggregator.store.postgres import PostgresStore  # takes its time to import

        return await PostgresStore.open(database, policy)
    return await SqliteStore.open(path_of(database), policy)


__all__ = [
    "BesideStore",
    "ScriptedStore",
    "SqliteStore",
    "is_postgres",
    "open_store",
    "path_of",
    "short_reading",
    "short_transaction",
]
