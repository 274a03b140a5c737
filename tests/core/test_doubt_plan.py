"""What to do next: the stages, and what counting leads to."""

import pytest

from aggregator.core.doubt import ALERT_MS, FAILOVER_MS, REPLAY_EVERY_MS, UPTIME_MS, plan
from aggregator.core.incident import (
    Adopt,
    Alert,
    AskChildren,
    Fingerprint,
    Incident,
    LateOrphan,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    Refund,
    Replay,
    Step,
    Wait,
)
from aggregator.core.model import Kind, OnDeadline
from aggregator.core.scanning import Manners
from tests.core.doubts import (
    DIED,
    LOW,
    SETTLED,
    UNIT,
    UNLIKE_IT,
    brood,
    doubt,
    flying,
    incident,
    own,
    panel,
    said,
    sweep,
    watched,
)
from tests.core.make import HOUR, MINUTE, NOW

PASS_1, PASS_2 = sweep(DIED), sweep(SETTLED)
FOUND_1, FOUND_2 = sweep(DIED, {1020: said()}), sweep(SETTLED, {1020: said()})
THEN = SETTLED + MINUTE
DAY = 24 * HOUR


def only(one: Incident, now_ms: int = THEN) -> Step:
    (step,) = plan(one, now_ms)
    return step


def why(one: Incident, now_ms: int = THEN) -> str:
    step = only(one, now_ms)
    assert isinstance(step, Wait)
    return step.why


# -- the deadline, the alert


def test_at_its_deadline_a_doubt_is_refunded() -> None:
    """A day after it began, whatever stands in the way, the hold is given back."""
    one = incident(doubt(alerted=True), provider=panel(probe=False))
    assert isinstance(only(one, NOW + DAY - 1), Wait)
    assert only(one, NOW + DAY) == Refund(1, 101, "its deadline has come")


def test_on_deadline_hold() -> None:
    """Where the operator wants it so, a person decides at the deadline; once."""
    hold = panel(on_deadline=OnDeadline.HOLD, probe=False)
    step = only(incident(doubt(alerted=True), provider=hold), NOW + DAY)
    assert step == NeedsPerson(1, 101, (), "its deadline has come")
    assert plan(incident(doubt(alerted=True, left=True), provider=hold), NOW + DAY) == ()


def test_what_is_left_to_a_person_has_a_deadline_too() -> None:
    """The hold of an order left to a person is given back at the deadline."""
    one = incident(doubt(alerted=True, left=True))
    assert plan(one, NOW + DAY - 1) == ()
    assert isinstance(only(one, NOW + DAY), Refund)


def test_a_deadline_waits_until_we_have_been_up_for_a_while() -> None:
    """A machine that was off for a day first hears what happened meanwhile."""
    one = incident(doubt(alerted=True), provider=panel(probe=False), up_since_ms=NOW + DAY)
    assert isinstance(only(one, NOW + DAY + UPTIME_MS - 1), Wait)
    assert isinstance(only(one, NOW + DAY + UPTIME_MS), Refund)


def test_an_order_at_its_deadline_still_explains_its_orphan() -> None:
    """A refund being due betrays nobody: the orphan is still taken for that order's."""
    ended = [doubt(n, alerted=True, left=True) for n in (1, 2)]
    young = doubt(3, alerted=True, fingerprint=UNLIKE_IT, began_at_ms=NOW + 1)
    steps = plan(incident(*ended, young, sweeps=[FOUND_2]), NOW + DAY)
    assert [type(step) for step in steps] == [Refund, Refund, NotPlaced]


def test_after_15_minutes_an_operator_is_told_once() -> None:
    """One alert names all orders that have been in doubt for so long."""
    doubts = (doubt(1), doubt(2, began_at_ms=NOW + 1), doubt(3, alerted=True))
    one = incident(*doubts, provider=panel(probe=False))
    told = [step for step in plan(one, NOW + ALERT_MS) if isinstance(step, Alert)]
    assert told == [Alert((101,), "in doubt for 15 minutes")]
    assert not any(isinstance(step, Alert) for step in plan(one, NOW + ALERT_MS - 1))


# -- an idempotency key


def test_with_an_idempotency_key_the_add_itself_is_asked_again() -> None:
    """The answer to a replay is the truth, so nothing is scanned; it is tried every minute."""
    keyed = panel(idempotency_param="request_id")
    assert isinstance(only(incident(doubt(), provider=keyed)), Replay)
    just = incident(doubt(replayed_at_ms=THEN), provider=keyed)
    assert only(just) == Wait(1, 101, THEN + REPLAY_EVERY_MS, "waits to ask again with its key")
    assert isinstance(only(just, THEN + REPLAY_EVERY_MS), Replay)


