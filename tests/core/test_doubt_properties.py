"""What holds of every plan, whatever is seen."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import counting
from aggregator.core.bracket import floor
from aggregator.core.doubt import plan
from aggregator.core.incident import (
    Adopt,
    Fingerprint,
    Incident,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    Refund,
    Wait,
    Watched,
)
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, OnDeadline
from aggregator.core.scanning import GAP_MS, Manners, Probe, Scan, Sweep
from tests.core.doubts import DIED, HABITS, LOW, SETTLED, UNIT, brood, doubt, own, panel, said
from tests.core.make import HOUR, MINUTE, NOW

OWN_STEP = (Adopt, NotPlaced, NeedsPerson, Refund, Wait)
IDS = st.integers(LOW - 30, LOW + 200)
TIMES = st.sampled_from([NOW, DIED, DIED + MINUTE, SETTLED, SETTLED + MINUTE, SETTLED + HOUR])
FINGERPRINTS = st.builds(
    Fingerprint,
    st.just(Kind.NORMAL),
    st.sampled_from([UNIT, 2 * UNIT, None]),
    st.sampled_from([1000, 2000]),
)
ROWS = st.builds(
    said,
    st.sampled_from(["1", "2", "0.5", "0", None]),
    st.sampled_from(["Pending", "Completed", "Canceled", "Partial", "strange"]),
    remains=st.sampled_from([None, 500, 1500]),
)
BROODS = st.builds(
    brood,
    order_id=st.integers(500, 502),
    service=st.sampled_from(["77", "78"]),
    named=st.booleans(),
    asked_at_ms=st.none() | TIMES,
)
ADDS = st.builds(
    own,
    IDS | st.none(),
    TIMES,
    answered_at_ms=st.none() | TIMES,
)


@st.composite
def doubts(draw: st.DrawFn, attempt: int) -> object:
    return doubt(
        attempt,
        fingerprint=draw(FINGERPRINTS),
        low_anchor=draw(st.sampled_from([LOW, LOW, LOW + 40, 505, None])),
        died_at_ms=draw(TIMES),
        brood=draw(st.none() | BROODS),
        left=draw(st.booleans()),
        alerted=True,
        veto=draw(st.sampled_from(["", "", "", "the balance"])),
    )


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    began_ms, head = draw(TIMES), draw(IDS)
    return Sweep(
        low=draw(st.sampled_from([LOW - 20, LOW + 10])),
        high=head + 20,
        head=head,
        head_began_at_ms=began_ms,
        began_at_ms=began_ms + 1,
        next_id=head + 21,
        ended_at_ms=began_ms + 10_000,
        unknown=draw(st.dictionaries(IDS, ROWS, max_size=4)),
    )


@st.composite
def incidents(draw: st.DrawFn) -> Incident:
    adds = tuple(draw(st.lists(ADDS, max_size=4)))
    some = [draw(doubts(n)) for n in range(draw(st.integers(0, 4)))]
    closed = [draw(doubts(n + 10)) for n in range(draw(st.integers(0, 2)))]
    hold = draw(st.sampled_from(list(OnDeadline)))
    return Incident(
        provider=panel(on_deadline=hold, rate_limit_per_minute=draw(st.sampled_from([None, 60]))),
        sequence=Kind.NORMAL,
        habits=HABITS,
        doubts=tuple(some),  # type: ignore[arg-type]
        mapped={LOW, *(one.upstream_id for one in adds if one.answered_at_ms)},  # type: ignore[arg-type]
        adds=adds,
        broods=tuple(draw(st.lists(BROODS, max_size=2))),
        watched=tuple(Watched(one, draw(TIMES)) for one in closed),  # type: ignore[arg-type]
        scan=Scan(tuple(draw(st.lists(sweeps(), max_size=3)))),
        manners=Manners(tuple(draw(st.lists(st.sampled_from([NOW, SETTLED]), max_size=60)))),
    )


@given(incidents(), TIMES | st.just(NOW + 24 * HOUR))
def test_every_doubt_has_one_step_of_its_own(one: Incident, now_ms: int) -> None:
    """No doubt is forgotten and none is decided twice; what is left stays untouched or ends."""
    steps = plan(one, now_ms)
    own_steps = Counter(step.attempt_id for step in steps if isinstance(step, OWN_STEP))
    for each in one.doubts:
        assert own_steps[each.attempt_id] in ((0, 1) if each.left else (1,))
    assert set(own_steps) <= {each.attempt_id for each in one.doubts}
    assert plan(one, now_ms) == steps


@given(incidents(), TIMES)
def test_manners_are_kept(one: Incident, now_ms: int) -> None:
    """At most one probe, when it is due, of IDs inside the window, within a budget."""
    probes = [step for step in plan(one, now_ms) if isinstance(step, Probe)]
    assert len(probes) <= 1
    for probe in probes:
        asked_ms = one.manners.asked_at_ms
        assert not asked_ms or now_ms >= asked_ms[-1] + GAP_MS
        known = [*one.doubts, *(closed.doubt for closed in one.watched)]
        assert min(floor(one, each) for each in known) <= probe.sweep.low
        assert all(probe.sweep.low <= number <= probe.sweep.high for number in probe.ids)
        assert not any(number in one.mapped for number in probe.ids)
        assert any(one.manners.left_since(each.began_at_ms) > 0 for each in known)


@given(incidents(), TIMES)
def test_nothing_is_called_not_placed_that_may_be_there(one: Incident, now_ms: int) -> None:
    """A doubt is given up only if a sweep speaks for it and no orphan may be it."""
    orphans = {n: row for sweep in one.scan.sweeps for n, row in sweep.unknown.items()}
    now_ms = max(now_ms, *(sweep.ended_at_ms or 0 for sweep in one.scan.sweeps), 0)
    for step in plan(one, now_ms):
        if isinstance(step, NotPlaced):
            (each,) = (each for each in one.doubts if each.attempt_id == step.attempt_id)
            low = floor(one, each)
            assert now_ms >= each.settled_at_ms
            assert any(sweep.speaks_for(low, each.settled_at_ms) for sweep in one.scan.sweeps)
            assert not any(
                number >= low
                and number not in one.mapped
                and counting.fit(each.fingerprint, row) is not counting.Fit.NO
                for number, row in orphans.items()
            )


@given(incidents(), TIMES)
def test_what_is_adopted_was_found_and_fits(one: Incident, now_ms: int) -> None:
    """An ID is given to one doubt only, one whose charge it shows, and never one of ours."""
    orphans: dict[int, OrderStatus] = {}
    for sweep in one.scan.sweeps:
        orphans |= sweep.unknown
    steps = plan(one, now_ms)
    adopted = [step for step in steps if isinstance(step, Adopt)]
    assert len({step.upstream_id for step in adopted}) == len(adopted)
    assert not (adopted and any(isinstance(step, NotExclusive) for step in steps))
    for step in adopted:
        (each,) = (each for each in one.doubts if each.attempt_id == step.attempt_id)
        number = int(step.upstream_id)
        assert number not in one.mapped
        assert number >= floor(one, each)
        assert counting.fit(each.fingerprint, orphans[number]) is counting.Fit.EXACT


@given(incidents(), TIMES)
def test_a_reason_is_given_for_everything(one: Incident, now_ms: int) -> None:
    """Each step says why in one short line, and says the same when asked again."""
    for step in plan(one, now_ms):
        assert step.why
        assert len(step.why) <= 100
        assert "\n" not in step.why
