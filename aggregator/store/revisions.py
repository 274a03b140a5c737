"""Which revision of the configuration was in use from when on."""

from aggregator.store.tx import Tx

KEPT = 1_000


def add(tx: Tx, revision: str, now_ms: int) -> None:
    """It is in use from now on; nothing is written where it was already."""
    last = tx.one("last_revision")
    if last is None or last["revision"] != revision:
        tx.run("insert_revision", revision=revision, now_ms=now_ms)
        tx.run("forget_revisions", kept=KEPT)


def since_ms(tx: Tx, revision: str, at_ms: int) -> int | None:
    """From when on a revision was in use that was so at that time. None: long ago."""
    found = tx.one("revision_since", revision=revision, at_ms=at_ms)
    return None if found is None else int(found["at_ms"])
