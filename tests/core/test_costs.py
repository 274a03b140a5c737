"""What an order costs in the end, by what was delivered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.costs import child, cost
from aggregator.core.lifecycle import ENDED
from aggregator.core.model import Kind, Order, State
from tests.core.make import NOW, dripfeed, order, subscription

WHOLE = 900_000
PACKAGE = {"service_type": "Package", "units": 1, "quantity": 1}
P, C, PART, X = State.PLACED, State.COMPLETED, State.PARTIAL, State.CANCELED


@pytest.mark.parametrize(
    ("one", "costs"),
    [
        (order(), WHOLE),
        (order(state=State.IN_DOUBT), WHOLE),
        (order(remains=400), WHOLE),
        (order(state=C, remains=400), WHOLE),
        (order(state=X, remains=0), 0),
        (order(state=State.REJECTED), 0),
        (order(state=PART, remains=400), 540_000),
        (order(state=PART, remains=1000), 0),
        (order(state=PART, remains=0), WHOLE),
        (order(state=PART), WHOLE),
        (order(state=PART, remains=1, units=7), 771_430),
        (order(**PACKAGE, state=PART, upstream_charge_micros=100_000), 180_000),
        (order(**PACKAGE, state=PART, upstream_charge_micros=900_000), WHOLE),
        (order(**PACKAGE, state=PART, upstream_charge_micros=0), 0),
        (order(**PACKAGE, state=PART), WHOLE),
        (order(**PACKAGE, state=PART, upstream_charge_micros=1, upstream_cost_micros=0), WHOLE),
        (order(**PACKAGE, state=C, upstream_charge_micros=1), WHOLE),
        (dripfeed(state=X, remains=500), 0),
        (dripfeed(state=C, remains=500), WHOLE),
        (dripfeed(state=PART, remains=500), 450_000),
        (subscription(posts_done=3), WHOLE),
        (subscription(state=C), WHOLE),
        (subscription(state=C, posts_done=3), 270_000),
        (subscription(state=X, posts_done=3), 270_000),
        (subscription(state=X), 0),
        (subscription(state=PART, remains=300), 630_000),
    ],
)
def test_cost(one: Order, costs: int) -> None:
    """Canceled costs nothing, Partial its delivered share, anything else the whole charge."""
    assert cost(one) == costs


def of(parent: Order, state: State, upstream_id: str = "1", **changes: object) -> Order:
    return replace(child(parent, upstream_id, NOW), state=state, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "children", "unregistered", "runs"),
    [
        (P, [], 2, 10),
        (P, [(P, None)], 0, 10),
        (P, [(X, None)], 0, 9),
        (P, [(X, None), (PART, 50)], 1, 8.5),
        (C, [(C, None)] * 3, 0, 10),
        (C, [(X, None), (C, None)], 0, 9),
        (X, [(C, None), (P, None)], 1, 3),
        (X, [(X, None)] * 3, 0, 0),
        (PART, [(C, None), (PART, 100), (PART, 25)], 0, 1.75),
        (C, [(C, None)] * 10, 3, 10),
    ],
)
def test_cost_over_runs(
    state: State, children: list[tuple[State, int | None]], unregistered: int, runs: float
) -> None:
    """A drip-feed costs what its runs delivered; those to come count until it is ended.

    A completed one is believed to have made them all, a canceled one gives them back.
    """
    parent = dripfeed(state=state)
    rows = [of(parent, now, remains=remains) for now, remains in children]
    assert cost(parent, rows, unregistered) == runs * 90_000


@pytest.mark.parametrize(
    ("state", "children", "posts"),
    [
        (P, [(C, 25_000, None)], 9.5),
        (C, [(C, 25_000, None), (C, None, None)], 1.5),
        (C, [(C, 0, None)], 1),
        (C, [(C, 99_000, None)], 1),
        (C, [(PART, 10_000, 50)], 0.2),
        (C, [(PART, None, 50)], 0.5),
        (C, [(X, 25_000, None)], 0),
        (X, [(P, 25_000, None)], 1),
    ],
)
def test_cost_over_posts(
    state: State, children: list[tuple[State, int | None, int | None]], posts: float
) -> None:
    """A subscription costs what its posts delivered, whose size their own charge tells.

    A post charged at nothing counts in full: their parent order may have paid, too.
    """
    parent = subscription(state=state, posts_done=7)
    rows = [
        of(parent, now, upstream_charge_micros=charge, remains=remains)
        for now, charge, remains in children
    ]
    assert cost(parent, rows) == posts * 90_000


def test_post_without_a_known_cost() -> None:
    """Where nobody knows what they should have charged, a post counts in full."""
    parent = subscription(state=C, upstream_cost_micros=None)
    rows = [of(parent, C, upstream_charge_micros=1)]
    assert rows[0].upstream_cost_micros is None
    assert cost(parent, rows) == 90_000


def test_child() -> None:
    """A child is a placed order of its own that costs nothing beyond its parent's charge."""
    parent = dripfeed(id=5, needs_person=True, remains=1, refunded_micros=7, params={"link": "x"})
    row = child(parent, "77", NOW + 1)
    assert (row.id, row.parent_id, row.kind, row.state) == (0, 5, Kind.NORMAL, State.PLACED)
    assert (row.quantity, row.units, row.upstream_order_id) == (100, 100, "77")
    assert (row.charge_micros, row.refunded_micros, row.share_micros) == (0, 0, 90_000)
    assert (row.upstream_cost_micros, row.provider) == (50_000, "gulf")
    assert (row.created_at_ms, row.next_check_at_ms) == (NOW + 1, NOW + 1)
    assert row.remains is row.asked_at_ms is row.ended_at_ms is row.runs is None
    assert not row.needs_person


states = st.sampled_from([P, C, PART, X])
pieces = st.integers(1, 12)


@given(st.data(), st.sampled_from([dripfeed, subscription]), pieces, st.integers(0, 10**9), states)
def test_children_never_exceed_the_parent(
    data: st.DataObject, make: type[Order], runs: int, steps: int, state: State
) -> None:
    """The children's shares and the parent's cost never exceed what the reseller was charged."""
    charge = steps * 10
    parent = make(runs=runs, units=100 * runs, charge_micros=charge, state=state)
    rows = [
        of(
            parent,
            data.draw(states),
            remains=data.draw(st.none() | st.integers(0, 100)),
            upstream_charge_micros=data.draw(st.none() | st.integers(0, 200_000)),
        )
        for _ in range(data.draw(st.integers(0, runs)))
    ]
    assert sum(row.share_micros for row in rows) <= charge
    assert all(0 <= cost(row) <= row.share_micros for row in rows)
    assert 0 <= cost(parent, rows) <= charge
    assert cost(parent, rows) % 10 == 0


@given(pieces, st.integers(0, 10**9), st.sampled_from(sorted(ENDED - {State.COMPLETED})))
def test_nothing_delivered_costs_nothing(runs: int, steps: int, state: State) -> None:
    """When every child was canceled, the whole charge comes back, whatever the roundings."""
    parent = dripfeed(runs=runs, units=100 * runs, charge_micros=steps * 10, state=state)
    assert cost(parent, [of(parent, X)] * runs) == 0
