"""What a provider's balance says against calling an order not placed."""

from aggregator.core.purse import ASKED_MS, KEPT, LONGEST_ADD_MS, Seen, Spent, noted, veto
from tests.core.doubts import DIED, UNIT, doubt
from tests.core.make import MINUTE, NOW

BEFORE = Seen(NOW - MINUTE, 10 * UNIT)
THEN = DIED + MINUTE


def after(units: int, at_ms: int = THEN) -> Seen:
    return Seen(at_ms, units * UNIT)


def spent(
    attempt: int, units: int | None = 1, began_ms: int = NOW, to_ms: int | None = NOW
) -> Spent:
    return Spent(attempt, began_ms, to_ms, None if units is None else units * UNIT)


def vetoed(now: Seen, *others: Spent, step: int = 0) -> bool:
    return bool(veto(doubt(), [BEFORE, now], [spent(1, 5), *others], step))


def test_a_fall_that_nothing_explains() -> None:
    """By the order's own charge, or more: it may have been bought."""
    assert vetoed(after(9))
    assert vetoed(after(3))
    assert not vetoed(after(10))
    assert not vetoed(Seen(THEN, 9 * UNIT + 1))


def test_other_orders_explain_it() -> None:
    """Whatever was or may be bought between the two is taken to have been."""
    assert not vetoed(after(9), spent(2))
    assert not vetoed(after(9), spent(2, to_ms=None))
    assert vetoed(after(8), spent(2))
    assert vetoed(after(9), spent(2, began_ms=THEN + 1))
    assert vetoed(after(9), spent(2, to_ms=BEFORE.at_ms - ASKED_MS - 1))
    assert not vetoed(after(0), spent(2, None))


def test_rounding_is_allowed_for() -> None:
    """Each order's charge may be off by the panel's rounding."""
    assert vetoed(Seen(THEN, 8 * UNIT + 20), spent(2), step=10)
    assert not vetoed(Seen(THEN, 8 * UNIT + 21), spent(2), step=10)


def test_without_a_balance_on_either_side_it_says_nothing() -> None:
    """One must have been answered before the add began, one asked after its end."""
    assert not veto(doubt(), [after(9)], [], 0)
    assert not veto(doubt(), [BEFORE], [], 0)
    assert not veto(doubt(), [BEFORE, after(9, DIED + ASKED_MS - 1)], [], 0)
    assert not veto(doubt(began_at_ms=BEFORE.at_ms - 1), [BEFORE, after(9)], [], 0)
    free = doubt().fingerprint.__class__(doubt().fingerprint.sequence, None, 1)
    assert not veto(doubt(fingerprint=free), [BEFORE, after(9)], [], 0)


def test_what_stood_before_a_doubt_is_kept() -> None:
    """The last balance before the oldest doubt, and those since: a bounded number."""
    seen: tuple[Seen, ...] = ()
    for minute in range(200):
        seen = noted(seen, Seen(NOW + minute * MINUTE, minute), NOW + 2 * MINUTE)
    assert seen[0].micros == 2
    assert len(seen) == KEPT + 2
    assert noted(seen, seen[-1], None) is seen


def test_without_a_doubt_little_is_kept() -> None:
    """As far back as an add may be under way that will be one."""
    seen: tuple[Seen, ...] = ()
    for minute in range(10):
        seen = noted(seen, Seen(NOW + minute * MINUTE, minute), None)
    assert [one.micros for one in seen] == [7, 8, 9]
    assert seen[0].at_ms <= seen[-1].at_ms - LONGEST_ADD_MS
