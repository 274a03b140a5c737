"""A few things that the database remembers about itself, by key."""

from aggregator.store.tx import Tx

CURRENCY = "currency"


def get(tx: Tx, key: str) -> str | None:
    row = tx.one("get_meta", key=key)
    return None if row is None else str(row["value"])


def put(tx: Tx, key: str, value: str) -> None:
    tx.run("set_meta", key=key, value=value)
