"""What to do next about orders in doubt at one provider: the bracket, as one function.

An ``add`` left and no sound answer came back. Sending it again would buy it twice,
calling it failed would give it away. ``plan`` looks at everything known of an
``Incident`` and answers with steps; ``background`` carries them out, feeds what comes
back into the incident, and asks again.

How it works
------------
A panel numbers its orders in rising order. If ours was placed, its ID lies between
our last ID known before it began and the ID of any add of ours begun after it must
have landed. So every ID in between is asked for. Those that answer, and are not
known to be ours, are *orphans*; on an account that nobody else uses, each of them is
one of our doubts. ``plan`` walks these stages, and a doubt leaves at the first that
holds it:

1. the deadline: refunded or left to a person, whatever is going on;
2. an idempotency key: asked again with it, for then the answer is the truth;
3. the preconditions (``evidence.missing``), and what stands in this doubt's own way
   (``_obstacle``): it waits for the deadline, and nothing is asked;
4. counting (``counting.count``) with what finished sweeps found: adopted, not placed,
   or, when no later doubt can change the count any more, left to a person; a balance
   that fell without an explanation (``purse``) keeps one from being called not placed;
5. scanning: the sweep under way goes on, or the next one begins. Pass 1 needs an own
   add begun after the connection died, and may only find; pass 2 needs one begun
   after SETTLE_MS more, and may also tell that nothing is there. Both are the same
   question, "has a sweep been made that speaks for this moment"
   (``Sweep.speaks_for``), so one sweep serves many doubts, one as its pass 1 and
   another as its pass 2;
6. with nothing else to do there, the watch over closed doubts scans on.

The window is widened by ``slack`` on *both* sides: an ID may be as far out of order
above the high anchor as below the low one.

What counts as seen
-------------------
An orphan counts only once no add that was in flight during its sweep is still
unanswered (its ID would look like one), and once the open drip-feeds and
subscriptions have been asked for their children (they look like one too). With no
orphan there is nothing to attribute, and neither is waited for.

What must change together
-------------------------
* A new kind of order that a panel makes by itself must come in as a ``Brood``, or it
  is taken for somebody else's and adoption stops.
* ``low_anchor`` is stored in transaction 1, before a byte leaves. Computed later, it
  might lie above the order it is to bracket. It may be as low as it likes, but never
  too high: an odd ID may not become one (``evidence.Answered``), and one that an order
  of ours begun later stands below is not believed (``bracket.out_of_line``).
* Whatever closes a doubt as not placed (here, by hand, at the deadline) must make it
  ``Watched``, or its late order is taken for somebody else's.
* ``Scan`` and ``Manners`` may be lost with the process: then all is asked again. A
  decision must therefore never rest on a sweep having been made by another process.
* benchmarks/doubts.py drives exactly this code. A change here is run through it.
"""

from collections.abc import Iterable, Mapping, Sequence

from aggregator.core import bracket, evidence
from aggregator.core.counting import Count, Group, Orphans, Others, count
from aggregator.core.incident import (
    Adopt,
    Alert,
    AskChildren,
    Brood,
    Doubt,
    Incident,
    LateOrphan,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    Refund,
    Replay,
    Step,
    Wait,
    Watched,
)
from aggregator.core.model import Kind, OnDeadline
from aggregator.core.pricing import nearest_micros

ALERT_MS = 900_000
FAILOVER_MS = 900_000  # an order older than this is canceled rather than placed elsewhere
UPTIME_MS = 600_000  # a deadline first lets us hear what happened while we were away
REPLAY_EVERY_MS = 60_000


def plan(incident: Incident, now_ms: int) -> tuple[Step, ...]:
    """What to do now. Every doubt of the sequence that is not left to a person gets
    exactly one step of its own, a ``Wait`` if no other.

    Only a step taken, an answer, an add or the time changes the next plan.
    """
    mine = [one for one in incident.doubts if one.fingerprint.sequence is incident.sequence]
    ended = [one for one in mine if _over(incident, one, now_ms)]
    active = [one for one in mine if not one.left and one not in ended]
    return (
        *_alerts(mine, now_ms),
        *(_at_deadline(incident, one) for one in ended),
        *_settled(incident, mine, active, now_ms),
    )


def _alerts(doubts: Sequence[Doubt], now_ms: int) -> list[Step]:
    """Once for each, but for what is left to a person: that was an alert of its own."""
    old = [
        one
        for one in doubts
        if not (one.alerted or one.left) and now_ms - one.began_at_ms >= ALERT_MS
    ]
    return [Alert(tuple(one.order_id for one in old), "in doubt for 15 minutes")] if old else []


