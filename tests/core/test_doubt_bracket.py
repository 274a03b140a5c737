"""Which window of IDs is asked for, when, and at what cost."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from aggregator.core import scanning
from aggregator.core.bracket import WATCH_EVERY_MS, WATCH_IDS
from aggregator.core.doubt import plan
from aggregator.core.incident import Doubt, Incident, OwnAdd, Wait, Watched
from aggregator.core.model import Kind
from aggregator.core.scanning import GAP_MS, Manners, Probe, Scan, Sweep
from tests.core.doubts import (
    DIED,
    HABITS,
    LOW,
    SETTLED,
    SLACK,
    doubt,
    incident,
    own,
    sweep,
    watched,
)
from tests.core.make import HOUR, MINUTE, NOW

AFTER = own(1_050, DIED)  # our next add after the connection died
LATER = own(1_100, SETTLED)  # our next add after it has settled


def probed(one: Incident, now_ms: int) -> Probe | None:
    probes = [step for step in plan(one, now_ms) if isinstance(step, Probe)]
    assert len(probes) <= 1
    return probes[0] if probes else None


def waiting(one: Incident, now_ms: int) -> tuple[int | None, str]:
    (wait,) = (step for step in plan(one, now_ms) if isinstance(step, Wait))
    return wait.until_ms, wait.why


def with_adds(*adds: OwnAdd, doubts: Sequence[Doubt] = (doubt(),), **changes: object) -> Incident:
    return incident(*doubts, adds=adds, **changes)


# -- anchors and passes


def test_without_a_high_anchor_it_waits() -> None:
    """The window has no upper end before our next order there is answered."""
    assert waiting(incident(doubt()), DIED) == (SETTLED, "waits for our next order there")
    assert waiting(incident(doubt()), SETTLED) == (None, "waits for our next order there")


@pytest.mark.parametrize(
    "add",
    [
        own(1_050, DIED - 1),
        OwnAdd(AFTER.sequence, DIED),
        own(None, DIED),
        replace(AFTER, sequence=Kind.DRIPFEED),
    ],
)
def test_what_is_no_high_anchor(add: OwnAdd) -> None:
    """Not an add begun too early, nor one in flight, refused, or numbered apart."""
    assert probed(with_adds(add, mapped={LOW}), DIED + 1_000) is None


def test_pass_1() -> None:
    """Right after our next order, every ID between the anchors is asked, slack on both sides."""
    probe = probed(with_adds(AFTER), DIED + 1_000)
    assert probe is not None
    assert probe.sweep == Sweep(980, 1_070, 1_050, DIED, DIED + 1_000, next_id=980)
    assert set(probe.ids) == set(range(980, 1_071)) - {LOW, 1_050}
    assert probe.why == "asks every ID between two orders of ours"


def test_while_it_is_asked_for_a_doubt_waits_for_the_next_probe() -> None:
    """Two seconds after the last probe the next one is due, not before."""
    busy = with_adds(AFTER, manners=Manners((DIED,)))
    assert probed(busy, DIED + GAP_MS - 1) is None
    assert waiting(busy, DIED + 1) == (DIED + GAP_MS, "its IDs are being asked for")
    assert probed(busy, DIED + GAP_MS) is not None


def test_between_the_passes_it_settles() -> None:
    """Nothing is asked until the settling time is over."""
    one = with_adds(AFTER, sweeps=[sweep(DIED)])
    assert waiting(one, SETTLED - 1) == (SETTLED, "settles")


def test_pass_2_needs_an_add_begun_after_settling() -> None:
    """The anchor of pass 1 does not do: a late order may stand above it."""
    one = with_adds(AFTER, sweeps=[sweep(DIED)])
    assert waiting(one, SETTLED) == (None, "waits for our next order there")
    probe = probed(with_adds(AFTER, LATER, sweeps=[sweep(DIED)]), SETTLED + 1_000)
    assert probe is not None
    assert (probe.sweep.low, probe.sweep.head, probe.sweep.high) == (980, 1_100, 1_120)


def test_the_nearest_anchor_is_taken() -> None:
    """Later orders of ours would only widen the window."""
    probe = probed(with_adds(LATER, own(1_200, SETTLED + 1)), SETTLED + 1_000)
    assert probe is not None
    assert probe.sweep.head == 1_100


def test_a_sweep_goes_on_where_it_was() -> None:
    """The sweep under way is continued, with what it has asked already left out."""
    begun = scanning.sweep(980, 1_070, 1_050, DIED, DIED + 1_000)
    one = with_adds(AFTER, scan=Scan(current=replace(begun, next_id=1_040)))
    probe = probed(one, DIED + 5_000)
    assert probe is not None
    assert (probe.ids[0], probe.ids[-1]) == (1_040, 1_070)


def test_a_sweep_that_serves_nobody_any_more_is_given_up() -> None:
    """A pass 1 not done when the settling is over makes room for pass 2."""
    begun = replace(scanning.sweep(980, 1_070, 1_050, DIED, DIED + 1_000), next_id=1_040)
    probe = probed(with_adds(AFTER, LATER, scan=Scan(current=begun)), SETTLED + 1_000)
    assert probe is not None
    assert (probe.sweep.head, probe.ids[0]) == (1_100, 980)


def test_one_sweep_serves_all_who_want_one() -> None:
    """It begins at the lowest anchor, and ends at an order after the latest moment."""
    early, late = doubt(1), doubt(2, low_anchor=1_030, died_at_ms=DIED + MINUTE)
    adds = (AFTER, own(1_080, DIED + MINUTE))
    probe = probed(with_adds(*adds, doubts=[early, late]), DIED + 2 * MINUTE)
    assert probe is not None
    assert (probe.sweep.low, probe.sweep.head) == (980, 1_080)


def test_one_without_an_anchor_does_not_hold_up_the_other() -> None:
    """Who has both ends is scanned for, who has not waits."""
    late = doubt(2, died_at_ms=DIED + MINUTE)
    steps = plan(with_adds(AFTER, doubts=[doubt(1), late]), DIED + 1_000)
    assert [type(step) for step in steps] == [Probe, Wait, Wait]
    assert steps[2].why == "waits for our next order there"


# -- cost


def test_too_dear_for_two_passes_is_asked_once() -> None:
    """Where the budget takes one pass, it is kept for the one that proves."""
    manners = Manners((NOW,) * 58)  # two of sixty are left: a pass takes one of ours, two later
    one = with_adds(AFTER, manners=manners, habits=replace(HABITS, pace_per_hour=600))
    assert waiting(one, SETTLED - MINUTE) == (SETTLED, "settles: too many IDs for two passes")
    paid = replace(one, manners=Manners((NOW,) * 56))
    assert probed(paid, SETTLED - MINUTE) is not None


def test_the_pace_decides_whether_to_begin() -> None:
    """What the panel will have numbered by the end of the settling is estimated first."""
    fast = replace(HABITS, pace_per_hour=100_000)
    assert "too many IDs" in waiting(with_adds(AFTER, habits=fast), DIED)[1]
    assert "too many IDs" not in waiting(with_adds(AFTER, habits=fast), SETTLED)[1]
    assert "too many IDs" in waiting(incident(doubt(), habits=fast), DIED)[1]


def test_a_sweep_under_way_costs_what_is_left_of_it() -> None:
    """A pass 2 that is nearly done is finished with the last probe."""
    begun = replace(scanning.sweep(980, 1_320, 1_300, SETTLED, SETTLED + 1), next_id=1_300)
    adds = (own(1_300, SETTLED),)
    last = with_adds(*adds, scan=Scan(current=begun), manners=Manners((NOW,) * 59))
    assert probed(last, SETTLED + MINUTE) is not None
    spent = replace(last, manners=Manners((NOW,) * 60))
    assert "too many IDs" in waiting(spent, SETTLED + MINUTE)[1]


def test_a_pass_1_under_way_is_finished() -> None:
    """Once begun, it is not given up for the cost of what is still to come."""
    begun = replace(scanning.sweep(980, 1_070, 1_050, DIED, DIED + 1), next_id=1_040)
    one = with_adds(AFTER, scan=Scan(current=begun), manners=Manners((NOW,) * 58))
    assert probed(one, DIED + MINUTE) is not None


# -- the watch


def watching(
    *adds: OwnAdd, closed: Watched | None = None, sweeps: Sequence[Sweep] = (), **changes: object
) -> Incident:
    one = closed or watched()
    return incident(watched=(one,), adds=adds, sweeps=sweeps, **changes)


PASS_2 = sweep(SETTLED)  # up to 1100
AHEAD = own(1_100 + WATCH_IDS, SETTLED + 10 * MINUTE)


def test_the_watch_scans_on_as_our_orders_move_the_head() -> None:
    """From the last sweep up to our newest order, once it is worth a sweep."""
    probe = probed(watching(LATER, AHEAD, sweeps=[PASS_2]), SETTLED + HOUR)
    assert probe is not None
    assert (probe.sweep.low, probe.sweep.high) == (1_080, AHEAD.upstream_id + SLACK)  # type: ignore[operator]
    assert probe.why == "looks for late orders of doubts closed before"
    near = own(1_099 + WATCH_IDS, SETTLED + 10 * MINUTE)
    assert probed(watching(near, sweeps=[PASS_2]), SETTLED + HOUR) is None


def test_few_new_orders_are_looked_at_now_and_then() -> None:
    """A slow panel is scanned on every two hours, if anything was numbered at all."""
    one = watching(own(1_101, SETTLED + MINUTE), sweeps=[PASS_2])
    assert probed(one, PASS_2.began_at_ms + WATCH_EVERY_MS - 1) is None
    assert probed(one, PASS_2.began_at_ms + WATCH_EVERY_MS) is not None
    still = watching(own(1_100, SETTLED), sweeps=[PASS_2])
    assert probed(still, SETTLED + 3 * WATCH_EVERY_MS) is None


def test_one_never_swept_is_swept_whole_first() -> None:
    """A refusal in unknown words is looked for in all its window, once it has settled."""
    refused = watched(SETTLED)
    assert probed(watching(AFTER, closed=refused), SETTLED + HOUR) is None
    probe = probed(watching(AFTER, LATER, closed=refused), SETTLED + HOUR)
    assert probe is not None
    assert (probe.sweep.low, probe.sweep.high) == (980, 1_120)


@pytest.mark.parametrize(
    "one",
    [
        watching(AHEAD, sweeps=[PASS_2], closed=watched(SETTLED - 24 * HOUR)),
        watching(AHEAD, sweeps=[PASS_2], closed=watched(low_anchor=None)),
        watching(AHEAD, sweeps=[PASS_2], manners=Manners(halted="403", halted_at_ms=NOW)),
        watching(AHEAD, sweeps=[PASS_2], manners=Manners((NOW,) * 60)),
        watching(AHEAD, sweeps=[PASS_2], manners=Manners((NOW,) * 55)),
        watching(AHEAD, sweeps=[PASS_2], manners=Manners((SETTLED + HOUR,))),
        watching(AHEAD, sweeps=[PASS_2], sequence=Kind.DRIPFEED),
        watching(sweeps=[PASS_2]),
        watching(AHEAD, sweeps=[PASS_2], closed=watched(low_anchor=99_999_999)),
    ],
)
def test_the_watch_has_an_end(one: Incident) -> None:
    """No probe after a day, without anchors, against a no, or beyond the budget."""
    assert probed(one, SETTLED + HOUR) is None


def test_a_sweep_of_the_watch_goes_on() -> None:
    """What was begun is finished before anything else is begun."""
    begun = scanning.sweep(1_080, 1_500, 1_480, SETTLED + MINUTE, SETTLED + HOUR)
    one = watching(AHEAD, scan=Scan((PASS_2,), replace(begun, next_id=1_490)))
    probe = probed(one, SETTLED + HOUR + MINUTE)
    assert probe is not None
    assert probe.ids[0] == 1_490


def test_the_watch_stands_back_for_open_doubts() -> None:
    """While a doubt is being settled, its sweeps are the only ones."""
    one = incident(
        doubt(2, died_at_ms=SETTLED + HOUR), watched=(watched(),), adds=(AHEAD,), sweeps=[PASS_2]
    )
    assert probed(one, SETTLED + HOUR) is None


def test_a_sweep_below_the_floor_speaks_for_nothing() -> None:
    """The window between a low anchor and a head beneath it is empty, not covered."""
    assert PASS_2.speaks_for(LOW - SLACK, SETTLED)
    assert PASS_2.speaks_for(PASS_2.head, SETTLED)
    assert not PASS_2.speaks_for(PASS_2.head + 1, SETTLED)


def test_the_watch_goes_by_our_newest_order_not_the_highest() -> None:
    """An odd ID far above the others is no head: what lies below it is asked for."""
    odd = own(99_999_999, NOW - HOUR)
    probe = probed(watching(odd, AHEAD, sweeps=[PASS_2]), SETTLED + HOUR)
    assert probe is not None
    assert probe.sweep.head == AHEAD.upstream_id
