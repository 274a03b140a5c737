"""Settling drip-feeds and subscriptions together with their children, and what always holds."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.costs import cost
from aggregator.core.lifecycle import Word
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Order, Policy, State
from aggregator.core.settlement import child, recount, settle
from tests.core.make import HOUR, NOW, dripfeed, order, says, subscription

POLICY = Policy()
P, C, PART, X = State.PLACED, State.COMPLETED, State.PARTIAL, State.CANCELED


class Family:
    """A parent with its children, kept as the store keeps them."""

    def __init__(self, parent: Order) -> None:
        self.parent = parent
        self.children: dict[str, Order] = {}
        self.alerts: list[str] = []

    def tell(self, reading: OrderStatus, at_ms: int = 0) -> None:
        rows = tuple(self.children.values())
        settled = settle(self.parent, reading, NOW + at_ms, NOW + at_ms, POLICY, rows)
        if settled is None:
            return
        self.alerts += [note.kind for note in settled.notes if note.alert]
        self.parent = settled.order
        for name in settled.new_children:
            self.children[name] = child(self.parent, name, NOW + at_ms)

    def tell_child(self, name: str, reading: OrderStatus, at_ms: int = 0) -> None:
        settled = settle(self.children[name], reading, NOW + at_ms, NOW + at_ms, POLICY)
        if settled is None:
            return
        self.alerts += [note.kind for note in settled.notes if note.alert]
        self.children[name] = settled.order
        counted = recount(self.parent, tuple(self.children.values()))
        self.alerts += [note.kind for note in counted.notes if note.alert]
        self.parent = counted.order


def fed(*names: str) -> Family:
    family = Family(dripfeed())
    family.tell(says("Active", children=names))
    return family


def test_runs_give_back_what_they_did_not_deliver() -> None:
    """A run's cancel and a run's Partial are refunded to the parent while the rest runs on."""
    family = fed("1", "2")
    family.tell_child("1", says("Canceled"), 1)
    assert (family.parent.state, family.parent.refunded_micros) == (P, 90_000)
    family.tell_child("2", says("Partial", remains=30), 2)
    assert family.parent.refunded_micros == 117_000
    assert [row.refunded_micros for row in family.children.values()] == [0, 0]
    assert [cost(row) for row in family.children.values()] == [0, 63_000]


def test_a_canceled_parent_gives_back_the_runs_without_a_child() -> None:
    """A canceled drip-feed costs its runs so far, and less when one of them delivers less."""
    family = fed("1", "2", "3")
    family.tell(says("Canceled", remains=1000), 1)
    assert (family.parent.state, family.parent.refunded_micros) == (X, 630_000)
    family.tell_child("2", says("Canceled"), 2)
    family.tell_child("1", says("Completed"), 2)
    assert family.parent.refunded_micros == 720_000
    assert family.alerts == []


def test_a_child_named_after_the_cancel() -> None:
    """A run that appears after its parent's cancel is our loss: one alert, nothing debited."""
    family = fed("1")
    family.tell(says("Canceled"), 1)
    for at_ms in (2, 3, 4):
        family.tell(says("Canceled", children=("1", "2")), at_ms)
    assert family.parent.refunded_micros == 810_000
    assert list(family.children) == ["1", "2"]
    assert family.alerts == ["cost_moved_up"]


def test_a_partial_parent_needs_no_remains() -> None:
    """With children known, a Partial drip-feed is priced by them."""
    family = fed("1", "2")
    family.tell(says("Partial"), 1)
    assert (family.parent.state, family.parent.refunded_micros) == (PART, 720_000)


def test_a_child_whose_cost_moves_up() -> None:
    """A child that delivered more than it said alerts once, and its parent pays nothing again."""
    family = fed("1")
    for at_ms, remains in enumerate((50, 20, 20, 20)):
        family.tell_child("1", says("Partial", remains=remains), at_ms)
    assert family.parent.refunded_micros == 45_000
    assert family.alerts == ["cost_moved_up"]


def test_posts() -> None:
    """A subscription pays for its posts by what they were charged, and for no others at the end."""
    family = Family(subscription())
    family.tell(says("Active", posts=1, children=("1",)))
    family.tell_child("1", says("Completed", "0.025"), 1)
    assert family.parent.refunded_micros == 45_000
    family.tell(says("Completed", posts=2, children=("1", "2")), 2)
    assert (family.parent.state, family.parent.refunded_micros) == (C, 765_000)
    assert cost(family.children["1"]) == 45_000


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        (says("Partial", "0.025"), PART),
        (says("Partial", "0"), P),
        (says("Partial"), P),
        (says("Partial", remains=50), PART),
    ],
)
def test_a_partial_post(reading: OrderStatus, state: State) -> None:
    """A Partial post is priced by its charge, else by its remains, else not at all."""
    family = Family(subscription())
    family.tell(says("Active", children=("1",)))
    family.tell_child("1", reading, 1)
    assert family.children["1"].state is state
    assert family.parent.refunded_micros == (45_000 if state is PART else 0)


