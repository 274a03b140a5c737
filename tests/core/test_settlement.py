"""What one status answer makes of an order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import settlement
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Order, Policy, State
from aggregator.core.pacing import Pace
from aggregator.core.settlement import Note, Settlement, child, progress, settle
from tests.core.make import HOUR, MINUTE, NOW, dripfeed, order, says, subscription

POLICY = Policy()
P, C, PART, X = State.PLACED, State.COMPLETED, State.PARTIAL, State.CANCELED
PACKAGE = {"service_type": "Package", "units": 1, "quantity": 1}


def told(
    one: Order, reading: OrderStatus, at_ms: int = NOW, children: tuple[Order, ...] = ()
) -> Settlement:
    settled = settle(one, reading, at_ms, at_ms, POLICY, children)
    assert settled is not None
    return settled


def alerts(*settlements: Settlement) -> list[str]:
    return [note.kind for one in settlements for note in one.notes if note.alert]


def walk(one: Order, *readings: tuple[int, OrderStatus]) -> tuple[Order, list[str]]:
    """The order after answers at these times, and every alert on the way."""
    found: list[str] = []
    for at_ms, reading in readings:
        settled = told(one, reading, NOW + at_ms)
        one = settled.order
        found += alerts(settled)
    return one, found


@pytest.mark.parametrize(
    ("one", "reading", "state", "refunded"),
    [
        (order(), says("Pending", remains=1000), P, 0),
        (order(), says("Canceled", remains=0), X, 900_000),
        (order(), says("Cancelled"), X, 900_000),
        (order(), says("Completed", remains=50), C, 0),
        (order(), says("Partial", remains=157), PART, 141_300),
        (order(), says("Partial", remains=-157), PART, 0),
        (order(), says("Partial", remains=10**30), PART, 900_000),
        (order(remains=500), says("Partial"), P, 0),
        (order(), says("Paused"), P, 0),
        (order(), says("Failed"), P, 0),
        (order(), says("Refunded"), P, 0),
        (order(), says("Expired", remains=5), P, 0),
        (order(), says("7", remains=1000), P, 0),
        (order(**PACKAGE), says("Partial", "0.1"), PART, 720_000),
        (order(**PACKAGE), says("Partial", "9"), PART, 0),
        (order(**PACKAGE), says("Partial", remains=1), P, 0),
        (order(**PACKAGE), says("Partial", "-0.1"), P, 0),
        (order(**PACKAGE, upstream_cost_micros=None), says("Partial", "0.1"), P, 0),
        (dripfeed(), says("Partial", remains=500), PART, 450_000),
        (dripfeed(), says("Partial", runs=5), P, 0),
        (dripfeed(), says("Partial", posts=5), P, 0),
        (dripfeed(), says("Canceled", remains=500), X, 900_000),
        (subscription(), says("Active", posts=3), P, 0),
        (subscription(), says("Expired", posts=3), C, 630_000),
        (subscription(), says("Expired", posts=-3), C, 900_000),
        (subscription(), says("Expired"), P, 0),
        (subscription(), says("Completed"), C, 0),
        (subscription(), says("Completed", posts=10**30), C, 0),
        (subscription(), says("Partial", posts=9), PART, 90_000),
        (subscription(), says("Canceled", posts=1), X, 810_000),
    ],
)
def test_first_answer(one: Order, reading: OrderStatus, state: State, refunded: int) -> None:
    """An answer ends an order only if its cost is known, and sets the refund to what is missing."""
    settled = told(one, reading)
    assert (settled.order.state, settled.order.refunded_micros) == (state, refunded)
    assert settled.order.charge_micros == one.charge_micros
    assert (settled.order.ended_at_ms is None) == (state is P)


@pytest.mark.parametrize("state", sorted(set(State) - {P, C, PART, X}))
def test_only_what_was_placed(state: State) -> None:
    """A state without a placed order at the provider takes no answer, nor does one never named."""
    assert settle(order(state=state), says("Canceled"), NOW, NOW, POLICY) is None
    assert settle(order(upstream_order_id=None), says("Canceled"), NOW, NOW, POLICY) is None


def test_canceled_before_it_was_posted() -> None:
    """What was given back before it was ever posted is not given back again."""
    settled = told(order(state=X), says("Canceled"))
    assert settled.order.refunded_micros == 0
    assert not settled.notes


def test_figures() -> None:
    """An answer's figures are kept, clamped to what was bought; what it leaves out stays."""
    full = says("In progress", "0.25", remains=-5, start_count="12", runs=99, posts=-1, expiry="x")
    one = told(dripfeed(), full).order
    assert (one.word, one.remains, one.start_count) == ("in_progress", 0, "12")
    assert (one.runs_done, one.posts_done, one.expiry) == (10, 0, "x")
    assert one.upstream_charge_micros == 250_000
    after = told(one, says("Processing", "-1"), NOW + 1).order
    assert after == replace(
        one, word="processing", asked_at_ms=NOW + 1, next_check_at_ms=after.next_check_at_ms
    )


