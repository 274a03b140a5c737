"""Databases with millions of orders, made in minutes and sound for ``ledger verify``.

Two orders are placed by the store's own functions, one that has ended and one that is
open. Then SQL copies their rows, whatever tables and columns they have, with new IDs,
links and times; so what is copied is always what the server writes today.

The indexes are there from the first row on, so that their pages are as full as a server
leaves them. One that is made at once is packed, and each of its pages is split by the first
order that goes there.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Policy, Purchase
from aggregator.core.outcome import Placed
from aggregator.ports import AttemptDraft, Closing, OrderDraft, Reading, Remembered
from aggregator.store import attempts, opening, orders, resellers, statuses
from aggregator.store.opening import short_transaction
from aggregator.store.tx import Tx
from benchmarks.bench.ground import KEPT, MONEY_MICROS, PROVIDERS

RESELLERS = 10
OPEN = 1_000  # of the orders, so many are open: not more where there are more orders
POLICY = Policy()

_DAY_MS = 86_400_000
_YEAR_MS = 365 * _DAY_MS
_LONG_AGO_MS = 4 * _DAY_MS  # ended orders are watched no longer
_CHARGE_MICROS = 90_000
_SOON = "60000 + {i} * 1740000 / {count}"
_LINK = "https://instagram.com/p/template"


@dataclass(frozen=True, slots=True)
class Copies:
    """``age_ms`` and ``next_check_ms``: SQL over ``i``, which runs from 1 to ``count``; the
    second is a time from now, None where nothing is to be asked any more."""

    template: int
    count: int
    age_ms: str
    next_check_ms: str | None


@dataclass(frozen=True, slots=True)
class Grown:
    """``key`` is the first reseller's."""

    path: Path
    orders: int
    key: str

    def renew(self, path: Path) -> None:
        """Of the file itself, or of a copy: orders that were added since are not asked after,
        and the others as if they had been made now. All of it is on disk then, so that the
        system does not write it during a measurement."""
        soon = _SOON.format(i=f"abs(random()) % {OPEN}", count=OPEN)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                f"UPDATE orders SET next_check_at_ms ="
                f" CASE WHEN id <= :orders THEN :now_ms + {soon} END"
                f" WHERE next_check_at_ms IS NOT NULL",
                {"orders": self.orders, "now_ms": time.time_ns() // 1_000_000},
            )

    def ids(self, count: int) -> list[int]:
        """Of so many orders of the first reseller, spread over all there are."""
        his = range(RESELLERS, self.orders + 1, RESELLERS)
        return [his[at * len(his) // count] for at in range(count)]


def kept(count: int) -> Grown:
    """Made once, for as long as neither the schema nor this file changes."""
    path = KEPT / f"grown-{count}-{_fingerprint()}.db"
    key_path = path.with_suffix(".key")
    if not key_path.exists():
        for old in KEPT.glob(f"grown-{count}-*"):
            old.unlink()
        key_path.write_text(make(path, count, min(OPEN, count // 2)).key)
    return Grown(path, count, key_path.read_text())


@cache
def _fingerprint() -> str:
    texts = [*opening.MIGRATIONS.values(), Path(__file__).read_text()]
    return sha256("".join(texts).encode()).hexdigest()[:12]


def make(path: Path, count: int, open_orders: int, *, due: bool = False) -> Grown:
    """``due``: the open ones want to be asked after now, else in the next half an hour."""
    KEPT.mkdir(exist_ok=True)
    with short_transaction(str(path), POLICY) as tx:
        key = _templates(tx)
    ended = count - open_orders
    old = f"{_LONG_AGO_MS} + (:count - i) * {_YEAR_MS} / :count"
    recent = f"{_DAY_MS} + (:count - i) * {2 * _DAY_MS} / :count"
    soon = "0" if due else _SOON.format(i="i", count=":count")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
            connection.execute(f"PRAGMA {pragma}")
        _copy(connection, Copies(1, ended - 1, old, None))
        _copy(connection, Copies(2, open_orders - 1, recent, soon))
        connection.execute(
            "UPDATE accounts SET available_micros = :money - (SELECT sum(charge_micros)"
            " FROM orders WHERE orders.reseller_id = accounts.reseller_id)",
            {"money": MONEY_MICROS},
        )
        connection.execute("PRAGMA journal_mode = WAL")
    return Grown(path, count, key)


def _templates(tx: Tx) -> str:
    """Order 1 has ended, order 2 is open. The key of the first reseller."""
    now_ms = time.time_ns() // 1_000_000
    keys = []
    for number in range(1, RESELLERS + 1):
        keys.append(resellers.add(tx, f"shop-{number}", now_ms))
        resellers.credit(tx, f"shop-{number}", MONEY_MICROS, "bench", now_ms)
    for word, remains in (("Completed", 0), ("In progress", 100)):
        order_id = _placed(tx, now_ms)
        said = OrderStatus(word, start_count="3572", remains=remains)
        statuses.apply_status(tx, Reading(order_id, said, now_ms), POLICY, now_ms)
    return keys[0]


def _placed(tx: Tx, now_ms: int) -> int:
    draft = OrderDraft(
        reseller_id=1,
        service_id=1,
        service_type="Default",
        purchase=Purchase(Kind.NORMAL, 100, 100, {"link": _LINK, "quantity": "100"}),
        rate_micros=900_000,
        charge_micros=_CHARGE_MICROS,
        config_revision="grown",
        now_ms=now_ms,
        first=AttemptDraft(PROVIDERS[0], "1", Kind.NORMAL, "grown", 50_000),
        explanation="p1/1: usable",
    )
    opened = orders.open_order(tx, draft)
    assert not isinstance(opened, Remembered)
    assert opened.attempt_id is not None
    outcome = Placed(f"{10**10 + opened.order_id}")
    attempts.close_attempt(tx, Closing(opened.order_id, opened.attempt_id, outcome, now_ms))
    return opened.order_id


def _copy(connection: sqlite3.Connection, copies: Copies) -> None:
    """Everything that belongs to the template, once more for each ``i``."""
    last = partial(_last_id, connection)
    columns = {
        table: [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    spelled = _spelled(copies, last("orders"))
    run = partial(_insert, connection, copies)
    run("orders", columns["orders"], "id = :template", {**spelled, "id": spelled["order_id"]})
    for table, names in columns.items():
        if "order_id" in names:
            per_order = f"(SELECT count(*) FROM {table} WHERE order_id = :template)"
            numbered = f"{last(table)} + (i - 1) * {per_order} + rank"
            own_id = {"id": numbered} if "id" in names else {}
            run(table, names, "order_id = :template", {**spelled, **own_id})


def _last_id(connection: sqlite3.Connection, table: str) -> int:
    names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
    found = connection.execute(f"SELECT max(id) FROM {table}").fetchone() if "id" in names else None
    return (found and found[0]) or 0


def _spelled(copies: Copies, last_order: int) -> Mapping[str, str]:
    """How the columns of a copy differ from the template's, as SQL."""
    order_id = f"({last_order} + i)"
    reseller = f"(1 + {order_id} % {RESELLERS})"
    # Spread over all of their index, as real links are: a factor prime to 10 to the 9th.
    link = f"printf('https://instagram.com/p/%09d', {order_id} * 387420489 % 1000000000)"
    his_accounts = f"'reseller/1/', 'reseller/' || {reseller} || '/'"
    next_check = copies.next_check_ms
    return {
        "order_id": order_id,
        "reseller_id": reseller,
        "link": link,
        "params": f"replace(t.params, '{_LINK}', {link})",
        "provider": f"'p' || (1 + {order_id} % {len(PROVIDERS)})",
        "upstream_order_id": f"CAST({10**10} + {order_id} AS TEXT)",
        **{account: f"replace(t.{account}, {his_accounts})" for account in ("source", "target")},
        "next_check_at_ms": "NULL" if next_check is None else f":now_ms + {next_check}",
    }


def _insert(
    connection: sqlite3.Connection,
    copies: Copies,
    table: str,
    columns: Sequence[str],
    belongs: str,
    spelled: Mapping[str, str],
) -> None:
    values = [
        spelled.get(name, f"t.{name} - ({copies.age_ms})" if name.endswith("_ms") else f"t.{name}")
        for name in columns
    ]
    connection.execute(
        f"""
        WITH RECURSIVE numbers (i) AS (
            SELECT 1 WHERE :count > 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < :count
        )
        INSERT INTO {table} ({", ".join(columns)})
        SELECT {", ".join(values)} FROM numbers CROSS JOIN (
            SELECT *, row_number() OVER () AS rank FROM {table} WHERE {belongs}
        ) AS t
        """,
        {
            "template": copies.template,
            "count": copies.count,
            "now_ms": time.time_ns() // 1_000_000,
        },
    )
