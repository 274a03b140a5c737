"""What can go wrong with the store; a docstring is the message an operator reads.

::

    StoreError
    ├── CannotOpen
    │   ├── InUse           another server holds the lock file
    │   ├── TooNew          the database is from a newer program
    │   ├── NeedsServer     the schema is old, and a server is using it
    │   ├── NoDatabase      nothing there yet
    │   ├── OtherCurrency
    │   ├── Damaged         the disk failed under it
    │   ├── NotSound        a copy with something wrong in it
    │   ├── NotOurs         the file is no database of ours
    │   ├── Unreachable     the file cannot be opened or made
    │   └── NotSupported    a kind of database that this program cannot open
    ├── NoBackup
    │   ├── DestinationTaken, BackupFailed
    │   ├── NodesAlive      nothing is restored under a running server
    │   └── NotByFile       of a kind of database that is no file
    ├── (ports.StoreUnavailable: nothing was written)
    │   ├── StoreFull       goes away by itself
    │   ├── StoreBusy       goes away by itself
    │   ├── StoreGone       no database server: goes away by itself
    │   ├── StoreStopped    the disk had failed before: not until a restart
    │   └── StoreClosed     we are going down
    ├── StoreBroken         the disk failed under this very transaction
    │   └── StoreUnsure     no answer to a COMMIT, and nobody left to ask
    ├── StatementFailed     the database refused a statement of ours
    ├── TakenForDead        the other nodes have settled what this one was sending
    ├── Inconsistent        a rule of the ledger would have been broken
    └── ActRefused          an act by hand that cannot be done
        ├── NoSuchOrder, NoSuchReseller, NameTaken, KeyTaken, NoOldKey
        ├── WrongState, UpstreamIdTaken
        └── NotEnough, NothingPosted, TooMuch
"""

from aggregator.ports import StoreUnavailable


class StoreError(Exception):
    """The store failed."""

    def __init__(self, **facts: object) -> None:
        super().__init__(" ".join((self.__doc__ or "").split()).format(**facts))
        self.facts = facts


class CannotOpen(StoreError):
    """The database cannot be opened."""


class InUse(CannotOpen):
    """Another server ({holder}) is using the database {database}: it holds {lock}."""


class TooNew(CannotOpen):
    """The database {database} is of version {found}, made by a newer program;
    this one knows versions up to {known}. Migrations only go forwards."""


class NeedsServer(CannotOpen):
    """The database {database} must first be migrated, and a server of an older
    version is using it. Stop every server, then start them with this version."""


class NoDatabase(CannotOpen):
    """There is no database at {database} yet: `aggregator serve` or
    `aggregator reseller add` makes it."""


class NothingThere(CannotOpen):
    """There is no backup at {database}."""


class OtherCurrency(CannotOpen):
    """The database {database} holds money in {found}, the configuration says {wanted}."""


class NotOurs(CannotOpen):
    """{database} is not a database of this program."""


class Unreachable(CannotOpen):
    """The database {database} cannot be opened: {cause}."""


class Damaged(CannotOpen):
    """The disk failed under the database {database}, and it is damaged ({found}).
    Restore it from a backup."""


class NotSound(CannotOpen):
    """{database} is not sound: {found}."""


class NoBackup(StoreError):
    """No backup was made."""


class DestinationTaken(NoBackup):
    """There is something at {target} already, and nothing is overwritten: name another
    file, or a directory."""


class BackupFailed(NoBackup):
    """{target} cannot be written: {cause}."""


class NodesAlive(NoBackup):
    """Servers are using the database: stop them all, wait a minute, and try again."""


class NotByFile(NoBackup):
    """The database is a PostgreSQL server's, which has its own tools. {instead}"""


class NotSupported(CannotOpen):
    """This program cannot open {database}: give a path, for SQLite, or a URL that
    begins with postgresql://."""


class StoreFull(StoreError, StoreUnavailable):
    """The disk of the database is full: nothing was written."""


class StoreBusy(StoreError, StoreUnavailable):
    """Another process has kept the database locked for too long: nothing was written."""


class StoreGone(StoreError, StoreUnavailable):
    """The database server does not serve us ({cause}): nothing was written."""


class StoreBroken(StoreError):
    """The disk failed ({cause}). What was being written may be there or not, and nothing
    more will be until a restart."""


class StoreUnsure(StoreBroken):
    """The database server went away during a COMMIT ({cause}): what was being written
    may be there or not. Look before you repeat it."""


class StoreStopped(StoreError, StoreUnavailable):
    """The database is not written any more since the disk failed. Restart."""


class StoreClosed(StoreError, StoreUnavailable):
    """The store is closed."""


class StatementFailed(StoreError):
    """The database refused {query}: {cause}."""


class TakenForDead(StoreError):
    """This node was not heard of for so long that the other nodes have put what it was
    sending in doubt. It may not send any more: start it again."""


class Inconsistent(StoreError):
    """{what}: undone, for a rule of the ledger would have been broken."""


class ActRefused(StoreError):
    """This cannot be done."""


class NoSuchOrder(ActRefused):
    """There is no order {order_id}."""


class NoSuchReseller(ActRefused):
    """There is no reseller {name!r}."""


class NameTaken(ActRefused):
    """There is a reseller {name!r} already."""


class WrongState(ActRefused):
    """Order {order_id} is {state}; this can only be done to one that is {wanted}."""


class UpstreamIdTaken(ActRefused):
    """Order {upstream_order_id} of {provider} already belongs to our order {order_id}."""


class KeyTaken(ActRefused):
    """This key is somebody's already."""


class NoOldKey(ActRefused):
    """There is no old key that still works."""


class NotEnough(ActRefused):
    """{name} has {available} available, which is less than {wanted}."""


class NothingPosted(ActRefused):
    """Nothing was charged for order {order_id} that could be refunded."""


class TooMuch(ActRefused):
    """Of order {order_id} at most {left} can still be refunded, not {wanted}."""
