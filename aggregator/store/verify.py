"""The invariants of the ledger, each a statement that finds what breaks it.

To be run in one snapshot. Every statement walks whole tables once; none asks
per order, so millions of orders take seconds, not hours.
"""

from aggregator.store.tx import Tx

_CHECKS = {
    "verify_transfers": "transfer {id} ({kind}): {micros} micros from {source} to {target}",
    "verify_balances": "{account}: {stored} micros are stored, its entries sum to {moved}",
    "verify_accounts_exist": "{account}: has entries, but there is no such account",
    "verify_negative": "reseller {reseller_id}: {available_micros} available, {held_micros} held",
    "verify_held": "reseller {reseller_id}: {held_micros} micros held, open orders bind "
    "{open_micros}",
    "verify_spending": "reseller {reseller_id}: {micros} micros count as spent on day {day}, its "
    "orders come to {counted}",
    "verify_orders": "order {id} is {state}, charge {charge_micros}, refunded {refunded_micros}: "
    "{holds} holds, {posts} posts, {voids} voids ({uneven} of another amount), refunds of "
    "{refunds} micros",
    "verify_ends": "order {id} is {state}: the time of its end contradicts that",
    "verify_open_attempts": "attempt {id} is {state}, its order {order_id} is {order_state}",
    "verify_unattempted": "order {id} is {state} without an open attempt",
    "verify_placed": "order {id} is {state} without an attempt placed under its upstream ID",
    "verify_placed_attempts": "attempt {id} is placed as {upstream_order_id} at {provider}, its "
    "order {order_id} says otherwise",
    "verify_upstream_ids": "upstream order {upstream_order_id} of {provider} ({kind}) belongs to "
    "{orders} orders",
}


def verify(tx: Tx) -> list[str]:
    """A readable line for each violation; empty where all is well."""
    return [
        text.format(**{column: row[column] for column in row.keys()})  # noqa: SIM118 (no dict)
        for query, text in _CHECKS.items()
        for row in tx.all(query)
    ]
