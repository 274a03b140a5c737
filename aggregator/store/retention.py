"""Forgetting: links, comments and events of orders that ended long ago.

Orders are gone through by the time of their end, a piece at a time; how far each rule
has come is remembered, so that none is looked at twice.
"""

import json

from aggregator.core.retention import Rule, kept
from aggregator.store import meta, rows
from aggregator.store.tx import Row, Tx

AT_ONCE = 200


def forget(tx: Tx, rule: Rule, before_ms: int) -> int:
    """Of how many orders that ended before then; again until it is 0."""
    ended_at_ms, order_id = _come_to(tx, rule)
    found = tx.all(
        "ended_orders",
        after_ms=ended_at_ms,
        after_id=order_id,
        before_ms=before_ms,
        limit=AT_ONCE,
    )
    if not found:
        return 0
    if rule is Rule.EVENTS:
        ids = [row["id"] for row in found]
        tx.run("forget_events", ids=ids)
        tx.run("forget_opened", ids=ids)
        tx.run("forget_causes", ids=ids)
    else:
        for row in found:
            _forget_params(tx, rule, row)
    last = found[-1]
    meta.put(tx, _mark(rule), f"{last['ended_at_ms']}/{last['id']}")
    return len(found)


def _forget_params(tx: Tx, rule: Rule, row: Row) -> None:
    before = json.loads(row["params"])
    params = kept(before, rule)
    if params != before:
        link = params.get("link")
        tx.run("forget_params", order_id=row["id"], params=rows.as_json(params), link=link)


def _mark(rule: Rule) -> str:
    return f"forgotten/{rule}"


def _come_to(tx: Tx, rule: Rule) -> tuple[int, int]:
    """The end and the ID of the last order that was seen to."""
    ended_at_ms, _, order_id = (meta.get(tx, _mark(rule)) or "0/0").partition("/")
    return int(ended_at_ms), int(order_id)
