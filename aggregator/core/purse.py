"""What a provider's balance says about an order in doubt: weak evidence, for one veto.

A balance tells of no order in particular, and refunds and deposits move it too. They
only ever raise it. So a balance that did not fall proves nothing; but one that fell by
more than all our other orders there can have cost, by as much as this one costs, speaks
against calling it not placed. It never decides: it leaves the order to a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.core.incident import Doubt

ASKED_MS = 15_000  # how long before its answer a balance may have been asked for
LONGEST_ADD_MS = 120_000  # an add may have been under way for so long before it is a doubt
KEPT = 64


@dataclass(frozen=True, slots=True)
class Seen:
    """A balance, theirs, as it was answered at ``at_ms``."""

    at_ms: int
    micros: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What another attempt there may have cost between two moments; ``to_ms`` None: it may
    still. ``micros`` None: nobody knows how much."""

    attempt_id: int
    from_ms: int
    to_ms: int | None
    micros: int | None


def noted(seen: tuple[Seen, ...], one: Seen, oldest_doubt_ms: int | None) -> tuple[Seen, ...]:
    """With one more, and without those that neither an open doubt needs nor one to come."""
    if seen and seen[-1].at_ms >= one.at_ms:
        return seen
    needed_ms = one.at_ms - LONGEST_ADD_MS
    if oldest_doubt_ms is not None:
        needed_ms = min(needed_ms, oldest_doubt_ms)
    older = [each for each in seen if each.at_ms <= needed_ms]
    newer = [each for each in seen if each.at_ms > needed_ms]
    return (*older[-1:], *newer[-KEPT:], one)


def veto(doubt: Doubt, seen: Sequence[Seen], spent: Sequence[Spent], step_micros: int) -> str:
    """Why it must not be called not placed; empty: nothing speaks against it.

    ``spent``: of every attempt there that may have cost anything since the first of
    ``seen``. ``step_micros``: how far the panel's rounding is off, for each order.
    """
    charge = doubt.fingerprint.charge_micros
    before = [one for one in seen if one.at_ms <= doubt.began_at_ms]
    after = [one for one in seen if one.at_ms - ASKED_MS >= doubt.died_at_ms]
    if not (charge and before and after):
        return ""
    since_ms, until_ms = before[-1].at_ms - ASKED_MS, after[-1].at_ms
    others = [
        one.micros
        for one in spent
        if one.attempt_id != doubt.attempt_id
        and one.from_ms <= until_ms
        and (one.to_ms is None or one.to_ms >= since_ms)
    ]
    known = [micros for micros in others if micros is not None]
    if len(known) < len(others):
        return ""
    unexplained = before[-1].micros - after[-1].micros - sum(known)
    if unexplained < charge - step_micros * (len(known) + 1):
        return ""
    return "the balance there fell by more than our other orders explain"
