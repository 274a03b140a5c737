"""From ``-c`` to what a command works with: the configuration, the database.

A command has a short connection of its own and runs the store's scripts on it,
beside a server that may be running.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.tx import Tx


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def load(config_path: Path, *, secrets: bool = False) -> "Loaded":
    """The configuration, with the environment of this process. ConfigErrors.

    Only a command that talks to providers, or checks all, wants the ``secrets``.
    """
    from aggregator import config

    return config.load(config_path, os.environ, secrets=secrets)


@contextmanager
def reading(loaded: "Loaded") -> Iterator["Tx"]:
    """A snapshot. NoDatabase where there is none yet."""
    from aggregator import store

    with store.short_reading(loaded.server.database, loaded.setup.policy) as tx:
        yield tx


@contextmanager
def writing(loaded: "Loaded", *, create: bool = False) -> Iterator["Tx"]:
    """A transaction, undone on any exception. NoDatabase, unless it may ``create`` one."""
    from aggregator import store

    database = loaded.server.database
    with store.short_transaction(database, loaded.setup.policy, create=create) as tx:
        yield tx
