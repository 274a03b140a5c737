"""What operators look at: lists of orders, the story of one, numbers for metrics."""

import heapq
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregator.core.model import Attempt, Order, Refill, State
from aggregator.store import orders, refills, revisions, rows
from aggregator.store.tx import Row, Tx

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """None: any. ``provider`` finds an order in doubt there too."""

    state: State | None = None
    provider: str | None = None
    reseller: str | None = None
    link: str | None = None
    limit: int | None = None


_LIST = """
    {lists}
    SELECT o.id, o.state, r.name AS reseller, o.service_id, o.charge_micros, o.refunded_micros,
           o.share_micros, o.parent_id, o.needs_person, o.created_at_ms, o.upstream_order_id,
           coalesce(o.provider, (
               SELECT a.provider FROM attempts a
               WHERE a.order_id = o.id AND a.state IN ('sending', 'in_doubt')
           )) AS provider,
           CASE WHEN o.state = 'in_doubt' THEN (
               SELECT e.detail FROM events e
               WHERE e.order_id = o.id AND e.kind IN ('doubt_waits', 'doubt_needs_person')
               ORDER BY e.id DESC LIMIT 1
           ) END AS awaited
    FROM orders o JOIN resellers r ON r.id = o.reseller_id
    WHERE {conditions}
    ORDER BY o.id DESC LIMIT :page
"""
_CONDITIONS = {
    "state": "o.state = :state",
    "reseller": "o.reseller_id = (SELECT id FROM resellers WHERE name = :reseller)",
    "link": "o.id IN (SELECT id FROM on_link)",
    "provider": "o.provider = :provider",
}
# The index has the ends of links, of each 1,024 IDs by themselves: all these are gone through.
# Of each 1,048,576 IDs is looked first whether there are any, for IDs may jump far ahead.
# The || keeps SQLite from putting :link in place of l.link, and so past the index.
_ON_LINK = """
    WITH RECURSIVE spans (span) AS (
        SELECT max(id) / 1048576 FROM orders
        UNION ALL
        SELECT (SELECT max(id) FROM orders WHERE id < span * 1048576) / 1048576 FROM spans
        WHERE span IS NOT NULL
    ), numbers (number) AS (
        SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1023
    ), on_link (id) AS (
        SELECT l.id FROM spans CROSS JOIN numbers CROSS JOIN orders l
        WHERE l.id / 1024 = span * 1024 + number AND l.link IS NOT NULL
          AND substr(l.link, length(l.link) - 11) = substr(:link, length(:link) - 11)
          AND l.link || '' = :link
    )
"""
# An order that is not placed yet has no provider; its open attempt has.
_TRIED_AT_PROVIDER = """o.provider IS NULL AND o.id IN (
    SELECT a.order_id FROM attempts a
    WHERE a.state IN ('sending', 'in_doubt') AND a.provider = :provider)"""
_OPEN = (State.SENDING, State.QUEUED, State.IN_DOUBT, State.PLACED)


def listed(tx: Tx, wanted: OrderFilter) -> Iterator[Row]:
    """Orders, newest first, a page at a time: there may be millions.

    Rows: id, state, reseller, service_id, charge_micros, refunded_micros,
    share_micros, parent_id, needs_person, created_at_ms, provider, upstream_order_id,
    awaited (of an order in doubt: the JSON of the event that says why it is still so).
    """
    given: dict[str, Any] = {
        name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None
    }
    found = _paged(tx, wanted, _CONDITIONS, given)
    if wanted.provider is not None:  # one list each, or neither could follow an index
        tried = _paged(tx, wanted, _CONDITIONS | {"provider": _TRIED_AT_PROVIDER}, given)
        found = heapq.merge(found, tried, key=_newest_first)
    return itertools.islice(found, wanted.limit)


def _newest_first(row: Row) -> int:
    return -int(row["id"])


