"""Whether a provider may be given orders now."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.errors import ErrorClass
from aggregator.core.health import BACKOFF_MS, CURE_MS, TRIPS, Health, after, after_balance
from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.outcome import InDoubt, NotSent, Outcome, Placed, Rejected
from tests.core.make import NOW

BAD: list[Outcome] = [
    NotSent("no route"),
    InDoubt("cut"),
    Rejected(ErrorClass.RATE),
    Rejected(ErrorClass.DOWN),
]
ILL = [one for one in BAD if one != Rejected(ErrorClass.RATE)]
PAUSING = [ErrorClass.FUNDS, ErrorClass.AUTH]
MONEY, NOTHING = Balance(Decimal("0.01"), "USD"), Balance(Decimal(0), "USD")
NO_CURE = [
    NOTHING,
    Balance(Decimal(-1), "USD"),
    Balance(Decimal("NaN"), "USD"),
    Refused("no"),
    Unreadable("cut"),
]


def after_all(outcomes: list[Outcome]) -> tuple[Health, int]:
    """The health after outcomes each of which came when the last backoff was over."""
    health, now = Health(), NOW
    for outcome in outcomes:
        now = max(now, health.until_ms)
        health = after(health, outcome, now)
    return health, now


@pytest.mark.parametrize(
    ("bad", "strikes"),
    [(one, strikes) for one in BAD for strikes in range(1, TRIPS)]
    + [(Rejected(ErrorClass.RATE), strikes) for strikes in range(TRIPS, len(BACKOFF_MS) + 2)],
)
def test_backs_off(bad: Outcome, strikes: int) -> None:
    """Each bad outcome in a row costs a longer rest, up to the longest, and each rest ends."""
    rest = (*BACKOFF_MS, BACKOFF_MS[-1])[strikes - 1]
    health, now = after_all([bad] * strikes)
    assert health.until_ms - now == rest
    assert health.cause
    assert not health.usable(health.until_ms - 1)
    assert health.usable(health.until_ms)
    assert not health.wants_balance(health.until_ms)


@pytest.mark.parametrize("bad", ILL)
def test_trips(bad: Outcome) -> None:
    """Ill three times in a row: paused until a read is answered, and at the next illness again."""
    health, now = after_all([bad] * TRIPS)
    assert health.paused_for is ErrorClass.DOWN
    assert not health.usable(now + 10**12)
    assert health.wants_balance(health.until_ms)
    silent = after_balance(health, Unreadable("cut"), health.until_ms)
    assert not silent.usable(silent.until_ms)
    busy = after_balance(health, Refused("later", ErrorClass.DOWN), health.until_ms)
    assert not busy.usable(busy.until_ms)
    for answer in (MONEY, NOTHING, Refused("what?", ErrorClass.ACTION)):
        cured = after_balance(health, answer, health.until_ms)
        assert cured.usable(health.until_ms)
        assert after(cured, bad, health.until_ms).paused_for is ErrorClass.DOWN
        assert after(cured, Placed("1"), health.until_ms).strikes == 0


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("late", [*BAD, Placed("1")])
def test_one_spell(bad: Outcome, late: Outcome) -> None:
    """What was sent before a rest and is answered during it neither prolongs nor ends it."""
    health = after(Health(), bad, NOW)
    assert after(health, late, NOW) == health
    assert after(health, late, health.until_ms - 1) == health


def test_what_is_our_own_doing_is_no_illness() -> None:
    """An order that never left for a reason of ours leaves the provider's health as it was."""
    for before in (Health(), after_all(BAD[:1])[0]):
        assert after(before, NotSent("no free slot in time", ours=True), NOW) == before


def test_placed_forgives() -> None:
    """An order placed after the rest forgives every strike."""
    health, _ = after_all([*BAD[:2], Placed("1")])
    assert health == Health()


@pytest.mark.parametrize(
    "error_class", sorted(set(ErrorClass) - {*PAUSING, ErrorClass.RATE, ErrorClass.DOWN})
)
def test_no_illness(error_class: ErrorClass) -> None:
    """A refusal for the order's own sake says nothing of the provider."""
    assert after(Health(), Rejected(error_class), NOW) == Health()