def _deadline_ms(incident: Incident, doubt: Doubt) -> int:
    by_age_ms = doubt.began_at_ms + incident.provider.in_doubt_deadline_s * 1000
    return max(by_age_ms, incident.up_since_ms + UPTIME_MS)


def _over(incident: Incident, doubt: Doubt, now_ms: int) -> bool:
    kept = doubt.left and incident.provider.on_deadline is OnDeadline.HOLD
    return now_ms >= _deadline_ms(incident, doubt) and not kept


def _at_deadline(incident: Incident, doubt: Doubt) -> Step:
    why = "its deadline has come"
    if incident.provider.on_deadline is OnDeadline.REFUND:
        return Refund(doubt.attempt_id, doubt.order_id, why)
    return NeedsPerson(doubt.attempt_id, doubt.order_id, (), why)


def _settled(
    incident: Incident, mine: Sequence[Doubt], active: Sequence[Doubt], now_ms: int
) -> list[Step]:
    """Stages 2 to 6 for the ``active``; the rest of ``mine`` are only rivals."""
    if incident.provider.idempotency_param is not None:
        return [_replayed(one, now_ms) for one in active]
    why = evidence.missing(incident.provider, incident.habits, incident.not_exclusive)
    if why:
        return [_left(incident, one, why) for one in active]
    hindered = {one.attempt_id: _obstacle(incident, one, now_ms) for one in active}
    decided, uncounted = _decided(incident, mine, hindered, now_ms)
    if any(isinstance(step, NotExclusive) for step in decided):
        caught = "somebody else orders with this account"
        return [*decided, *(_left(incident, one, caught) for one in active)]
    done = {step.attempt_id for step in decided if isinstance(step, _DECISIONS)}
    rest = [one for one in active if one.attempt_id not in done]
    free = [one for one in rest if not hindered[one.attempt_id]]
    left = [_hindered(incident, one, why) for one in rest if (why := hindered[one.attempt_id])]
    scan = bracket.next_steps(incident, free, uncounted, now_ms)
    return [*decided, *left, *(scan if free else bracket.watch(incident, now_ms))]


_DECISIONS = (Adopt, NotPlaced, NeedsPerson)
_ODD = "our orders after it have lower IDs than our orders before it"


def _replayed(doubt: Doubt, now_ms: int) -> Step:
    next_ms = (doubt.replayed_at_ms or -REPLAY_EVERY_MS) + REPLAY_EVERY_MS
    if now_ms >= next_ms:
        return Replay(doubt.attempt_id, doubt.order_id, "asks again with its idempotency key")
    return Wait(doubt.attempt_id, doubt.order_id, next_ms, "waits to ask again with its key")


def _left(incident: Incident, doubt: Doubt, why: str) -> Step:
    until_ms = _deadline_ms(incident, doubt)
    return Wait(doubt.attempt_id, doubt.order_id, until_ms, f"left to its deadline: {why}")


def _hindered(incident: Incident, doubt: Doubt, why: str) -> Step:
    """Time mends the other obstacles, or the deadline ends them; not an odd anchor."""
    if why == _ODD:
        return NeedsPerson(doubt.attempt_id, doubt.order_id, (), why)
    return _left(incident, doubt, why)


def _obstacle(incident: Incident, doubt: Doubt, now_ms: int) -> str:
    """Why nothing can be asked for this doubt; empty: it can."""
    if doubt.low_anchor is None:
        return "we had no order there before it"
    if bracket.out_of_line(incident, doubt):
        return _ODD
    if not bracket.reaches_down(incident, doubt):
        return "we had too few orders there before it"
    if why := bracket.stopped(incident, doubt):
        return f"probing was stopped: {why}"
    if any(one.service == doubt.service for one in _unnamed(incident)):
        return "orders that the provider makes of another one look like it"
    if bracket.too_dear(incident, doubt, now_ms):
        return "too many IDs to ask for"
    return ""


def _unnamed(incident: Incident) -> list[Brood]:
    """Open orders there whose children nobody can ask for. Children are normal orders."""
    if incident.sequence is not Kind.NORMAL:
        return []
    return [one for one in incident.broods if not one.named]


