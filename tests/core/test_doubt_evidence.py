"""What an account's past proves, and what placing must know of doubts."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import evidence
from aggregator.core.evidence import PROOF_ADDS, PROOF_CHARGES
from aggregator.core.incident import Fingerprint, OwnAdd
from aggregator.core.model import Kind
from aggregator.core.rivals import Admission, Caution, is_rival
from tests.core.doubts import HABITS, LIKE_IT, UNIT, UNLIKE_IT, flying, own, panel
from tests.core.make import HOUR, MINUTE, NOW

RISING = [own(n, NOW + n * MINUTE) for n in range(1, PROOF_ADDS + 1)]


@pytest.mark.parametrize(
    ("text", "number"),
    [("123", 123), ("1", 1), ("0", None), ("0123", None), ("5f3a", None), ("", None), ("٣", None)],
)
def test_number(text: str, number: int | None) -> None:
    """An ID counts as a number only if it is written as one, and one way only."""
    assert evidence.number(text) == number


def test_rose() -> None:
    """Fifty adds that rose strictly are proof, whatever came before them."""
    assert evidence.rose(RISING)
    assert evidence.rose([own(900, NOW), *RISING])


@pytest.mark.parametrize(
    "adds",
    [
        [],
        RISING[1:],
        [*RISING, own(49, NOW + HOUR)],
        [*RISING, own(50, NOW + HOUR)],
        [*RISING, own(None, NOW + HOUR)],
    ],
)
def test_did_not_rise(adds: list[OwnAdd]) -> None:
    """Too few adds, a fall, a repetition or an ID that is no number is no proof."""
    assert not evidence.rose(adds)


def test_adds_that_overlap_prove_nothing() -> None:
    """Two adds on their way together may be numbered either way round."""
    late = own(51, NOW + HOUR, answered_at_ms=NOW + HOUR + 30_000)
    assert evidence.rose([*RISING, late, own(40, NOW + HOUR + 10_000)])


def test_pace() -> None:
    """The panel's pace is what our IDs rose by in the time between them."""
    assert evidence.pace_per_hour([]) == 0
    assert evidence.pace_per_hour([own(5, NOW), flying(NOW + 1)]) == 0
    assert evidence.pace_per_hour([own(5, NOW), own(205, NOW + HOUR // 2)]) == 400
    assert evidence.pace_per_hour([own(5, NOW), own(4, NOW + HOUR)]) == 0
    assert evidence.pace_per_hour([own(4, NOW), own(5, NOW)]) == HOUR


@pytest.mark.parametrize(
    ("off", "step"),
    [(0, 1), (1, 1), (2, 10), (10, 10), (99, 100), (10_000, 10_000), (10_001, None)],
)
def test_step(off: int, step: int | None) -> None:
    """The rounding learned is the finest that explains every charge shown."""
    charges = [(UNIT, UNIT)] * (PROOF_CHARGES - 1)
    assert evidence.step([*charges, (UNIT, UNIT - off)]) == step
    assert evidence.step([*charges, (UNIT, UNIT + off)]) == step


def test_too_few_charges_prove_nothing() -> None:
    """Nine charges as expected are not enough to go by."""
    assert evidence.step([(UNIT, UNIT)] * (PROOF_CHARGES - 1)) is None


@pytest.mark.parametrize(
    ("changes", "habits", "missing"),
    [
        ({}, {}, ""),
        ({"probe": False}, {}, "turned off"),
        ({"exclusive_account": False}, {}, "not declared exclusive"),
        ({}, {"rose": False}, "rise"),
        ({}, {"first_own": None}, "rise"),
        ({}, {"batch": 2}, "many orders at once"),
        ({}, {"errs_each": False}, "error each"),
        ({}, {"charge_shown": False}, "charges"),
    ],
)
def test_missing(changes: dict[str, object], habits: dict[str, object], missing: str) -> None:
    """Each precondition of the bracket is named when it does not hold."""
    why = evidence.missing(panel(**changes), replace(HABITS, **habits))  # type: ignore[arg-type]
    assert missing in why if missing else why == ""


def test_an_account_caught_is_not_exclusive() -> None:
    """The operator's word does not stand against an orphan that nobody explains."""
    assert "somebody else" in evidence.missing(panel(), HABITS, not_exclusive=True)


@pytest.mark.parametrize(
    ("other", "rival"),
    [
        (LIKE_IT, True),
        (UNLIKE_IT, False),
        (replace(LIKE_IT, units=9), True),
        (replace(LIKE_IT, sequence=Kind.DRIPFEED), False),
        (replace(LIKE_IT, charge_micros=None), True),
        (replace(LIKE_IT, charge_micros=UNIT + 20, step_micros=10), False),
        (replace(LIKE_IT, charge_micros=UNIT + 10, step_micros=10), True),
    ],
)
def test_rivals(other: Fingerprint, rival: bool) -> None:
    """Orders are rivals where their charges in one sequence cannot be told apart."""
    assert is_rival(LIKE_IT, [other]) is rival
    assert is_rival(other, [LIKE_IT]) is rival


@pytest.mark.parametrize(
    ("settling", "new", "in_flight", "admission"),
    [
        (0, UNLIKE_IT, 9, Admission.GO),
        (0, LIKE_IT, 0, Admission.RATHER_ELSEWHERE),  # left to a person: still a rival
        (1, LIKE_IT, 0, Admission.RATHER_ELSEWHERE),
        (2, UNLIKE_IT, 9, Admission.GO),
        (3, UNLIKE_IT, 0, Admission.GO),
        (3, UNLIKE_IT, 1, Admission.NOT_NOW),
        (3, LIKE_IT, 0, Admission.NOT_NOW),
    ],
)
def test_admission(settling: int, new: Fingerprint, in_flight: int, admission: Admission) -> None:
    """A rival rather goes elsewhere; from three doubts on, adds go one by one and unlike them."""
    caution = Caution(frozenset({LIKE_IT}), settling)
    verdict, why = caution.admits(new, in_flight)
    assert verdict is admission
    assert bool(why) == (verdict is not Admission.GO)


def test_no_doubts_no_caution() -> None:
    """Where nothing is in doubt, anything goes."""
    assert Caution().admits(LIKE_IT, 5) == (Admission.GO, "")


BEFORE = [*range(1_000, 1_400, 10)]


@pytest.mark.parametrize(
    ("answered", "anchor"),
    [
        ([], None),
        ([1_000], 1_000),
        ([1_000, 1_010], 1_000),
        (BEFORE, 1_390),
        ([*BEFORE, 1_405], 1_390),
        ([*BEFORE, 1_405, 1_412], 1_390),
        ([*BEFORE, 1_405, 1_412, 1_420], 1_420),
        ([*BEFORE, 1_395, 1_393], 1_393),
        ([*BEFORE, 99_999_999], 1_390),
        ([*BEFORE, 99_999_999, 99_999_999 + 4], 1_390),
        ([*BEFORE, 99_999_999, 1_391], 1_391),
        ([*BEFORE[:20], 99_999_999, *BEFORE[20:]], 1_390),
    ],
)
def test_the_low_anchor_is_no_odd_id(answered: list[int], anchor: int | None) -> None:
    """Our highest ID, but none that a later one was lower than or that has just jumped."""
    assert evidence.Answered(answered).anchor == anchor


@given(st.lists(st.integers(1, 40) | st.integers(1, 10**9), max_size=3 * evidence.ANCHOR_AMONG))
def test_the_low_anchor_by_its_definition(numbers: list[int]) -> None:
    """What is kept from answer to answer is what the last fifty of them say as a whole."""
    last = numbers[-evidence.ANCHOR_AMONG :]
    rising = [one for at, one in enumerate(last) if all(one < other for other in last[at + 1 :])]
    steps = [above - below for below, above in pairwise(rising)]
    longest = max(steps, default=0)
    proved = len(rising) < 2 or longest in steps[: -evidence.UNPROVED_STEPS]
    highest = rising[-1] if rising else None
    expected = highest if proved else rising[steps.index(longest)]
    assert evidence.Answered(numbers).anchor == expected
