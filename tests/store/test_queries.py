"""The named statements: all sound, none forgotten, none that walks a big table."""

import re
from pathlib import Path
from typing import Any

import pytest

from aggregator.store import lists
from aggregator.store import tx as tx_module
from aggregator.store.postgres_tx import PostgresTx
from aggregator.store.tx import QUERIES, Tx, parse_queries, prepared

ROOM = Path(tx_module.__file__).parent

# These may walk whole tables: they are asked by operators, or go over open orders only.
_WALKS = {
    *("catalogue", "resellers", "prices", "foundlings"),
    "meta_like",  # a few for each provider
    *("last_revision", "revision_since", "forget_revisions"),  # a thousand rows
    *("verify_transfers", "verify_balances", "verify_accounts_exist"),
    *("verify_negative", "verify_held", "verify_orders", "verify_ends", "verify_placed"),
    *("verify_placed_attempts", "verify_upstream_ids", "verify_spending"),
}
_PARAMETER = re.compile(r":(\w+)")
_SPREAD = re.compile(r":(\w+)\.\.\.")


def plan(tx: Tx, name: str) -> list[str]:
    params: dict[str, Any] = dict.fromkeys(_PARAMETER.findall(QUERIES[name]))
    params |= {spread: [1, 2] for spread in _SPREAD.findall(QUERIES[name])}
    sql = prepared(name, params)
    return [row["detail"] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", **params)]


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_statement_uses_an_index(sqlite_tx: Tx, name: str) -> None:
    """A statement is sound, and finds its rows by an index however many there are."""
    steps = plan(sqlite_tx, name)
    if name not in _WALKS | _PLANNED_ONLY:
        assert [step for step in steps if step.startswith("SCAN") and not _small(step)] == []


# Indexes of open orders, attempts and refills; no table at all; and what is planned for each
# insert into a referenced table, but run only while a foreign key is violated.
_SMALL = (
    "orders_open",
    "attempts_one_open",
    "refills_due",
    "CONSTANT ROW",
    "SCAN open_ones",
    "SCAN happened",
)
_PLANNED_ONLY = {"insert_order", "insert_child", "insert_reseller"}


def _small(step: str) -> bool:
    return any(small in step for small in _SMALL)


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_no_statement_goes_through_a_provider(sqlite_tx: Tx, name: str) -> None:
    """Of all there ever was at a provider, a statement reads the first or the last few only."""
    whole = [step for step in plan(sqlite_tx, name) if step.endswith("_at_provider (provider=?)")]
    assert whole == [] or ":limit" in QUERIES[name]


@pytest.mark.parametrize("name", ["queued", "due"])
def test_oldest_first_without_sorting(sqlite_tx: Tx, name: str) -> None:
    """The oldest orders are read off an index in their order."""
    assert not [step for step in plan(sqlite_tx, name) if "TEMP B-TREE" in step]


def test_links_are_looked_for_by_their_index(sqlite_tx: Tx) -> None:
    """Of each block of IDs only what ends as the link does is looked at."""
    looked_at: list[str] = []

    class Planning:
        def all(self, query: str, /, **params: Any) -> list[Any]:
            steps = sqlite_tx.all(f"EXPLAIN QUERY PLAN {query}", **params)
            looked_at.extend(step["detail"] for step in steps)
            return []

    planning: Any = Planning()
    assert list(lists.listed(planning, lists.OrderFilter(link="l"))) == []
    assert "SEARCH l USING INDEX orders_on_link (<expr>=? AND <expr>=?)" in looked_at


def _is_number(parameter: str) -> bool:
    """Numbers are sent with their type, texts without one."""
    return parameter.endswith(("_ms", "_micros"))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_statement_uses_an_index_of_postgres(postgres_tx: PostgresTx, name: str) -> None:
    """The same on PostgreSQL, where nothing but a missing index makes it walk a table."""
    sql = prepared(name, {spread: [1, 2] for spread in _SPREAD.findall(QUERIES[name])})
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    for number, parameter in enumerate(names, 1):
        sql = re.sub(rf":{parameter}\b", f"${number}", sql)
    types = ", ".join("bigint" if _is_number(one) else "unknown" for one in names)
    postgres_tx.run("SET LOCAL plan_cache_mode = force_generic_plan")
    postgres_tx.run("SET LOCAL enable_seqscan = off")
    postgres_tx.run(f"PREPARE planned{f'({types})' if types else ''} AS {sql}")
    given = f"({', '.join(['NULL'] * len(names))})" if names else ""
    steps = [row["QUERY PLAN"] for row in postgres_tx.all(f"EXPLAIN EXECUTE planned{given}")]
    postgres_tx.run("DEALLOCATE planned")
    if name not in _WALKS:
        assert [step for step in steps if "Seq Scan" in step] == []


def test_every_statement_is_used() -> None:
    """A statement that nobody runs is not kept."""
    code = "".join(file.read_text(encoding="utf-8") for file in ROOM.glob("*.py"))
    assert [name for name in QUERIES if f'"{name}"' not in code] == []


def test_names_and_statements() -> None:
    """A file of statements gives each under its name, comments of its own included."""
    found = parse_queries("-- about\n\n-- name: a\n-- why\nSELECT 1;\n\n-- name: b\nSELECT 2;\n")
    assert found == {"a": "-- why\nSELECT 1;", "b": "SELECT 2;"}


def test_sequences_become_parameters(tx: Tx) -> None:
    """A sequence is spread into a parameter per item; an empty one matches nothing."""
    assert list(tx.all("orders", ids=[])) == []
    assert prepared("orders", {"ids": [7, 8]}).endswith("IN (:ids_0, :ids_1);")
