"""Group commit: nobody hears of what is not on disk."""

import asyncio
import sqlite3
import threading
from pathlib import Path

from aggregator.core.model import Policy
from aggregator.store import meta, open_store
from aggregator.store.tx import Tx


def _breaks_the_commit(tx: Tx) -> None:
    """A promise that is only looked at in the end, and not kept."""
    tx.run("PRAGMA defer_foreign_keys = ON")
    tx.run("INSERT INTO accounts (reseller_id) VALUES (4711)")


async def test_a_commit_that_fails_is_answered_to_nobody(tmp_path: Path) -> None:
    """Where a COMMIT fails, everybody in it hears so, and nothing of it is there."""
    store = await open_store(str(tmp_path / "test.db"), Policy())
    gate = threading.Event()
    scripts = (lambda tx: meta.put(tx, "a", "there"), _breaks_the_commit)
    waits = asyncio.ensure_future(store.write(lambda _tx: gate.wait(20)))
    await asyncio.sleep(0)
    together = [asyncio.ensure_future(store.write(script)) for script in scripts]
    await asyncio.sleep(0)  # both are queued behind it: one commit for the two of them
    gate.set()
    told = await asyncio.gather(waits, *together, return_exceptions=True)
    found = await store.read(lambda tx: meta.get(tx, "a"))
    await store.close()
    assert found is None
    assert [type(one) for one in told[1:]] == [sqlite3.IntegrityError] * 2
