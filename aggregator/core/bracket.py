"""Which window of IDs to ask for next, if any: anchors, passes, cost, the watch.

Both sides of the window come from adds of our own. The low one was stored before the
doubt's add began; the high one is the first own add begun at or after the moment
that the sweep is to speak for. See the essay in ``doubt``.
"""

from collections.abc import Sequence

from aggregator.core import scanning
from aggregator.core.incident import Doubt, Incident, Step, Wait, Watched
from aggregator.core.messages import OrderStatus
from aggregator.core.scanning import Sweep

# A watch scans on when so many IDs have come, or when so long has passed and any has.
WATCH_IDS = 500
WATCH_EVERY_MS = 2 * 3_600_000

_HOUR_MS = 3_600_000


def floor(incident: Incident, doubt: Doubt) -> int:
    """The lowest ID that the doubt's order can have, of those that may be asked for.

    Below the first ID that this database holds lie orders that we once placed by
    other means: they are ours, and nobody's here.
    """
    return max(_lowest(incident, doubt), incident.habits.first_own or 1)


def reaches_down(incident: Incident, doubt: Doubt) -> bool:
    """Whether all IDs that its order can have may be asked for."""
    return floor(incident, doubt) == _lowest(incident, doubt)


def out_of_line(incident: Incident, doubt: Doubt) -> bool:
    """Whether an order of ours begun after it stands below all IDs that it can have.

    Then its low anchor was an odd ID, and says nothing about where its order is.
    """
    low = floor(incident, doubt)
    return any(number < low for number, began_ms in incident.own if began_ms >= doubt.began_at_ms)


def may_be_from(incident: Incident, doubt: Doubt) -> int:
    """From which ID on an order that is there may be this doubt's."""
    odd = out_of_line(incident, doubt)
    return incident.habits.first_own or 1 if odd else floor(incident, doubt)


def _lowest(incident: Incident, doubt: Doubt) -> int:
    return (doubt.low_anchor or 0) - incident.provider.slack


def orphans(incident: Incident) -> dict[int, OrderStatus]:
    """The unknown IDs of all finished sweeps that are not known to be ours by now."""
    found = {**incident.orphans, **incident.scan.unknown}
    return {number: said for number, said in found.items() if number not in incident.mapped}


def swept(incident: Incident, doubt: Doubt, since_ms: int) -> bool:
    """Whether a finished sweep speaks for this doubt's window at that moment."""
    low = floor(incident, doubt)
    return any(one.speaks_for(low, since_ms) for one in incident.scan.sweeps)


def complete(incident: Incident, doubt: Doubt) -> bool:
    """Whether pass 2 has been made: what it did not find is not there."""
    return swept(incident, doubt, doubt.settled_at_ms)


def stopped(incident: Incident, doubt: Doubt) -> str:
    """Why the panel may no longer be asked on behalf of this doubt."""
    manners = incident.manners
    return manners.halted if manners.halted_at_ms >= doubt.began_at_ms else ""


def too_dear(incident: Incident, doubt: Doubt, now_ms: int) -> bool:
    """Whether its pass 2 would take more probes than the incident has left."""
    if complete(incident, doubt):
        return False
    return _pass_2(incident, doubt, now_ms) > incident.manners.left_since(doubt.began_at_ms)


def next_steps(
    incident: Incident, doubts: Sequence[Doubt], uncounted: str, now_ms: int
) -> list[Step]:
    """What the doubts being settled wait for, and the probe that is due, if one is.

    ``uncounted``: what keeps orphans that were found from being counted.
    """
    waits = {one.attempt_id: _wait(incident, one, uncounted, now_ms) for one in doubts}
    wanting = [one for one in doubts if waits[one.attempt_id] is None]
    sweep = _sweep(incident, wanting, now_ms)
    next_ms = incident.manners.next_at_ms(incident.provider.rate_limit_per_minute)
    steps: list[Step] = []
    if sweep is not None and next_ms <= now_ms:
        steps.append(_probe(incident, sweep, "asks every ID between two orders of ours"))
    for one in doubts:
        asked_for = Wait(one.attempt_id, one.order_id, next_ms, "its IDs are being asked for")
        steps.append(waits[one.attempt_id] or asked_for)
    return steps


def watch(incident: Incident, now_ms: int) -> list[Step]:
    """The probe that is due for closed doubts, if one is."""
    due = [one for one in incident.watched if _may_watch(incident, one, now_ms)]
    if not due:
        return []
    sweep = incident.scan.current or _watching_sweep(incident, due, now_ms)
    next_ms = incident.manners.next_at_ms(incident.provider.rate_limit_per_minute)
    if sweep is None or next_ms > now_ms:
        return []
    return [_probe(incident, sweep, "looks for late orders of doubts closed before")]


def _since(doubt: Doubt, now_ms: int) -> int:
    """The moment that the next sweep for this doubt must speak for: pass 2 or pass 1."""
    return doubt.settled_at_ms if now_ms >= doubt.settled_at_ms else doubt.died_at_ms