@pytest.mark.parametrize("why", PAUSING)
@pytest.mark.parametrize("before", [[], [BAD[0]], BAD[:2]])
def test_pauses(why: ErrorClass, before: list[Outcome]) -> None:
    """An empty purse or a refused key pauses, and the balance is asked after 5 s."""
    health, now = after_all([*before, Rejected(why)])
    assert health.paused_for is why
    assert health.strikes == len(before) + 1
    assert not health.usable(now + 10**12)
    assert not health.wants_balance(now + 4_999)
    assert health.wants_balance(now + 5_000)


@pytest.mark.parametrize("why", PAUSING)
@pytest.mark.parametrize("late", [*BAD, Placed("1"), *map(Rejected, PAUSING)])
def test_a_pause_is_lifted_by_a_balance_only(why: ErrorClass, late: Outcome) -> None:
    """No outcome of an add changes a pause, late or not."""
    health = after(Health(), Rejected(why), NOW)
    assert after(health, late, NOW) == health
    assert after(health, late, health.until_ms) == health


@pytest.mark.parametrize("answer", NO_CURE)
def test_asked_ever_more_rarely(answer: Balance | Refused | Unreadable) -> None:
    """A balance that cures nothing is asked for again, each time later, up to 5 minutes."""
    health = after(Health(), Rejected(ErrorClass.FUNDS), NOW)
    for wait in (*CURE_MS[1:], CURE_MS[-1]):
        now = health.until_ms
        health = after_balance(health, answer, now)
        assert health.paused_for is ErrorClass.FUNDS
        assert health.until_ms - now == wait


@pytest.mark.parametrize(
    ("why", "answer", "cured"),
    [
        (ErrorClass.FUNDS, MONEY, True),
        (ErrorClass.FUNDS, NOTHING, False),
        (ErrorClass.AUTH, MONEY, True),
        (ErrorClass.AUTH, NOTHING, True),
        (ErrorClass.AUTH, NO_CURE[2], False),
        (ErrorClass.AUTH, Refused("Invalid API key", ErrorClass.AUTH), False),
    ],
)
def test_cures(why: ErrorClass, answer: Balance | Refused, cured: bool) -> None:
    """Any money cures an empty purse, any readable balance a refused key."""
    health = after(Health(), Rejected(why), NOW)
    health = after_balance(health, answer, health.until_ms)
    assert health.usable(health.until_ms) is cured
    assert not health.wants_balance(health.until_ms - 1)


def test_a_purse_that_is_never_full_enough() -> None:
    """A cure that does not last is tried ever more rarely, until something is placed."""
    health, now = Health(), NOW
    for wait in CURE_MS:
        health = after(health, Rejected(ErrorClass.FUNDS), now)
        assert health.until_ms - now == wait
        now = health.until_ms
        health = after_balance(health, MONEY, now)
        assert health.usable(now)
    assert after(health, Placed("1"), now) == Health(balance_micros=10_000, balance_at_ms=now)


@pytest.mark.parametrize("health", [Health(), after(Health(), Rejected(ErrorClass.AUTH), NOW)])
def test_the_last_balance_is_remembered(health: Health) -> None:
    """A readable balance is kept, whether or not it was asked for because of a pause."""
    health = after_balance(health, MONEY, NOW)
    assert health.balance_micros == 10_000
    assert after_balance(health, Unreadable("cut"), NOW).balance_micros == 10_000


outcomes = st.one_of(
    st.sampled_from([*BAD, Placed("1")]), st.sampled_from(ErrorClass).map(Rejected)
)
answers = st.sampled_from([MONEY, *NO_CURE])


@given(st.lists(st.tuples(st.integers(0, 400_000), st.one_of(outcomes, answers)), max_size=30))
def test_a_provider_always_comes_back(events: list[tuple[int, object]]) -> None:
    """Whatever happened, within five minutes a provider is usable or its balance is asked."""
    health, now = Health(), NOW
    for wait, event in events:
        now += wait
        if isinstance(event, Placed | Rejected | NotSent | InDoubt):
            health = after(health, event, now)
        elif isinstance(event, Balance | Refused | Unreadable):
            health = after_balance(health, event, now)
    later = now + CURE_MS[-1]
    assert health.usable(later) != health.wants_balance(later)
