"""Which orphan is whose."""

from decimal import Decimal

import pytest

from aggregator.core.counting import Fit, Group, Others, count, fit, hatched
from aggregator.core.incident import Brood, Doubt, Fingerprint, Watched
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind
from tests.core.doubts import LIKE_IT, LOW, UNIT, UNLIKE_IT, brood, doubt, said, watched
from tests.core.make import NOW


def others(
    broods: tuple[Brood, ...] = (),
    closed: tuple[Watched, ...] = (),
    cleared: bool = False,
    low: int = 0,
) -> Others:
    return Others(broods, closed, lambda _: low, lambda *_: cleared)


def only_group(
    doubts: list[Doubt], orphans: dict[int, OrderStatus], but: Others | None = None
) -> Group:
    counted = count(doubts, orphans, but or others())
    assert not counted.unexplained
    (group,) = counted.groups
    return group


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        (said("1"), Fit.EXACT),
        (said("1", "Completed"), Fit.EXACT),
        (said("1", "Canceled"), Fit.EXACT),
        (said("2"), Fit.NO),
        (said("0.5"), Fit.NO),
        (said("0.5", "Partial"), Fit.MAYBE),
        (said("0", "Canceled"), Fit.MAYBE),
        (said("0", "word nobody knows"), Fit.MAYBE),
        (said("2", "Partial"), Fit.NO),
        (said(None), Fit.MAYBE),
        (OrderStatus("Pending", Decimal("NaN")), Fit.MAYBE),
        (said("1", remains=1000), Fit.EXACT),
        (said("1", remains=1001), Fit.NO),
        (said(None, remains=1001), Fit.NO),
    ],
)
def test_fit(row: OrderStatus, fits: Fit) -> None:
    """An orphan fits by its charge, unless its word says that this may have been lowered."""
    assert fit(LIKE_IT, row) is fits


def test_a_charge_may_be_off_by_the_rounding() -> None:
    """A charge is expected up to the step that the panel rounds by."""
    rounded = Fingerprint(Kind.NORMAL, UNIT, 1000, step_micros=10)
    assert fit(rounded, said("1.00001")) is Fit.EXACT
    assert fit(rounded, said("1.00002")) is Fit.NO


def test_an_unknown_cost_fits_anything() -> None:
    """Where nobody knows what an order costs, every orphan may be it."""
    assert fit(Fingerprint(Kind.NORMAL, None, 1000), said("17")) is Fit.MAYBE


@pytest.mark.parametrize(
    ("row", "may"),
    [
        (said("1"), True),
        (said("0.9"), False),
        (said("1.1"), False),
        (said("0.9", "Partial"), True),
        (said("1.1", "Partial"), False),
        (said(None), True),
    ],
)
def test_hatched(row: OrderStatus, may: bool) -> None:
    """An orphan may be a child if its charge is one that a child can show."""
    assert hatched(brood(), row) is may


def test_as_many_orphans_as_doubts_were_all_placed() -> None:
    """Two doubts alike and two orphans are placed, in the order in which they began."""
    first, second = doubt(1, began_at_ms=NOW + 5), doubt(2)
    group = only_group([first, second], {1050: said(), 1020: said()})
    assert group.placed == {2: 1020, 1: 1050}


def test_no_orphan_leaves_the_group_empty() -> None:
    """Doubts alike are one group even where there is nothing to count."""
    group = only_group([doubt(1), doubt(2)], {})
    assert (len(group.doubts), group.orphans, group.placed) == (2, (), None)


def test_fewer_orphans_than_doubts_decide_nothing() -> None:
    """One orphan for two doubts alike may be either's."""
    group = only_group([doubt(1), doubt(2)], {1020: said()})
    assert (group.orphans, group.placed) == ((1020,), None)


def test_more_orphans_than_doubts_are_somebody_elses() -> None:
    """Two orphans for one doubt cannot both be ours."""
    counted = count([doubt(1)], {1020: said(), 1030: said()}, others())
    assert counted.unexplained == (1020, 1030)
    assert counted.groups[0].placed is None


def test_an_orphan_that_fits_nothing_is_somebody_elses() -> None:
    """A charge that no doubt can have betrays another user of the account."""
    counted = count([doubt(1)], {1020: said("7"), 1030: said()}, others())
    assert counted.unexplained == (1020,)
    assert counted.groups[0].placed == {1: 1030}


def test_an_orphan_below_the_window_is_not_the_doubts() -> None:
    """No order has an ID from before its add began."""
    assert count([doubt(1)], {1020: said()}, others(low=1021)).unexplained == (1020,)
    assert count([doubt(1)], {1020: said()}, others(low=1020)).groups[0].placed == {1: 1020}