_COUNTS = st.none() | st.integers(-5, 2000)
_SAID = st.builds(
    says,
    st.sampled_from(["", "Pending", "In progress", "Paused", "Failed", "Completed", "what", "7"]),
    st.sampled_from([None, "0.1", "-1", "NaN"]),
    remains=_COUNTS,
    start_count=st.sampled_from([None, "", "12"]),
    runs=_COUNTS,
    posts=_COUNTS,
    expiry=st.sampled_from([None, "", "x"]),
)
_STOOD = st.builds(
    order,
    state=st.sampled_from([P, C, PART, X]),
    word=st.sampled_from([None, "pending", "failed"]),
    remains=st.none() | st.integers(0, 1000),
    start_count=st.sampled_from([None, "3"]),
    refunded_micros=st.sampled_from([0, 300_000, 900_000]),
    service_type=st.sampled_from(["Default", "Package", "Subscriptions"]),
    upstream_charge_micros=st.sampled_from([None, 5]),
    runs_done=st.sampled_from([None, 0]),
    asked_at_ms=st.sampled_from([None, NOW - HOUR, NOW, NOW + 1]),
    failed_since_ms=st.sampled_from([None, NOW - HOUR]),
    unreadable_since_ms=st.sampled_from([None, NOW - HOUR]),
)


_CHILD = {"parent_id": 7, "charge_micros": 0, "refunded_micros": 0, "share_micros": 90_000}


@given(
    _STOOD | _STOOD.map(lambda one: replace(one, **_CHILD)),
    _SAID,
    st.builds(Pace, st.sampled_from([0, 10**9]), st.booleans()),
)
def test_what_goes_on(one: Order, reading: OrderStatus, pace: Pace) -> None:
    """Of an order that goes on, the short way makes what the long one would."""
    going_on = progress(one, reading, NOW, NOW + 5, POLICY, pace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlement, "progress", lambda *_: None)
        settled = settle(one, reading, NOW, NOW + 5, POLICY, (), pace)
    if going_on is not None:
        assert settled == Settlement(replace(one, **going_on))
    if one.state is P and settled is not None and reading.word in ("Pending", "In progress"):
        assert going_on is not None


def test_stale() -> None:
    """An answer asked before the last one applied is dropped; asked at once with it, it is not."""
    one = told(order(), says("In progress")).order
    assert settle(one, says("Canceled"), NOW - 1, NOW + HOUR, POLICY) is None
    assert told(one, says("Canceled"), NOW).order.state is X


def test_failed() -> None:
    """Failed and Refunded settle like canceled once they have stayed so, and not before."""
    one, found = walk(order(), (0, says("Failed")), (HOUR - 1, says("Refunded")))
    assert (one.state, one.failed_since_ms) == (P, NOW)
    one, found = walk(one, (HOUR, says("Failed")))
    assert (one.state, one.refunded_micros, one.failed_since_ms) == (X, 900_000, None)
    assert found == []
    again, found = walk(one, (HOUR + 1, says("Failed")))
    assert (again.refunded_micros, again.failed_since_ms, found) == (900_000, None, [])


