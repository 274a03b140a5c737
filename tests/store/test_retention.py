"""Forgetting, on every store."""

from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind, Purchase
from aggregator.core.outcome import Rejected
from aggregator.core.retention import Rule
from aggregator.ports import Opened, Remembered
from aggregator.store import attempts, events, lists, orders
from aggregator.store.retention import AT_ONCE, forget
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from tests.store.builders import CHARGE, NOW, closing, draft, placed, request, reseller

LINK = "https://example.org/p/1"
PARAMS = {"link": LINK, "quantity": "1000", "comments": "lovely\nwow"}


def sell(tx: Tx, shop: int, ended_at_ms: int | None, **changes: object) -> int:
    """An order that was refused somewhere, or one that is open."""
    purchase = Purchase(Kind.NORMAL, 1000, 1000, PARAMS)
    opened = orders.open_order(tx, draft(shop, purchase=purchase, **changes))
    assert isinstance(opened, Opened)
    if ended_at_ms is None:
        attempts.close_attempt(tx, placed(opened.order_id, opened.attempt_id, "1"))
    else:
        refused = Rejected(ErrorClass.LINK, f"bad link {LINK}")
        told = closing(
            opened.order_id, opened.attempt_id, refused, now_ms=ended_at_ms, error="Incorrect link"
        )
        attempts.close_attempt(tx, told)
    return opened.order_id


def test_each_rule_its_own(tx: Tx) -> None:
    """Of orders that ended before, a rule drops what it is about; other orders keep all."""
    shop = reseller(tx, micros=10 * CHARGE)
    old, young, running = (sell(tx, shop, end) for end in (NOW + 5, NOW + 10, None))
    assert forget(tx, Rule.LINKS, NOW + 10) == 1
    assert dict(orders.get(tx, old).params) == {"quantity": "1000", "comments": PARAMS["comments"]}
    found = lists.listed(tx, lists.OrderFilter(link=LINK))
    assert [row["id"] for row in found] == [running, young]
    assert forget(tx, Rule.COMMENTS, NOW + 10) == 1
    assert dict(orders.get(tx, old).params) == {"quantity": "1000"}
    assert [one.kind for one in lists.story(tx, old).events] == [events.OPENED]
    assert forget(tx, Rule.EVENTS, NOW + 10) == 1
    story = lists.story(tx, old)
    assert (story.events, story.attempts[0].cause) == ([], None)
    for one in (young, running):
        assert dict(orders.get(tx, one).params) == PARAMS
        assert lists.story(tx, one).events
    assert verify(tx) == []


def test_nothing_is_seen_to_twice(tx: Tx) -> None:
    """Pieces go on where the last one ended, also among orders of one moment, and what
    ends later has its turn later."""
    shop = reseller(tx, micros=1000 * CHARGE)
    for _ in range(AT_ONCE + 3):
        sell(tx, shop, NOW + 5)
    before_ms = NOW + 100
    assert [forget(tx, Rule.LINKS, before_ms) for _ in range(3)] == [AT_ONCE, 3, 0]
    late = sell(tx, shop, NOW + 100)
    assert forget(tx, Rule.LINKS, NOW + 101) == 1
    assert "link" not in orders.get(tx, late).params
    left = tx.one("SELECT count(*) AS orders FROM orders WHERE link IS NOT NULL")
    assert left is not None
    assert left["orders"] == 0


def test_a_repeat_is_still_known(tx: Tx) -> None:
    """What an order was is forgotten, but not that its request ID has bought it."""
    shop = reseller(tx, micros=10 * CHARGE)
    order_id = sell(tx, shop, NOW + 5, request=request())
    for rule in Rule:
        assert forget(tx, rule, NOW + 10) == 1
    again = orders.open_order(tx, draft(shop, request=request()))
    assert isinstance(again, Remembered)
    assert again.order_id == order_id
    assert again.fingerprint == request().fingerprint