def test_different_charges_are_counted_apart() -> None:
    """A doubt is decided by orphans of its own charge only."""
    counted = count([doubt(1), doubt(2, fingerprint=UNLIKE_IT)], {1020: said("3")}, others())
    assert [group.placed for group in counted.groups] == [None, {2: 1020}]
    assert [group.orphans for group in counted.groups] == [(), (1020,)]


def test_what_may_be_anybodys_joins_them_all() -> None:
    """A canceled orphan without a charge makes every doubt there undecidable."""
    doubts = [doubt(1), doubt(2, fingerprint=UNLIKE_IT)]
    group = only_group(doubts, {1020: said("0", "Canceled"), 1030: said("3")})
    assert (len(group.doubts), group.placed) == (2, None)


def test_remains_tell_quantities_apart() -> None:
    """More to deliver than one of two doubts ordered: it is the other's."""
    small, large = doubt(1), doubt(2, fingerprint=Fingerprint(Kind.NORMAL, UNIT, 2000))
    counted = count([small, large], {1020: said(remains=1500)}, others())
    assert [group.placed for group in counted.groups] == [None, {2: 1020}]
    group = only_group([small, large], {1020: said(remains=900), 1030: said(remains=1500)})
    assert group.placed == {1: 1020, 2: 1030}


def test_seats_are_changed_where_that_seats_everyone() -> None:
    """Two orphans and two doubts pair up even if the first orphan took the wrong one first."""
    large = doubt(1, fingerprint=Fingerprint(Kind.NORMAL, UNIT, 2000))
    small = doubt(2, began_at_ms=NOW + 1)
    group = only_group([large, small], {1020: said(remains=900), 1030: said(remains=1500)})
    assert group.placed == {2: 1020, 1: 1030}


def test_three_orphans_for_two_that_fit_are_too_many() -> None:
    """Where the seats cannot suffice, all orphans of the group are suspect."""
    large = doubt(1, fingerprint=Fingerprint(Kind.NORMAL, UNIT, 2000))
    orphans = {1020: said(remains=1500), 1030: said(remains=1500), 1040: said(remains=9)}
    counted = count([large, doubt(2), doubt(3)], orphans, others())
    assert counted.unexplained == (1020, 1030, 1040)


def test_a_possible_child_decides_nothing() -> None:
    """An orphan that may be a child is no proof, nor does it betray anybody."""
    group = only_group([doubt(1)], {1020: said()}, others((brood(),)))
    assert (group.placed, group.brooding) == (None, True)
    assert count([], {1020: said()}, others((brood(),))).unexplained == ()


def test_an_orphan_of_a_closed_doubt_is_late() -> None:
    """What only a closed doubt explains is its late order."""
    counted = count([], {1020: said()}, others(closed=(watched(),)))
    assert counted.unexplained == ()
    assert [(one.attempt_id, number) for one, number in counted.late] == [(9, 1020)]


def test_too_many_late_orphans_are_somebody_elses() -> None:
    """One closed doubt does not explain two orders."""
    counted = count([], {1020: said(), 1030: said()}, others(closed=(watched(),)))
    assert (counted.late, counted.unexplained) == ((), (1020, 1030))


def test_a_late_child_is_left_alone() -> None:
    """What may be a child of a running order is never called late, for that is canceled."""
    counted = count([], {1020: said()}, others((brood(),), (watched(),)))
    assert (counted.late, counted.unexplained) == ((), ())


@pytest.mark.parametrize(
    ("closed", "cleared", "low", "placed"),
    [
        (watched(), False, 0, None),
        (watched(), True, 0, {1: LOW}),
        (watched(fingerprint=UNLIKE_IT), False, 0, {1: LOW}),
    ],
)
def test_a_closed_doubt_may_claim_an_orphan(
    closed: Watched, cleared: bool, low: int, placed: dict[int, int] | None
) -> None:
    """An orphan that a closed doubt may own is no proof, until a sweep cleared that one."""
    group = only_group([doubt(1)], {LOW: said()}, others((), (closed,), cleared, low))
    assert group.placed == placed


def test_a_closed_doubt_claims_nothing_below_its_window() -> None:
    """An ID from before a closed doubt began cannot be its order."""
    floors = {1: 0, 9: LOW + 1}
    but = Others((), (watched(),), lambda one: floors[one.attempt_id], lambda *_: False)
    assert only_group([doubt(1)], {LOW: said()}, but).placed == {1: LOW}
