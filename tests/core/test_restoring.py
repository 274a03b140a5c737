"""Which IDs are asked for after a restore, and when a provider opens again."""

from dataclasses import replace

import pytest

from aggregator.core import evidence, restoring
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Provider
from aggregator.core.restoring import LEAST_AHEAD, Progress, Stage, Trail
from aggregator.core.scanning import Scan, Sweep
from tests.core.doubts import own, panel, said
from tests.core.make import HOUR, MINUTE, NOW

TRAIL = Trail(last=1_000, last_at_ms=NOW, low=1_000, first_own=500, pace_per_hour=1_000, batch=100)
SLACK = 20
AHEAD = 1_020


def done(low: int, high: int, **unknown: OrderStatus) -> Sweep:
    found = {int(number[1:]): one for number, one in unknown.items()}
    return Sweep(low, high, 1_000, 0, NOW, high + 1, NOW + 1, found)


def test_a_trail_begins_below_the_oldest_doubt() -> None:
    """Our highest ID is the end of what is known, an open doubt's anchor may be its start."""
    adds = [own(1_000, NOW), own(990, NOW - MINUTE)]
    made = restoring.trail(adds, [500], 60, 100, [950])
    assert made == Trail(1_000, NOW, 950, 500, 10, 100)
    assert restoring.trail([own(None, NOW)], [], 0, 100) is None


def test_a_burst_tells_no_pace() -> None:
    """A few orders within a second are not taken for thousands in an hour; many are."""
    adds = [own(1_000 + number, NOW + 100 * number) for number in range(60)]
    few, many = (restoring.trail(one, [], 36_000, 100) for one in (adds[:10], adds))
    assert few is not None
    assert many is not None
    assert (few.pace_per_hour, many.pace_per_hour) == (9, 36_000)


def test_the_first_sweep_goes_twice_as_far_as_the_panel_can_have_come() -> None:
    """From the slack below what we know to well above where its pace has led it."""
    sweep = restoring.next_sweep(TRAIL, Scan(), SLACK, NOW + 2 * HOUR)
    assert sweep is not None
    assert (sweep.low, sweep.high, sweep.head) == (980, 1_000 + 4_000 + AHEAD, 1_000)


def test_a_panel_without_a_pace_is_asked_for_a_few() -> None:
    """Where too little is known of its pace, a few hundred IDs are looked at first."""
    slow = replace(TRAIL, pace_per_hour=0, low=500)
    sweep = restoring.next_sweep(slow, Scan(), SLACK, NOW - 1)
    assert sweep is not None
    assert (sweep.low, sweep.high) == (500, 1_000 + LEAST_AHEAD)


def test_a_sweep_under_way_goes_on() -> None:
    """Nothing new is begun before it has ended."""
    under_way = replace(done(980, 2_020), next_id=1_100, ended_at_ms=None)
    assert restoring.next_sweep(TRAIL, Scan(current=under_way), SLACK, NOW) is under_way
    assert restoring.closing_sweep(0, [], NOW, Scan(current=under_way), SLACK, NOW) is under_way
    assert restoring.questions(under_way, 100) == 10


def test_a_find_near_the_end_moves_the_end() -> None:
    """The search goes on until nothing of ours was found for as long as an hour makes."""
    near, far = done(980, 5_000, n4500=said()), done(980, 5_000, n3000=said())
    more = restoring.next_sweep(TRAIL, Scan((near,)), SLACK, NOW)
    assert more is not None
    assert (more.low, more.high) == (5_001, 4_500 + AHEAD)
    assert restoring.next_sweep(TRAIL, Scan((far,)), SLACK, NOW) is None
    assert restoring.next_sweep(TRAIL, Scan((done(980, 5_000),)), SLACK, NOW) is None


def test_our_first_order_since_closes_the_gap() -> None:
    """All that was bought before it stands below it: asked already, or asked now."""

    def closing(upstream_id: int | None, began_ms: int, *sweeps: Sweep) -> Sweep | bool:
        mine = [own(upstream_id, began_ms)]
        return restoring.closing_sweep(5_000, mine, NOW, Scan(sweeps), SLACK, NOW + 1)

    assert closing(None, NOW) is False
    assert closing(4_000, NOW - 1) is False
    assert closing(4_980, NOW) is True
    sweep = closing(6_000, NOW)
    assert isinstance(sweep, Sweep)
    assert (sweep.low, sweep.high, sweep.head) == (5_001, 6_020, 6_000)
    assert closing(6_000, NOW, done(5_001, 6_020)) is True


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, ""),
        ({"exclusive_account": False}, "the account is not declared exclusive"),
        ({"probe": False}, "probing is turned off"),
    ],
)
def test_who_cannot_be_searched(given: dict[str, object], why: str) -> None:
    """Whose account others use, or who must not be probed, is left alone."""
    assert restoring.missing(_panel(**given), TRAIL, True, False) == why


def test_what_else_keeps_from_searching() -> None:
    """Nothing to begin at, IDs that tell nothing, or a panel that is asked one by one."""
    one_by_one = replace(TRAIL, batch=1)
    assert "somebody else" in restoring.missing(_panel(), TRAIL, True, True)
    assert "no order of ours" in restoring.missing(_panel(), None, False, False)
    assert "not numbers" in restoring.missing(_panel(), None, True, False)
    assert "at once" in restoring.missing(_panel(), one_by_one, True, False)


def test_what_came_of_the_last_question() -> None:
    """A search that was refused says so, and one that goes on says so again."""
    begun = restoring.standing(Progress(Stage.SCANNING), "", NOW)
    assert begun == Progress(Stage.SCANNING, restoring.UNDER_WAY, NOW)
    halted = restoring.standing(begun, "429", NOW + 1)
    assert halted.why.startswith("halted: 429")
    assert restoring.standing(halted, "", NOW + 2) == begun
    checking = Progress(Stage.CHECKING, "halted: 429", NOW, {Kind.NORMAL: 5})
    assert restoring.standing(checking, "", NOW + 1) == replace(checking, why=restoring.ASKED)


def _panel(**changes: object) -> Provider:
    return panel(**changes)


def test_ids_that_rose_as_far_as_is_known() -> None:
    """However few: one that fell, or that is no number, speaks against them."""
    assert evidence.rise([own(1, NOW), own(2, NOW + MINUTE)])
    assert evidence.rise([own(1, NOW)])
    assert not evidence.rise([own(2, NOW), own(1, NOW + MINUTE)])
    assert not evidence.rise([own(None, NOW), own(1, NOW + MINUTE)])
