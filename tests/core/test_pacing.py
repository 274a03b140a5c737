"""When an order is asked after again, and how long a silent provider is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Policy, Refill, State
from aggregator.core.pacing import (
    AHEAD_MS,
    LATEST_MS,
    SOONEST_MS,
    Pace,
    Rest,
    gap_s,
    is_fresh,
    learned,
    next_check,
    next_refill_check,
    took_ms,
)
from tests.core.make import HOUR, MINUTE, NOW, dripfeed, order, says

POLICY = Policy()
C = State.COMPLETED
AGES = st.integers(0, 10_000 * HOUR)
PACES = st.builds(Pace, st.integers(0, 1_000 * HOUR), st.booleans())


def wait_ms(age_ms: int, pace: Pace = Pace()) -> int:  # noqa: B008 - frozen
    due_ms = next_check(order(), NOW + age_ms, POLICY, pace)
    assert due_ms is not None
    return due_ms - NOW - age_ms


@pytest.mark.parametrize(
    ("age_ms", "expected_ms"),
    [
        (0, SOONEST_MS),
        (MINUTE, SOONEST_MS),
        (10 * MINUTE, 75_000),
        (HOUR, 450_000),
        (24 * HOUR, LATEST_MS),
        (960 * HOUR, 10 * HOUR),
    ],
)
def test_waits_grow_with_age(age_ms: int, expected_ms: int) -> None:
    """Soon and often while young, ever more rarely, and never not at all."""
    assert wait_ms(age_ms) == expected_ms


@given(AGES, PACES)
def test_a_wait_is_bounded(age_ms: int, pace: Pace) -> None:
    """No order is asked after so soon that it could come along with its own batch again,
    and none is forgotten."""
    most_ms = max(LATEST_MS, age_ms // 96)
    assert AHEAD_MS < SOONEST_MS <= wait_ms(age_ms, pace) <= most_ms


@given(AGES, PACES)
def test_what_is_wanted_comes_sooner(age_ms: int, pace: Pace) -> None:
    """A reseller's question never puts the next one off."""
    wanted, unwanted = Pace(pace.typical_ms, wanted=True), Pace(pace.typical_ms)
    assert wait_ms(age_ms, wanted) <= wait_ms(age_ms, unwanted)


def test_a_slow_service_is_asked_after_more_rarely() -> None:
    """An order whose like take a day has no news after a minute."""
    assert wait_ms(MINUTE, Pace(8 * HOUR)) == 15 * MINUTE
    assert wait_ms(MINUTE, Pace(8 * HOUR, wanted=True)) == 450_000
    assert wait_ms(0, Pace(999 * HOUR)) == LATEST_MS


@pytest.mark.parametrize(
    ("hours", "failing", "due"),
    [(0, False, 6), (66, False, 72), (67, False, None), (67, True, 73), (90, True, 96)],
)
def test_next_check_of_an_ended_order(hours: int, failing: bool, due: int | None) -> None:
    """An ended order is watched sparsely for 72 hours, and on while it is said to have failed."""
    one = order(state=C, ended_at_ms=NOW, failed_since_ms=NOW if failing else None)
    expected = None if due is None else NOW + due * HOUR
    assert next_check(one, NOW + hours * HOUR, POLICY) == expected


@pytest.mark.parametrize(
    ("one", "word", "expected_ms"),
    [
        (order(), "Completed", HOUR),
        (order(), "Partial", HOUR),
        (order(), "Processing", None),
        (order(), "Canceled", None),
        (order(), "what?", None),
        (order(state=C), "Completed", None),
        (order(parent_id=5), "Completed", None),
        (dripfeed(), "Completed", None),
        (order(created_at_ms=NOW + 2 * HOUR), "Completed", 0),
    ],
)
def test_how_long_an_order_took(one: object, word: str, expected_ms: int | None) -> None:
    """Only a delivery tells, of an order that was one piece."""
    assert took_ms(one, says(word), NOW + HOUR) == expected_ms  # type: ignore[arg-type]


def test_a_service_s_duration_is_learned() -> None:
    """The first order sets it, later ones move it a little."""
    assert learned(0, HOUR) == HOUR
    assert learned(HOUR, 9 * HOUR) == 2 * HOUR
    assert HOUR < learned(2 * HOUR, 0) < 2 * HOUR


def test_a_young_answer_is_fresh() -> None:
    """Within ``status_ttl``; with 0s nothing is."""
    assert is_fresh(NOW, NOW + 29_999, POLICY)
    assert not is_fresh(NOW, NOW + 30_000, POLICY)
    assert not is_fresh(None, NOW, POLICY)
    assert not is_fresh(NOW, NOW, Policy(status_ttl_s=0))


def test_a_silent_provider_rests_ever_longer() -> None:
    """Up to a minute; one word of his ends it."""
    rest, now_ms, waits = Rest(), NOW, []
    for _ in range(9):
        rest = rest.after(now_ms, spoke=False)
        waits.append(rest.until_ms - now_ms)
        now_ms = rest.until_ms
    assert waits == [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 60_000, 60_000]
    assert rest.after(now_ms, spoke=True) == Rest()


def test_questions_lost_together_are_one_silence() -> None:
    """What had been asked before the rest began says nothing new."""
    rest = Rest().after(NOW, spoke=False)
    assert rest.after(NOW + 999, spoke=False) == rest


def test_the_poller_takes_a_share_of_the_rate() -> None:
    """Half of it, and never more than ten batches a second."""
    assert gap_s(None) == gap_s(60_000) == 0.1
    assert gap_s(120) == 1.0
    assert gap_s(1) == 120.0


@pytest.mark.parametrize(
    ("status", "wanted", "expected_ms"),
    [
        ("Pending", False, 450_000),
        ("Pending", True, 225_000),
        ("Completed", False, None),
        ("Rejected", True, None),
    ],
)
def test_next_check_of_a_refill(status: str, wanted: bool, expected_ms: int | None) -> None:
    """Paced like an order, and never asked after again once it has ended."""
    refill = Refill(1, 1, 7, "gulf", "f1", "Pending", NOW)
    due_ms = None if expected_ms is None else NOW + HOUR + expected_ms
    assert next_refill_check(refill, status, NOW + HOUR, wanted=wanted) == due_ms