# -- what stands in the way


def test_without_the_preconditions_nothing_is_asked() -> None:
    """Every doubt waits for its deadline, and says why."""
    one = incident(doubt(1), doubt(2), provider=panel(exclusive_account=False))
    deadline = "left to its deadline: the account is not declared exclusive"
    waits = plan(one, THEN)
    assert waits == tuple(Wait(n, 100 + n, NOW + DAY, deadline) for n in (1, 2))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (incident(doubt(low_anchor=None)), "no order there before it"),
        (incident(doubt(low_anchor=510)), "too few orders there before it"),
        (incident(doubt(), broods=(brood(service="77", named=False),)), "look like it"),
        (
            incident(doubt(), manners=Manners(halted="429", halted_at_ms=NOW)),
            "probing was stopped: 429",
        ),
        (incident(doubt(), manners=Manners((THEN,) * 60)), "too many IDs to ask for"),
        (incident(doubt(), adds=(own(9_000, DIED),)), "too many IDs to ask for"),
    ],
)
def test_obstacles(one: Incident, reason: str) -> None:
    """What cannot be asked for waits for its deadline, and says why."""
    step = only(one)
    assert isinstance(step, Wait)
    assert step.until_ms == NOW + DAY
    assert step.why.startswith("left to its deadline: ")
    assert step.why.endswith(reason)


def test_an_older_halt_is_over() -> None:
    """A panel that once said no may be asked on behalf of a later doubt."""
    one = incident(doubt(), manners=Manners(halted="429", halted_at_ms=NOW - 1))
    assert why(one) == "waits for our next order there"


def test_a_hindered_doubt_is_placed_all_the_same_where_counting_says_so() -> None:
    """What was found before the probing stopped counts."""
    stopped = Manners(halted="403", halted_at_ms=THEN)
    one = incident(doubt(), sweeps=[FOUND_1], manners=stopped)
    assert isinstance(only(one), Adopt)


def test_another_sequences_doubts_are_not_ours() -> None:
    """A sequence is planned for by itself."""
    assert plan(incident(doubt(), sequence=Kind.DRIPFEED), NOW + DAY) == ()


# -- counting


def test_a_doubt_with_its_orphan_is_placed() -> None:
    """Found in pass 1, it need not settle."""
    step = only(incident(doubt(), sweeps=[FOUND_1]), DIED + MINUTE)
    assert step == Adopt(1, 101, "1020", "as many unknown orders there as doubts like it")


def test_an_orphan_known_from_before_a_restart_counts() -> None:
    """What was found is not lost with the sweep that found it."""
    assert isinstance(only(incident(doubt(), orphans={1020: said()})), Adopt)


def test_a_doubt_without_orphan_is_not_placed_after_pass_2() -> None:
    """Pass 1 finds nothing and proves nothing, pass 2 proves."""
    assert why(incident(doubt(), sweeps=[PASS_1]), SETTLED - 1) == "settles"
    reason = "no unknown order there that could be it"
    assert only(incident(doubt(), sweeps=[PASS_1, PASS_2])) == NotPlaced(1, 101, False, reason)


def test_what_became_known_as_ours_is_no_orphan() -> None:
    """An ID found unknown and mapped since then explains nothing."""
    one = incident(doubt(), sweeps=[FOUND_2], mapped={LOW, 1020})
    assert isinstance(only(one), NotPlaced)


@pytest.mark.parametrize(
    ("auto", "age", "elsewhere"),
    [(True, FAILOVER_MS - 1, True), (True, FAILOVER_MS, False), (False, 1, False)],
)
def test_a_young_order_may_be_placed_elsewhere(auto: bool, age: int, elsewhere: bool) -> None:
    """Only with auto_failover, and only for 15 minutes after it was ordered."""
    young = doubt(alerted=True, ordered_at_ms=THEN - age)
    one = incident(young, provider=panel(auto_failover=auto), sweeps=[PASS_2])
    step = only(one)
    assert isinstance(step, NotPlaced)
    assert step.elsewhere is elsewhere


def test_a_count_that_does_not_come_out_even_is_left_to_a_person() -> None:
    """One orphan for two doubts: after pass 2 both are left, with the ID they may be."""
    steps = plan(incident(doubt(1), doubt(2), sweeps=[FOUND_2]), THEN)
    reason = "the unknown orders there cannot be told apart by counting"
    assert steps == tuple(NeedsPerson(n, 100 + n, ("1020",), reason) for n in (1, 2))


def test_an_uneven_count_waits_for_later_doubts_first() -> None:
    """While one of them has yet to settle, nobody is left to a person."""
    later = doubt(2, died_at_ms=THEN)
    waits = plan(incident(doubt(1), later, sweeps=[FOUND_2]), THEN)
    assert waits[0] == Wait(1, 101, None, "waits for later doubts like it")
    assert isinstance(waits[1], Wait)