def test_failed_is_counted_by_questions() -> None:
    """The same answer applied again much later does not make a failure older."""
    one = told(order(), says("Failed")).order
    settled = settle(one, says("Failed"), NOW, NOW + 9 * HOUR, POLICY)
    assert settled is not None
    assert settled.order.state is P


@pytest.mark.parametrize("between", ["In progress", "who knows"])
def test_failed_starts_over(between: str) -> None:
    """A failure interrupted by anything else starts over."""
    one, _ = walk(order(), (0, says("Failed")), (MINUTE, says(between)), (HOUR, says("Failed")))
    assert (one.state, one.failed_since_ms) == (P, NOW + HOUR)


def test_unknown_word() -> None:
    """A word nobody knows leaves the last known one, and alerts when it begins and after a day."""
    answers = [(hour * HOUR, says("7")) for hour in (1, 2, 24, 25, 26, 50, 99)]
    one, found = walk(order(word="processing"), *answers)
    assert (one.state, one.word) == (P, "processing")
    assert found == ["unknown_status"] * 2
    one, found = walk(one, (100 * HOUR, says("Pending")), (101 * HOUR, says("8")))
    assert found == ["unknown_status"]


def test_unreadable_partial() -> None:
    """A Partial that cannot be priced is asked on, with one alert after 24 hours."""
    hours = [(hour * HOUR, says("Partial")) for hour in (0, 12, 23, 24, 24, 25, 48)]
    one, found = walk(order(), *hours)
    assert (one.state, one.refunded_micros) == (P, 0)
    assert one.next_check_at_ms is not None
    assert found == ["unreadable_end"]
    one, found = walk(one, (49 * HOUR, says("Partial", remains=10)))
    assert (one.state, one.refunded_micros, one.unreadable_since_ms) == (PART, 9_000, None)
    assert found == []


@pytest.mark.parametrize(
    ("end", "found"),
    [("Partial", []), ("Completed", ["unreadable_end"]), ("Canceled", ["moved_up"])],
)
def test_unreadable_after_the_end(end: str, found: list[str]) -> None:
    """An unreadable Partial is complained of only where it would have moved the order."""
    hours = [(hour * HOUR, says("Partial")) for hour in (1, 20, 30, 60)]
    one, heard = walk(order(), (0, says(end, remains=100)), *hours)
    assert heard == found
    assert (one.state is PART) == (end == "Partial")


def test_unreadable_package() -> None:
    """A package's Partial without its charge alerts at once, and once more after a day."""
    hours = [(hour * HOUR, says("Partial", remains=1)) for hour in (0, 1, 23, 24, 30)]
    one, found = walk(order(**PACKAGE), *hours)
    assert (one.state, one.refunded_micros) == (P, 0)
    assert found == ["unreadable_end"] * 2


@pytest.mark.parametrize(
    ("first", "then", "state", "refunded"),
    [
        (says("Completed"), says("Partial", remains=100), PART, 90_000),
        (says("Completed"), says("Canceled"), X, 900_000),
        (says("Partial", remains=100), says("Partial", remains=200), PART, 180_000),
        (says("Partial", remains=100), says("Partial"), PART, 90_000),
        (says("Partial", remains=100), says("Canceled"), X, 900_000),
        (says("Completed"), says("Partial"), C, 0),
    ],
)
def test_down(first: OrderStatus, then: OrderStatus, state: State, refunded: int) -> None:
    """An ended order that turns out to have cost less gives back the difference, once."""
    one, found = walk(order(), (0, first), (1, then), (2, then))
    assert (one.state, one.refunded_micros, one.ended_at_ms) == (state, refunded, NOW)
    assert found == []


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        (says("Canceled"), says("Completed"), "moved_up"),
        (says("Canceled"), says("Partial", remains=9), "moved_up"),
        (says("Canceled"), says("In progress"), "moved_up"),
        (says("Partial", remains=100), says("Completed", remains=0), "moved_up"),
        (says("Completed"), says("In progress", remains=999), "moved_up"),
        (says("Partial", remains=100), says("Partial", remains=50), "cost_moved_up"),
        (says("Completed"), says("what", remains=999), "unknown_status"),
    ],
)
def test_up(first: OrderStatus, then: OrderStatus, kind: str) -> None:
    """What moves up takes nothing back and keeps the state, and alerts once, not at every poll."""
    before, _ = walk(order(), (0, first))
    one, found = walk(before, (1, then), (2, then), (3, then))
    assert (one.state, one.refunded_micros) == (before.state, before.refunded_micros)
    assert found == [kind]


