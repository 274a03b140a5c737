"""What an account's own past proves about its panel: whether the bracket will hold.

None of this is believed because a panel says so. IDs must have risen, charges must
have been what we expected, or there is no probing there.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from aggregator.core.incident import Habits, OwnAdd
from aggregator.core.model import Provider
from aggregator.core.scanning import CONTROLS

PROOF_ADDS = 50  # in a row, none begun before the last was answered
PROOF_CHARGES = 10
ANCHOR_AMONG = 50
UNPROVED_STEPS = 2
_UNPROVED = f"its order IDs are not known to rise: {PROOF_ADDS} orders, one after another, show it"
_STEPS_MICROS = (1, 10, 100, 1_000, 10_000)  # six decimals down to two

_HOUR_MS = 3_600_000


def number(upstream_id: str) -> int | None:
    """An upstream ID as a number; None where it is not a decimal one."""
    decimal = upstream_id.isascii() and upstream_id.isdecimal()
    return int(upstream_id) if decimal and upstream_id[0] != "0" else None


def rose(adds: Sequence[OwnAdd]) -> bool:
    """Whether the IDs of the last PROOF_ADDS adds that did not overlap rose strictly.

    ``adds`` of one sequence, those that were placed; an ID that is not decimal
    (``upstream_id`` None) proves the contrary.
    """
    ids = _apart(adds)[-PROOF_ADDS:]
    return len(ids) == PROOF_ADDS and _rising(ids)


def rise(adds: Sequence[OwnAdd]) -> bool:
    """The same of all that are known, however few: nothing speaks against it."""
    return _rising(_apart(adds))


def _apart(adds: Sequence[OwnAdd]) -> list[int | None]:
    apart: list[OwnAdd] = []
    for one in sorted(adds, key=lambda add: add.began_at_ms):
        if not apart or one.began_at_ms >= (apart[-1].answered_at_ms or 0):
            apart.append(one)
    return [one.upstream_id for one in apart]


def _rising(ids: Sequence[int | None]) -> bool:
    return None not in ids and all(a < b for a, b in pairwise(one for one in ids if one))


class Answered:
    """Our last ANCHOR_AMONG IDs of one sequence, noted in the order in which they were
    answered; the next one is bracketed by them.

    Any of them stands below the new one, and the highest is the closest. Yet an odd one far
    above the others would stand above what it is to bracket. So one that a later answer was
    lower than does not count, and where the longest step of all was one of the last two, it
    is not believed until more of ours have followed: the anchor stays below it.

    Every add asks, so what counts is kept up to date. ``_rising``: those that no later one
    was lower than. For each of them ``_turns``: which answer it was, ``_steps``: how far
    above the one before it stands; 0 of the first.
    """

    __slots__ = ("_rising", "_steps", "_turn", "_turns")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._rising: list[int] = []
        self._steps: list[int] = []
        self._turns: list[int] = []
        self._turn = 0
        for number in numbers:
            self.note(number)

    def note(self, number: int) -> None:
        """One more was answered."""
        rising, steps, turns = self._rising, self._steps, self._turns
        while rising and rising[-1] >= number:
            del rising[-1], steps[-1], turns[-1]
        steps.append(number - rising[-1] if rising else 0)
        rising.append(number)
        turns.append(self._turn)
        self._turn += 1
        if turns[0] < self._turn - ANCHOR_AMONG:
            del rising[0], steps[0], turns[0]
            steps[0] = 0

    @property
    def anchor(self) -> int | None:
        """The low anchor of an add that begins now; None: no ID of ours is known."""
        rising, steps = self._rising, self._steps
        if len(rising) < 2:
            return rising[0] if rising else None
        longest = steps.index(max(steps))  # of several, the one furthest back
        is_proved = longest < len(steps) - UNPROVED_STEPS
        return rising[-1] if is_proved else rising[longest - 1]


def pace_per_hour(adds: Sequence[OwnAdd]) -> int:
    """IDs that the panel gives out in an hour, seen from ours; 0 where too few are known."""
    known = [(one.began_at_ms, one.upstream_id) for one in adds if one.upstream_id is not None]
    if len(known) < 2:
        return 0
    (first_ms, first), (last_ms, last) = min(known), max(known)
    return max(last - first, 0) * _HOUR_MS // max(last_ms - first_ms, 1)


def step(charges: Iterable[tuple[int, int]]) -> int | None:
    """How far a panel's rounding is off the charge we expect, in micros.

    ``charges``: expected and shown, of our own orders that were not reduced. None:
    their charges are not what we expect, or too few are known, so "charge is shown"
    does not hold there.
    """
    off = [abs(expected - shown) for expected, shown in charges]
    if len(off) < PROOF_CHARGES:
        return None
    return next((one for one in _STEPS_MICROS if one >= max(off)), None)


def missing(provider: Provider, habits: Habits, not_exclusive: bool = False) -> str:
    """The first precondition of the bracket that does not hold; empty: all do."""
    conditions = (
        (provider.probe, "probing is turned off"),
        (provider.exclusive_account, "the account is not declared exclusive"),
        (not not_exclusive, "somebody else orders with this account"),
        (habits.first_own is not None and habits.rose, _UNPROVED),
        (habits.batch > CONTROLS, "it cannot be asked for many orders at once"),
        (habits.errs_each, "it is not known to answer foreign IDs with an error each"),
        (habits.charge_shown, "its charges are not those that we expect"),
    )
    return next((why for holds, why in conditions if not holds), "")