def _wait(incident: Incident, doubt: Doubt, uncounted: str, now_ms: int) -> Wait | None:
    """What this doubt waits for; None: it wants a sweep now."""
    since_ms = _since(doubt, now_ms)
    settled = since_ms == doubt.settled_at_ms
    until_ms = None if settled else doubt.settled_at_ms
    if swept(incident, doubt, since_ms):
        why = uncounted or ("waits for later doubts like it" if settled else "settles")
    elif _anchor(incident, since_ms) is None:
        why = "waits for our next order there"
    elif settled or _two_passes(incident, doubt, now_ms):
        return None
    else:
        why = "settles: too many IDs for two passes"
    return Wait(doubt.attempt_id, doubt.order_id, until_ms, why)


def _anchor(incident: Incident, since_ms: int) -> tuple[int, int] | None:
    """The lowest of our IDs whose add began at that moment or later, and when it did."""
    return min((pair for pair in incident.own if pair[1] >= since_ms), default=None)


def _newest(incident: Incident) -> tuple[int, int] | None:
    """Our last ID by when its add began, for the highest may be an odd one."""
    return max(incident.own, key=lambda pair: pair[1], default=None)


def _sweep(incident: Incident, wanting: Sequence[Doubt], now_ms: int) -> Sweep | None:
    """The sweep under way where it serves anyone, else one that serves them all."""
    current = incident.scan.current
    if current and any(_serves(incident, current, one, now_ms) for one in wanting):
        return current
    if not wanting:
        return None
    found = _anchor(incident, max(_since(one, now_ms) for one in wanting))
    # Each of them has an anchor of its own, so the last of them has one for all; and it is
    # above all their low ones, or they would be out of line.
    assert found is not None
    low = min(floor(incident, one) for one in wanting)
    return _to(incident, low, found, now_ms)


def _to(incident: Incident, low: int, anchor: tuple[int, int], now_ms: int) -> Sweep:
    head, began_ms = anchor
    return scanning.sweep(low, head + incident.provider.slack, head, began_ms, now_ms)


def _serves(incident: Incident, sweep: Sweep, doubt: Doubt, now_ms: int) -> bool:
    return sweep.speaks_for(floor(incident, doubt), _since(doubt, now_ms))


def _probe(incident: Incident, sweep: Sweep, why: str) -> scanning.Probe:
    return scanning.probe(sweep, incident.mapped, incident.habits.batch, why)


def _two_passes(incident: Incident, doubt: Doubt, now_ms: int) -> bool:
    """Whether there are probes enough for pass 1 now and pass 2 later."""
    current = incident.scan.current
    if current and _serves(incident, current, doubt, now_ms):
        return True
    found = _anchor(incident, doubt.died_at_ms)
    first = 0 if found is None else _cost(incident, floor(incident, doubt), found[0])
    both = first + _pass_2(incident, doubt, now_ms)
    return both <= incident.manners.left_since(doubt.began_at_ms)


def _pass_2(incident: Incident, doubt: Doubt, now_ms: int) -> int:
    """Probes that pass 2 will take, by the panel's pace while it is still to come."""
    low, current = floor(incident, doubt), incident.scan.current
    if current and current.speaks_for(low, doubt.settled_at_ms):
        return scanning.probes(current.next_id, current.high, incident.habits.batch)
    found = _anchor(incident, doubt.settled_at_ms)
    if found is not None:
        return _cost(incident, low, found[0])
    newest = _newest(incident)
    head = newest[0] if newest else doubt.low_anchor or low
    ahead_ms = max(doubt.settled_at_ms - now_ms, 0)
    return _cost(incident, low, head + incident.habits.pace_per_hour * ahead_ms // _HOUR_MS)


def _cost(incident: Incident, low: int, head: int) -> int:
    return scanning.probes(low, head + incident.provider.slack, incident.habits.batch)


def _may_watch(incident: Incident, one: Watched, now_ms: int) -> bool:
    doubt = one.doubt
    return (
        doubt.fingerprint.sequence is incident.sequence
        and doubt.low_anchor is not None
        and not out_of_line(incident, doubt)
        and now_ms < one.until_ms
        and not stopped(incident, doubt)
        and incident.manners.left_since(doubt.began_at_ms) > 0
    )


def _watching_sweep(incident: Incident, due: Sequence[Watched], now_ms: int) -> Sweep | None:
    """From where the last sweep ended up to our newest order, once it is worth it."""
    newest = _newest(incident)
    if newest is None:
        return None
    lows = [
        low
        for one in due
        if (low := _watched_from(incident, one, newest, now_ms)) is not None
        and _cost(incident, low, newest[0]) <= incident.manners.left_since(one.doubt.began_at_ms)
    ]
    return _to(incident, min(lows), newest, now_ms) if lows else None


def _watched_from(
    incident: Incident, one: Watched, newest: tuple[int, int], now_ms: int
) -> int | None:
    """Where the next sweep for this watched one begins; None: it need not yet."""
    low, (head, began_ms) = floor(incident, one.doubt), newest
    if not complete(incident, one.doubt):
        return low if began_ms >= one.doubt.settled_at_ms else None
    reached = incident.scan.reached(low)
    last_ms = incident.scan.sweeps[-1].began_at_ms
    due = head - reached >= WATCH_IDS or (head > reached and now_ms - last_ms >= WATCH_EVERY_MS)
    return max(low, reached - incident.provider.slack) if due else None
