"""Many orders at once: copies of one that was bought."""

from functools import partial

from aggregator.store import SqliteStore
from aggregator.store.tx import Tx

_NUMBERS = "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT :count)"
_COPY = {
    "orders": {"parent_id": "1", "charge_micros": "0", "upstream_order_id": "9 || n.value"},
    "attempts": {
        "order_id": "(SELECT id FROM orders WHERE provider = :provider"
        " AND upstream_order_id = 9 || n.value)",
        "upstream_order_id": "9 || n.value",
    },
}


async def copied(store: SqliteStore, providers: list[str], count: int) -> None:
    """So many more orders like order 1 at each of the providers, children of it."""
    for table, changes in _COPY.items():
        found = await store.rows(f"SELECT name FROM pragma_table_info('{table}')")
        given = {name: f"t.{name}" for name in (row["name"] for row in found)}
        given |= {"id": "NULL", "provider": ":provider"} | changes
        sql = (
            f"{_NUMBERS} INSERT INTO {table} ({', '.join(given)})"
            f" SELECT {', '.join(given.values())} FROM {table} t, n WHERE t.id = 1"
        )
        for name in providers:
            await store.write(partial(_insert, sql=sql, provider=name, count=count))


def _insert(tx: Tx, sql: str, provider: str, count: int) -> None:
    tx.run(sql, provider=provider, count=count)