def test_no_orphan_waits_for_later_doubts_too() -> None:
    """Not placed is said of all that are alike together, when all have settled."""
    later = doubt(2, died_at_ms=THEN)
    assert all(
        isinstance(step, Wait) for step in plan(incident(doubt(1), later, sweeps=[PASS_2]), THEN)
    )


def test_one_left_to_a_person_stays_a_rival() -> None:
    """An orphan is not given to a new doubt while an old one of its charge is open."""
    one = incident(doubt(1, left=True), doubt(2), sweeps=[FOUND_2])
    assert isinstance(only(one), NeedsPerson)


def test_one_left_to_a_person_is_placed_where_the_count_comes_out() -> None:
    """A second orphan settles the old doubt with the new one."""
    both = sweep(SETTLED, {1020: said(), 1030: said()})
    steps = plan(incident(doubt(1, left=True), doubt(2), sweeps=[both]), THEN)
    assert [type(step) for step in steps] == [Adopt, Adopt]


def test_nothing_is_waited_for_from_a_hindered_doubt() -> None:
    """A doubt that nothing more can be asked for does not keep its likes waiting."""
    hindered = doubt(2, low_anchor=None)
    steps = plan(incident(doubt(1), hindered, sweeps=[PASS_2]), THEN)
    assert [type(step) for step in steps] == [NotPlaced, Wait]


def test_a_veto_leaves_it_to_a_person() -> None:
    """Where the balance contradicts that nothing was bought, the machine does not say so."""
    step = only(incident(doubt(veto="the balance fell"), sweeps=[PASS_2]))
    assert isinstance(step, NeedsPerson)
    assert step.why == "the balance fell"


def test_a_veto_is_none_against_what_was_found() -> None:
    """That the balance fell is what an order that is there explains."""
    assert isinstance(only(incident(doubt(veto="the balance fell"), sweeps=[FOUND_2])), Adopt)


# -- what keeps an orphan from counting


def test_an_add_in_flight_during_the_scan_keeps_orphans_from_counting() -> None:
    """Its ID would look like an orphan; an add begun later cannot be it."""
    ended = FOUND_2.ended_at_ms or 0
    one = incident(doubt(), sweeps=[FOUND_2], adds=(flying(ended),), mapped={LOW})
    assert why(one) == "an order of ours is still on its way"
    one = incident(doubt(), sweeps=[FOUND_2], adds=(flying(ended + 1),), mapped={LOW})
    assert isinstance(only(one), Adopt)


def test_while_it_settles_an_orphan_found_says_why_it_does_not_count() -> None:
    """The reason shown is the one that matters, and settling goes on meanwhile."""
    one = incident(doubt(), sweeps=[FOUND_1], adds=(flying(DIED),), mapped={LOW})
    step = only(one, DIED + MINUTE)
    assert step == Wait(1, 101, SETTLED, "an order of ours is still on its way")


def test_without_orphans_nothing_in_flight_matters() -> None:
    """There is nothing that could be somebody else's."""
    one = incident(doubt(), sweeps=[PASS_2], adds=(flying(SETTLED),), mapped={LOW})
    assert isinstance(only(one), NotPlaced)


def test_children_are_asked_for_before_anything_is_counted() -> None:
    """An open drip-feed is asked again once the scan is over: its runs look like orphans."""
    ended = FOUND_2.ended_at_ms or 0
    stale, fresh = brood(asked_at_ms=ended - 1), brood(order_id=501, asked_at_ms=ended)
    steps = plan(
        incident(doubt(), sweeps=[FOUND_2], broods=(stale, fresh, brood(order_id=502))), THEN
    )
    reason = "asks open orders there for their children"
    assert steps == (AskChildren((500, 502), reason), Wait(1, 101, None, reason))
    assert isinstance(only(incident(doubt(), sweeps=[FOUND_2], broods=(fresh,))), Adopt)


def test_children_that_nobody_names_make_an_orphan_undecidable() -> None:
    """Of another service but of the doubt's charge, they leave it to a person."""
    one = incident(doubt(), sweeps=[FOUND_2], broods=(brood(named=False),))
    assert isinstance(only(one), NeedsPerson)


def test_children_stand_among_the_normal_orders_only() -> None:
    """Where the panel numbers drip-feeds apart, no child is taken for one of them."""
    drip = doubt(fingerprint=Fingerprint(Kind.DRIPFEED, UNIT, 1000))
    one = incident(
        drip, sequence=Kind.DRIPFEED, sweeps=[FOUND_2], broods=(brood(service="77", named=False),)
    )
    assert isinstance(only(one), Adopt)