def _paged(
    tx: Tx, wanted: OrderFilter, meanings: Mapping[str, str], given: Mapping[str, Any]
) -> Iterator[Row]:
    conditions = [meanings[name] for name in given]
    if wanted.state in _OPEN:
        conditions.append("o.ended_at_ms IS NULL")  # lets the index of open orders be used
    sql = _LIST.format(
        lists="" if wanted.link is None else _ON_LINK,
        conditions=" AND ".join([*conditions, "o.id < :before"]),
    )
    page = _PAGE if wanted.limit is None else min(wanted.limit, _PAGE)
    before = 2**63 - 1
    while True:
        found = tx.all(sql, before=before, page=page, **given)
        yield from found
        if not found or len(found) < page:
            return
        before = found[-1]["id"]


def sold_since(tx: Tx, since_ms: int, page: int = _PAGE) -> Iterator[Order]:
    """What resellers ordered since then, newest first, a page at a time."""
    before = 2**63 - 1
    while found := tx.all("sold_before", before_id=before, limit=page):
        yield from (rows.order(row) for row in found if row["created_at_ms"] >= since_ms)
        before = found[-1]["id"]
        if found[-1]["created_at_ms"] < since_ms:
            return


@dataclass(frozen=True, slots=True)
class Happened:
    at_ms: int
    kind: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer of an order, as its story tells it."""

    kind: str
    version: int
    micros: int
    note: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one order."""

    order: Order
    reseller: str
    attempts: Sequence[Attempt]
    events: Sequence[Happened]
    transfers: Sequence[Moved]
    children: Sequence[Order]
    refills: Sequence[Refill]
    revision_since_ms: int | None  # when the configuration it was sold by was read


def story(tx: Tx, order_id: int) -> Story:
    """NoSuchOrder where there is none."""
    order = orders.get(tx, order_id)
    reseller = tx.one("SELECT name FROM resellers WHERE id = :id", id=order.reseller_id)
    assert reseller is not None
    return Story(
        order,
        reseller["name"],
        [rows.attempt(row) for row in tx.all("attempts", order_id=order_id)],
        [
            Happened(row["at_ms"], row["kind"], json.loads(row["detail"]))
            for row in tx.all("events", order_id=order_id)
        ],
        [
            Moved(row["kind"], row["version"], row["micros"], row["note"], row["created_at_ms"])
            for row in tx.all("transfers_of_order", order_id=order_id)
        ],
        orders.children(tx, order_id),
        refills.of_order(tx, order_id),
        revisions.since_ms(tx, order.config_revision, order.created_at_ms),
    )


def open_by_provider(tx: Tx) -> dict[str, int]:
    """How many orders each provider still has to deliver, or may have: sending, in doubt,
    placed. Those without any are left out."""
    return {row["provider"]: row["orders"] for row in tx.all("open_by_provider")}


def has_named_any(tx: Tx, provider: str) -> bool:
    """Whether an ID of that provider's stands for an order of ours, ended or not."""
    return tx.one("named_by_provider", provider=provider) is not None


@dataclass(frozen=True, slots=True)
class Numbers:
    """For metrics and alerts. ``by_state`` has the states of open orders only: they
    are few, however many have ended. The oldest: created at, or None."""

    by_state: dict[State, int]
    oldest_doubt_ms: int | None
    oldest_queued_ms: int | None
    needs_person: int


def numbers(tx: Tx) -> Numbers:
    counted = {State(row["state"]): row["orders"] for row in tx.all("open_by_state")}
    waiting = tx.one("waiting_for_person")
    return Numbers(
        {state: counted.get(state, 0) for state in _OPEN},
        _oldest(tx, State.IN_DOUBT),
        _oldest(tx, State.QUEUED),
        waiting["orders"] if waiting else 0,
    )


@dataclass(frozen=True, slots=True)
class Overdue:
    """A provider's open orders that should have been asked after by now, for how long."""

    count: int
    oldest_ms: int
    mean_ms: int


def overdue(tx: Tx, provider: str, now_ms: int) -> Overdue:
    row = tx.one("overdue", provider=provider, now_ms=now_ms)
    if row is None or not row["orders"]:
        return Overdue(0, 0, 0)
    return Overdue(row["orders"], int(row["oldest_ms"]), int(row["sum_ms"]) // row["orders"])


def _oldest(tx: Tx, state: State) -> int | None:
    row = tx.one("oldest_open", state=state.value)
    return None if row is None else row["created_at_ms"]
