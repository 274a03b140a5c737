"""Decisions about doubts, on every kind of database: guarded, with their money, told."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from aggregator.core.messages import OrderStatus
from aggregator.core.model import AttemptState, Kind, State
from aggregator.core.outcome import InDoubt, Placed
from aggregator.ports import Opened
from aggregator.store import attempts, doubts, lists, orders, restores
from aggregator.store.doubts import Unproved
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from tests.store.builders import CHARGE, HOUR, NOW, attempt, closing, draft, placed, reseller

WHY = "because"


@pytest.fixture
def shop(tx: Tx) -> Iterator[int]:
    yield reseller(tx, micros=100 * CHARGE)
    assert verify(tx) == []


def opened(tx: Tx, shop: int) -> Opened:
    first = replace(attempt(), low_anchor=99, idempotency_key="id=boot-1")
    made = orders.open_order(tx, draft(shop, first=first))
    assert isinstance(made, Opened)
    return made


def sold(tx: Tx, shop: int, upstream_id: str) -> None:
    made = opened(tx, shop)
    attempts.close_attempt(tx, placed(made.order_id, made.attempt_id, upstream_id))


def doubt(tx: Tx, shop: int) -> Unproved:
    made = opened(tx, shop)
    attempts.close_attempt(tx, closing(made.order_id, made.attempt_id, InDoubt("cut")))
    return doubts.unproved(tx, NOW)[-1]


def state(tx: Tx, one: Unproved) -> State:
    return orders.get(tx, one.order.id).state


def test_a_doubt_remembers_what_it_was_sent_with(tx: Tx, shop: int) -> None:
    """Its low anchor and its key are those of transaction 1."""
    one = doubt(tx, shop)
    assert (one.low_anchor, one.idempotency_key) == (99, "id=boot-1")
    assert one.state is AttemptState.IN_DOUBT


def test_only_the_first_decision_counts(tx: Tx, shop: int) -> None:
    """Whoever comes second changes nothing."""
    one = doubt(tx, shop)
    assert doubts.adopt(tx, one.attempt_id, one.order.id, "101", WHY, NOW)
    assert not doubts.adopt(tx, one.attempt_id, one.order.id, "102", WHY, NOW)
    assert not doubts.not_placed(tx, one.attempt_id, one.order.id, WHY, None, NOW)
    assert not doubts.refund(tx, one.attempt_id, one.order.id, WHY, NOW)
    assert not doubts.needs_person(tx, one.order.id, WHY, ["101"], NOW)
    assert state(tx, one) is State.PLACED


def test_an_id_that_is_ours_is_not_adopted(tx: Tx, shop: int) -> None:
    """An upstream order belongs to one order of ours."""
    sold(tx, shop, "101")
    one = doubt(tx, shop)
    assert not doubts.adopt(tx, one.attempt_id, one.order.id, "101", WHY, NOW)
    assert state(tx, one) is State.IN_DOUBT


def test_not_placed_may_be_placed_elsewhere(tx: Tx, shop: int) -> None:
    """Queued, with its hold kept; and watched either way."""
    one, other = doubt(tx, shop), doubt(tx, shop)
    assert doubts.not_placed(tx, one.attempt_id, one.order.id, WHY, NOW + HOUR, NOW)
    assert doubts.refund(tx, other.attempt_id, other.order.id, WHY, NOW)
    assert (state(tx, one), state(tx, other)) == (State.QUEUED, State.CANCELED)
    found = doubts.unproved(tx, NOW)
    assert [each.state for each in found] == [AttemptState.NOT_PLACED] * 2
    assert doubts.unproved(tx, NOW + 1) == []


def test_a_late_yes_is_mapped_and_closed_once(tx: Tx, shop: int) -> None:
    """Its ID is ours from then on, its cost is our loss, and nobody pays twice."""
    one = doubt(tx, shop)
    doubts.refund(tx, one.attempt_id, one.order.id, WHY, NOW)
    named = closing(one.order.id, one.attempt_id, Placed("101"), now_ms=NOW + 1)
    assert not attempts.close_attempt(tx, named).won
    (late,) = doubts.unproved(tx, NOW)
    assert (late.upstream_order_id, late.told) == ("101", False)
    assert doubts.close_late(tx, late, False, 5, NOW + 2)
    assert not doubts.close_late(tx, late, False, 5, NOW + 3)
    assert doubts.unproved(tx, NOW)[0].told
    story = lists.story(tx, one.order.id)
    assert [moved.kind for moved in story.transfers].count("loss") == 1


def test_mapped_ids_are_numbers(tx: Tx, shop: int) -> None:
    """From 999 to 1000 they grow by a digit, and text that is no number is left out."""
    for upstream_id in ("98", "999", "1000", "1005", "10001", "a999"):
        sold(tx, shop, upstream_id)
    found = doubts.mapped(tx, "gulf", [Kind.NORMAL], [(99, 1002), (10001, 10001)])
    assert found == {999, 1000, 10001}


def test_the_past_of_a_provider(tx: Tx, shop: int) -> None:
    """Adds that were answered, the first IDs, and nothing that is in doubt."""
    sold(tx, shop, "101")
    one = doubt(tx, shop)
    sold(tx, shop, "103")
    past = doubts.past(tx, "gulf", one.attempt_id, 0, 10, 10)
    assert [row["upstream_order_id"] for row in past.adds] == ["101", "103"]
    assert past.first_ids == [(Kind.NORMAL, "101"), (Kind.NORMAL, "103")]
    answered = doubts.answered(tx, ["gulf"], 10, lambda _, kind: kind)
    assert {where: ids.anchor for where, ids in answered.items()} == {("gulf", Kind.NORMAL): 101}


def test_not_exclusive_until_the_word_is_taken_back(tx: Tx, shop: int) -> None:
    """The database remembers that somebody else orders there."""
    doubts.not_exclusive(tx, "gulf", ["7"])
    assert doubts.past(tx, "gulf", None, 0, 1, 1).not_exclusive
    doubts.exclusive_again(tx, ["gulf"])
    assert not doubts.past(tx, "gulf", None, 0, 1, 1).not_exclusive


def test_finds_count_as_ours(tx: Tx, shop: int) -> None:
    """What was found after a restore is no orphan that a later doubt might be."""
    sold(tx, shop, "101")
    found = {102: OrderStatus("In progress", Decimal("0.2"), remains=7)}
    assert restores.found(tx, "gulf", Kind.NORMAL, found, NOW) == 1
    assert restores.found(tx, "gulf", Kind.NORMAL, found, NOW) == 0
    assert doubts.mapped(tx, "gulf", [Kind.NORMAL], [(90, 110)]) == {101, 102}
    assert [row["upstream_order_id"] for row in restores.foundlings(tx)] == ["102"]
