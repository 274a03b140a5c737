"""A few things that the database remembers about itself, by key."""

from aggregator.core.model import Policy
from aggregator.store.exceptions import OtherCurrency
from aggregator.store.tx import Tx

CURRENCY = "currency"


def get(tx: Tx, key: str) -> str | None:
    row = tx.one("get_meta", key=key)
    return None if row is None else str(row["value"])


def like(tx: Tx, pattern: str) -> dict[str, str]:
    """All whose key fits, where ``%`` stands for anything: there are a few per provider."""
    return {row["key"]: row["value"] for row in tx.all("meta_like", pattern=pattern)}


def put(tx: Tx, key: str, value: str) -> None:
    tx.run("set_meta", key=key, value=value)


def settle_currency(tx: Tx, policy: Policy, database: object) -> None:
    """The first to open a database says what its money is; nobody changes it. OtherCurrency."""
    found = get(tx, CURRENCY)
    if found is None:
        put(tx, CURRENCY, policy.currency)
    elif found != policy.currency:
        raise OtherCurrency(database=database, found=found, wanted=policy.currency)