def test_a_drip_feed_in_doubt_is_waited_for() -> None:
    """Its runs, if it runs, cannot be told from an orphan until it is decided itself."""
    drip = doubt(2, fingerprint=UNLIKE_IT, brood=brood(), died_at_ms=THEN)
    steps = plan(incident(doubt(1), drip, sweeps=[FOUND_2]), THEN)
    assert steps[0] == Wait(1, 101, None, "waits for later doubts like it")
    left = doubt(2, fingerprint=UNLIKE_IT, brood=brood(), left=True)
    assert isinstance(only(incident(doubt(1), left, sweeps=[FOUND_2])), NeedsPerson)


def test_the_children_of_a_closed_doubt_betray_nobody() -> None:
    """A drip-feed refunded at its deadline may run there all the same."""
    closed = watched(fingerprint=UNLIKE_IT, brood=brood())
    runs = sweep(SETTLED, {1020: said(), 1030: said()})
    one = incident(doubt(fingerprint=UNLIKE_IT, service="9"), sweeps=[runs], watched=(closed,))
    assert isinstance(only(one), NotPlaced)


# -- others on the account, and late orders


def test_an_orphan_nobody_explains_stops_adopting() -> None:
    """Even a doubt whose own orphan was found is left to its deadline then."""
    found = sweep(DIED, {1020: said(), 1030: said("7")})
    steps = plan(incident(doubt(), sweeps=[found]), THEN)
    assert steps[0] == NotExclusive(
        ("1030",), "more unknown orders are there than our doubts explain"
    )
    assert isinstance(steps[1], Wait)
    assert "somebody else orders" in steps[1].why
    assert len(steps) == 2


def test_a_late_order_is_reported() -> None:
    """What a closed doubt explains is canceled or booked, at the charge it shows."""
    found = sweep(SETTLED + 1, {1020: said()})
    step = only(incident(sweeps=[found], watched=(watched(),)))
    assert isinstance(step, LateOrphan)
    assert (step.order_id, step.upstream_id, step.charge_micros) == (109, "1020", UNIT)


def test_a_closed_doubt_that_was_never_swept_may_own_an_orphan() -> None:
    """A refusal in unknown words just before makes the orphan undecidable."""
    refused = watched(died_at_ms=NOW + 1, began_at_ms=NOW - 1)
    assert isinstance(only(incident(doubt(), sweeps=[FOUND_2], watched=(refused,))), NeedsPerson)


def test_a_closed_doubt_swept_without_the_orphan_does_not_own_it() -> None:
    """What was not there when the closed one was settled belongs to the open one."""
    refused = watched(died_at_ms=NOW - 2 * MINUTE, began_at_ms=NOW - 2 * MINUTE)
    one = incident(doubt(), sweeps=[PASS_2, FOUND_2], watched=(refused,))
    assert isinstance(only(one), Adopt)


def test_a_closed_doubt_of_another_sequence_explains_nothing() -> None:
    """Sequences are counted apart, closed doubts too."""
    apart = watched(fingerprint=Fingerprint(Kind.DRIPFEED, UNIT, 1000))
    assert isinstance(only(incident(doubt(), sweeps=[FOUND_2], watched=(apart,))), Adopt)


# -- a low anchor that was an odd ID

ODD = {"low_anchor": 99_999_999}


def test_an_odd_low_anchor_needs_a_person() -> None:
    """An order of ours begun later stands below it: no sweep can speak for that doubt."""
    for swept in ([], [PASS_2], [sweep(SETTLED, low=99_999_979)]):
        one = incident(doubt(**ODD), adds=(own(1_100, SETTLED),), sweeps=swept)
        step = only(one)
        assert isinstance(step, NeedsPerson)
        assert "lower IDs" in step.why


def test_nothing_is_said_of_an_odd_low_anchor_before_our_next_order() -> None:
    """Until then it cannot be told from one that is right."""
    one = incident(doubt(**ODD), adds=(own(1_100, NOW - MINUTE),))
    assert why(one) == "waits for our next order there"


def test_what_an_odd_low_anchor_lost_is_not_somebody_else_s() -> None:
    """Its order may be any that is there, and so another's doubt is not settled by it."""
    odd = doubt(2, **ODD, left=True)
    one = incident(doubt(), odd, adds=(own(1_100, SETTLED),), sweeps=[FOUND_2])
    step = only(one)
    assert isinstance(step, NeedsPerson)
    assert step.orphans == ("1020",)
    late = (watched(**ODD),)
    (found,) = plan(incident(watched=late, adds=(own(1_100, SETTLED),), sweeps=[FOUND_2]), THEN)
    assert isinstance(found, LateOrphan)