@pytest.mark.parametrize("end", ["Completed", "Partial"])
def test_failed_after_the_end(end: str) -> None:
    """An ended order's failure moves no money before it has stayed, whatever figures it names."""
    before, _ = walk(order(), (0, says(end, remains=100)))
    one, found = walk(before, (1, says("Failed", remains=900)), (HOUR, says("Failed", remains=900)))
    assert one.refunded_micros == before.refunded_micros
    assert one.next_check_at_ms is not None
    one, more = walk(one, (HOUR + 1, says("Failed")))
    assert (one.state, one.refunded_micros, found + more) == (X, 900_000, [])


def test_refund_by_hand() -> None:
    """A refund by hand is neither taken back nor complained about, and counts in the total."""
    one = order(refunded_micros=300_000)
    one, found = walk(one, (0, says("Completed")), (1, says("Partial", remains=100)))
    assert (one.refunded_micros, found) == (300_000, [])
    one, found = walk(one, (2, says("Canceled")))
    assert (one.refunded_micros, found) == (900_000, [])


def test_notes() -> None:
    """Ends and refunds are noted, once."""
    first = told(order(), says("Partial", remains=100))
    assert first.notes == (Note("ended", {"state": PART}), Note("refunded", {"micros": 90_000}))
    down = told(first.order, says("Canceled"), NOW + 1)
    assert down.notes == (Note("moved_down", {"state": X}), Note("refunded", {"micros": 810_000}))
    assert told(down.order, says("Canceled"), NOW + 2).notes == ()


def test_new_children() -> None:
    """Children are named once each, no more of them than were bought, and never of a child."""
    parent = dripfeed(runs=3, units=300)
    known = child(parent, "86", NOW)
    reading = says("Active", children=("86", "87", "87", "88", "89"))
    assert told(parent, reading, children=(known,)).new_children == ("87", "88")
    assert told(order(), reading).new_children == ()
    assert told(known, reading).new_children == ()
    assert told(parent, says("Active")).new_children == ()


def test_what_was_made_stays_made() -> None:
    """Posts told once are paid for, and an end with fewer of them alerts, once."""
    answers = (says("Active", posts=4), says("Active", posts=0), says("Canceled", posts=0))
    one, found = walk(subscription(), *enumerate((*answers, says("Canceled", posts=0))))
    kept, _ = walk(subscription(), (0, says("Canceled", posts=4)))
    assert (one.state, one.posts_done, found) == (X, 4, ["count_fell"])
    assert one.refunded_micros == kept.refunded_micros < one.charge_micros
    silent, found = walk(subscription(), *enumerate((answers[0], says("Canceled"))))
    assert (silent.refunded_micros, found) == (one.refunded_micros, [])


def test_runs_never_fall() -> None:
    """Runs told once stand, and an order that ends with fewer of them alerts."""
    answers = (says("Active", runs=4), says("Active", runs=2), says("Completed", runs=3))
    one, found = walk(dripfeed(), *enumerate(answers))
    assert (one.state, one.runs_done, found) == (C, 4, ["count_fell"])