def _of_doubts(incident: Incident, doubts: Iterable[Doubt]) -> list[Brood]:
    """What doubts have as children if they were placed: nobody can ask for these either."""
    if incident.sequence is not Kind.NORMAL:
        return []
    return [one.brood for one in doubts if one.brood is not None]


def _decided(
    incident: Incident, doubts: Sequence[Doubt], hindered: Mapping[int, str], now_ms: int
) -> tuple[list[Step], str]:
    """The steps that counting leads to, and what keeps orphans from being counted."""
    orphans = bracket.orphans(incident)
    children, uncounted = _uncounted(incident, orphans)
    if uncounted:
        return ([AskChildren(children, uncounted)] if children else []), uncounted
    counted = count(doubts, orphans, _others(incident))
    if counted.unexplained:
        named = tuple(map(str, counted.unexplained))
        return [NotExclusive(named, "more unknown orders are there than our doubts explain")], ""
    steps = _late(counted, orphans)
    for group in counted.groups:
        steps += _judged(incident, group, hindered, now_ms)
    return steps, ""


def _uncounted(incident: Incident, orphans: Orphans) -> tuple[tuple[int, ...], str]:
    """Whose children must be asked for, and why orphans do not count yet."""
    if not orphans:
        return (), ""
    last_ms = max((one.ended_at_ms or 0 for one in incident.scan.sweeps), default=0)
    if any(one.answered_at_ms is None and one.began_at_ms <= last_ms for one in incident.adds):
        return (), "an order of ours is still on its way"
    children = tuple(
        one.order_id
        for one in incident.broods
        if one.named and (one.asked_at_ms is None or one.asked_at_ms < last_ms)
    )
    return children, "asks open orders there for their children" if children else ""


def _others(incident: Incident) -> Others:
    def floor(doubt: Doubt) -> int:
        return bracket.may_be_from(incident, doubt)

    def cleared(one: Watched, number: int) -> bool:
        return any(
            sweep.speaks_for(floor(one.doubt), one.doubt.settled_at_ms)
            and number not in sweep.unknown
            for sweep in incident.scan.sweeps
        )

    closed = [one.doubt for one in incident.watched]
    broods = (*_unnamed(incident), *_of_doubts(incident, (*incident.doubts, *closed)))
    watched = tuple(
        one for one in incident.watched if one.doubt.fingerprint.sequence is incident.sequence
    )
    return Others(broods, watched, floor, cleared)


def _late(counted: Count, orphans: Orphans) -> list[Step]:
    why = "an order closed as not placed is there after all"
    return [
        LateOrphan(
            one.attempt_id, one.order_id, str(number), nearest_micros(orphans[number].charge), why
        )
        for one, number in counted.late
    ]


def _judged(
    incident: Incident, group: Group, hindered: Mapping[int, str], now_ms: int
) -> list[Step]:
    """What counting says of a group; nothing while a later sweep may change it.

    ``hindered``: of each active doubt, what stands in its way. A doubt that is not
    in it is left to a person, or at its deadline.
    """
    if group.placed:
        why = "as many unknown orders there as doubts like it"
        return [
            Adopt(one.attempt_id, one.order_id, str(group.placed[one.attempt_id]), why)
            for one in group.doubts
            if one.left or one.attempt_id in hindered
        ]
    if not _ripe(incident, group, hindered):
        return []
    active = [one for one in group.doubts if hindered.get(one.attempt_id) == ""]
    veto = next((one.veto for one in group.doubts if one.veto), "")
    if not group.orphans and not veto:
        return [_not_placed(incident, one, now_ms) for one in active]
    named = tuple(map(str, group.orphans))
    why = veto or "the unknown orders there cannot be told apart by counting"
    return [NeedsPerson(one.attempt_id, one.order_id, named, why) for one in active]


def _ripe(incident: Incident, group: Group, hindered: Mapping[int, str]) -> bool:
    """Whether nothing that is still to come can change what was counted."""
    undecided = (one for one in incident.doubts if not one.left)
    if group.brooding and _of_doubts(incident, undecided):
        return False
    return all(
        hindered.get(one.attempt_id) != "" or bracket.complete(incident, one)
        for one in group.doubts
    )


def _not_placed(incident: Incident, doubt: Doubt, now_ms: int) -> Step:
    young = now_ms - doubt.ordered_at_ms < FAILOVER_MS
    elsewhere = incident.provider.auto_failover and young
    why = "no unknown order there that could be it"
    return NotPlaced(doubt.attempt_id, doubt.order_id, elsewhere, why)