def test_recount_without_children() -> None:
    """A parent without children is settled by its own answers only."""
    parent = dripfeed(state=X)
    assert recount(parent, ()).order == parent


words = st.sampled_from([*(word.value for word in Word), "In progress", "?", ""])
numbers = st.none() | st.integers(-100, 1_100) | st.just(10**30)
charges = st.none() | st.decimals("-1", "2", places=4)
readings = st.builds(
    OrderStatus,
    words,
    charges,
    remains=numbers,
    posts=numbers,
    runs=numbers,
    children=st.none() | st.lists(st.sampled_from("123456"), max_size=6).map(tuple),
)
times = st.integers(0, 3 * HOUR)
parents = st.sampled_from(
    [
        order(),
        order(service_type="Package", units=1, quantity=1),
        order(charge_micros=10, units=7),
        order(state=X, charge_micros=900_000),
        order(refunded_micros=100_000),
        dripfeed(),
        dripfeed(runs=7, units=700, charge_micros=1_000_010),
        subscription(),
    ]
)


@given(parents, st.lists(st.tuples(times, st.sampled_from("p123456"), readings), max_size=25))
def test_any_answers(parent: Order, told: list[tuple[int, str, OrderStatus]]) -> None:
    """Whatever is told, in any order, refunds never fall, never exceed the charge, and are set-to.

    A stale answer changes nothing, nor does an answer that comes a second time.
    """
    family = Family(parent)
    for at_ms, whom, reading in told:
        before = family.parent
        family_before = dict(family.children)
        if whom == "p":
            stale = before.asked_at_ms is not None and NOW + at_ms < before.asked_at_ms
            family.tell(reading, at_ms)
            if stale:
                assert (family.parent, family.children) == (before, family_before)
            once, heard = family.parent, list(family.alerts)
            family.tell(reading, at_ms)
            assert (family.parent, family.alerts) == (once, heard)
        elif whom in family.children:
            family.tell_child(whom, reading, at_ms)
            once, heard = family.parent, list(family.alerts)
            family.tell_child(whom, reading, at_ms)
            assert (family.parent, family.alerts) == (once, heard)
        after, rows = family.parent, tuple(family.children.values())
        assert before.refunded_micros <= after.refunded_micros <= after.charge_micros
        if parent.state is P:
            assert after.net_charge_micros <= cost(after, rows)
        assert sum(row.share_micros for row in rows) <= after.charge_micros
        assert sum(cost(row) for row in rows) <= after.charge_micros
        assert all(row.refunded_micros == row.charge_micros == 0 for row in rows)
        if after.state is X and not rows and parent.state is P and not after.posts_done:
            assert after.net_charge_micros == 0


HONEST = [
    says("Pending", remains=1000),
    says("In progress", remains=600),
    says("Completed", remains=0),
    says("Partial", remains=100),
    says("Partial", remains=250),
    says("Canceled", remains=250),
]


@pytest.mark.parametrize("last", range(1, len(HONEST) + 1))
def test_the_order_of_arrival_makes_no_difference(last: int) -> None:
    """Answers of a provider that takes nothing back lead to the same order however they arrive."""
    found = set()
    for arrival in permutations(range(last)):
        one = order()
        for at_ms in (*arrival, *arrival):
            settled = settle(one, HONEST[at_ms], NOW + at_ms, NOW + HOUR, POLICY)
            one = one if settled is None else settled.order
        found.add((one.state, one.refunded_micros, one.remains, one.asked_at_ms, one.word))
    assert len(found) == 1


@given(st.lists(st.tuples(times, readings), max_size=10), st.sampled_from(["Canceled", "Failed"]))
def test_it_converges(told: list[tuple[int, OrderStatus]], last: str) -> None:
    """Once the provider keeps to one last word, the whole charge is back, whatever came before."""
    family = Family(order())
    for at_ms, reading in told:
        family.tell(reading, at_ms)
    for hours in (4, 5, 6):
        family.tell(says(last), hours * HOUR)
    assert family.parent.state is X
    assert family.parent.net_charge_micros == 0
    settled = replace(family.parent)
    family.alerts = []
    family.tell(says(last), 7 * HOUR)
    assert family.parent.refunded_micros == settled.refunded_micros
    assert family.alerts == []
