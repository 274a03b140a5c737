"""Small things to put into a store: resellers with money, drafts, outcomes' closings."""

from dataclasses import replace
from typing import Any

from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Policy, Purchase
from aggregator.core.outcome import Outcome, Placed
from aggregator.ports import AttemptDraft, Closing, Opened, OrderDraft, Reading, RequestId
from aggregator.store import open_store, resellers
from aggregator.store.tx import Tx

POLICY = Policy()
NOW = 1_700_000_000_000
HOUR = 3_600_000
CHARGE = 250_000


def reseller(tx: Tx, name: str = "shop", micros: int = 0) -> int:
    """A reseller with money; his ID."""
    resellers.add(tx, name, NOW)
    if micros:
        resellers.credit(tx, name, micros, "first money", NOW)
    return resellers.get(tx, name).id


def attempt(provider: str = "gulf", **changes: Any) -> AttemptDraft:
    made = AttemptDraft(provider, "4021", Kind.NORMAL, "boot-1", cost_micros=200_000)
    return replace(made, **changes)


def draft(reseller_id: int, **changes: Any) -> OrderDraft:
    """An order of 1000 units for CHARGE, sent to ``gulf`` first."""
    purchase = Purchase(
        Kind.NORMAL, 1000, 1000, {"link": "https://example.org/p/1", "quantity": "1000"}
    )
    made = OrderDraft(
        reseller_id=reseller_id,
        service_id=1,
        service_type="Default",
        purchase=purchase,
        rate_micros=CHARGE,
        charge_micros=CHARGE,
        config_revision="r1",
        now_ms=NOW,
        first=attempt(),
        explanation="gulf: chosen",
    )
    return replace(made, **changes)


def dripfeed(reseller_id: int, runs: int = 4, **changes: Any) -> OrderDraft:
    """``runs`` runs of 250 units each."""
    params = {"link": "https://example.org/p/2", "quantity": "250", "runs": str(runs)}
    purchase = Purchase(Kind.DRIPFEED, 250, 250 * runs, params, runs, 10)
    first = attempt(kind=Kind.DRIPFEED)
    return draft(reseller_id, **{"purchase": purchase, "first": first} | changes)


def queued(reseller_id: int, **changes: Any) -> OrderDraft:
    return draft(reseller_id, **{"first": None, "queued_until_ms": NOW + HOUR} | changes)


def request(text: str = "req-1", fingerprint: str = "f") -> RequestId:
    return RequestId(text, fingerprint)


def closing(order_id: int, attempt_id: int | None, outcome: Outcome, **changes: Any) -> Closing:
    assert attempt_id is not None
    return replace(Closing(order_id, attempt_id, outcome, NOW + 1_000), **changes)


def placed(order_id: int, attempt_id: int | None, upstream_order_id: str) -> Closing:
    return closing(order_id, attempt_id, Placed(upstream_order_id))


def reading(order_id: int, word: str, asked_at_ms: int = NOW + HOUR, **told: Any) -> Reading:
    return Reading(order_id, OrderStatus(word, **told), asked_at_ms)


async def first_id(database: str, first_order_id: int) -> int:
    """The ID of an order bought in a database opened with that first ID."""
    store = await open_store(database, replace(POLICY, first_order_id=first_order_id))
    name = f"reseller {first_order_id}"
    seller = await store.write(lambda tx: reseller(tx, name, CHARGE))
    made = await store.open_order(draft(seller))
    assert isinstance(made, Opened)
    await store.close()
    return made.order_id
