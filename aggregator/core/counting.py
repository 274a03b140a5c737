"""Which orphan is whose: an order there that we do not know, a doubt of ours here.

A status answer shows neither link nor service, so an orphan fits every doubt of its
charge. ``count`` therefore never picks: it puts doubts that cannot be told apart
into one ``Group``, with all orphans that fit any of them, and counts. As many of
the one as of the other, each fitting exactly: all were placed. No orphan: none was.
Anything else is ``unclear``.

A charge is 0 after a cancel and less after a partial, so an orphan with such a word
*may* be any order that cost more; a charge that is not shown may be anything.
``Fit.MAYBE`` says so, and a group with a MAYBE in it is never decided. In the same
way an orphan that may be a child of an order whose children cannot be asked, or may
belong to a doubt closed before, makes its group unclear.

Two doubts of one fingerprint, both placed, are given their orphans in the order in
which they began: the money is right for the provider, and which reseller's order
stands behind which ID is the best guess there is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from aggregator.core import lifecycle, pricing
from aggregator.core.incident import Brood, Doubt, Fingerprint, Watched
from aggregator.core.lifecycle import Word
from aggregator.core.messages import OrderStatus

Floor = Callable[[Doubt], int]  # the lowest ID that a doubt's order can have
Orphans = Mapping[int, OrderStatus]

# Under these words an order still shows the whole charge it was sold for.
_WHOLE = frozenset(
    {
        Word.PENDING,
        Word.PROCESSING,
        Word.IN_PROGRESS,
        Word.ACTIVE,
        Word.PAUSED,
        Word.COMPLETED,
    }
)


class Fit(IntEnum):
    NO = 0
    MAYBE = 1
    EXACT = 2


@dataclass(frozen=True, slots=True)
class Others:
    """Who else may have made an orphan: ``broods`` whose children cannot be asked,
    and the ``watched``. ``cleared(one, number)``: a full sweep for that watched one
    has been made, and did not show this ID."""

    broods: tuple[Brood, ...]
    watched: tuple[Watched, ...]
    floor: Floor
    cleared: Callable[[Watched, int], bool]

    def may_hatch(self, said: OrderStatus) -> bool:
        return any(hatched(brood, said) for brood in self.broods)

    def may_claim(self, number: int, said: OrderStatus) -> bool:
        return any(
            number >= self.floor(one.doubt)
            and fit(one.doubt.fingerprint, said) is not Fit.NO
            and not self.cleared(one, number)
            for one in self.watched
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Doubts that cannot be told apart. ``placed``: attempt -> upstream ID, where
    counting settles it. ``brooding``: an orphan may be the child of one of these."""

    doubts: tuple[Doubt, ...]
    orphans: tuple[int, ...] = ()
    placed: Mapping[int, int] | None = None
    brooding: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """``late``: orphans of doubts closed before. ``unexplained``: nobody's."""

    groups: tuple[Group, ...]
    late: tuple[tuple[Doubt, int], ...] = ()
    unexplained: tuple[int, ...] = ()


def fit(fingerprint: Fingerprint, said: OrderStatus) -> Fit:
    """Whether an order that shows ``said`` may have this fingerprint."""
    if said.remains is not None and said.remains > fingerprint.units:
        return Fit.NO
    shown, expected = pricing.nearest_micros(said.charge), fingerprint.charge_micros
    if shown is None or expected is None:
        return Fit.MAYBE
    if abs(shown - expected) <= fingerprint.step_micros:
        return Fit.EXACT
    return Fit.MAYBE if shown < expected and _lowered(said) else Fit.NO


def _lowered(said: OrderStatus) -> bool:
    """Whether the charge shown may be less than what the order was sold for."""
    return lifecycle.read_word(said.word) not in _WHOLE


def hatched(brood: Brood, said: OrderStatus) -> bool:
    """Whether an order that shows ``said`` may be one of this brood."""
    shown = pricing.nearest_micros(said.charge)
    if shown is None:
        return True
    return shown <= brood.high_micros and (shown >= brood.low_micros or _lowered(said))


def count(doubts: Sequence[Doubt], orphans: Orphans, others: Others) -> Count:
    """Groups of ``doubts`` with the orphans that fit them, and what is left over."""
    by_age = sorted(doubts, key=lambda one: (one.began_at_ms, one.attempt_id))
    fits = {number: _fits(by_age, number, said, others.floor) for number, said in orphans.items()}
    groups: list[Group] = []
    unexplained: list[int] = []
    for members in _groups(by_age, fits):
        owned = tuple(one for one in by_age if one.attempt_id in members)
        mine = {number: fits[number] for number in sorted(fits) if fits[number].keys() & members}
        group = _counted(owned, mine, orphans, others)
        groups += [group or Group(owned, tuple(mine))]
        unexplained += () if group else mine
    stray = {number: orphans[number] for number in sorted(fits) if not fits[number]}
    late, nobodys = _late(stray, others)
    return Count(tuple(groups), late, (*unexplained, *nobodys))


def _fits(doubts: Sequence[Doubt], number: int, said: OrderStatus, floor: Floor) -> dict[int, Fit]:
    """Attempt -> how well this orphan fits it, where it does at all."""
    found = {one.attempt_id: fit(one.fingerprint, said) for one in doubts if number >= floor(one)}
    return {attempt: how for attempt, how in found.items() if how is not Fit.NO}


def _groups(doubts: Sequence[Doubt], fits: Mapping[int, Mapping[int, Fit]]) -> list[set[int]]:
    """Attempts joined by a common fingerprint or by an orphan that fits several."""
    by_fingerprint: dict[Fingerprint, set[int]] = {}
    for one in doubts:
        by_fingerprint.setdefault(one.fingerprint, set()).add(one.attempt_id)
    groups = list(by_fingerprint.values())
    for who in fits.values():
        touched = [group for group in groups if group & who.keys()]
        if len(touched) > 1:
            groups = [group for group in groups if group not in touched]
            groups.append(set().union(*touched))
    return groups


def _counted(
    doubts: tuple[Doubt, ...],
    fits: Mapping[int, Mapping[int, Fit]],
    orphans: Orphans,
    others: Others,
) -> Group | None:
    """The group; None where there are orphans in it that cannot all be ours."""
    if not fits:
        return Group(doubts)
    brooding = {number for number in fits if others.may_hatch(orphans[number])}
    excused = brooding | {number for number in fits if others.may_claim(number, orphans[number])}
    matched = _matched({number: list(who) for number, who in fits.items() if number not in excused})
    if matched is None:
        return None
    sure = all(how is Fit.EXACT for who in fits.values() for how in who.values())
    even = len(matched) == len(fits) == len(doubts)
    return Group(doubts, tuple(fits), matched if sure and even else None, bool(brooding))


def _matched(fits: Mapping[int, Sequence[int]]) -> dict[int, int] | None:
    """Attempt -> orphan, every orphan seated with an attempt of its own; None where
    that is impossible (Kuhn's augmenting paths; free attempts first, in order)."""
    taken: dict[int, int] = {}

    def seated(orphan: int, asked: set[int]) -> bool:
        for attempt in fits[orphan]:
            if attempt not in taken:
                taken[attempt] = orphan
                return True
        for attempt in fits[orphan]:
            if attempt not in asked:
                asked.add(attempt)
                if seated(taken[attempt], asked):
                    taken[attempt] = orphan
                    return True
        return False

    return taken if all(seated(orphan, set()) for orphan in fits) else None


def _late(stray: Orphans, others: Others) -> tuple[tuple[tuple[Doubt, int], ...], tuple[int, ...]]:
    """Orphans that fit no open doubt: those of closed ones, and nobody's.

    What may be a child is neither: nobody can say, and a child must not be canceled.
    """
    stray = {number: said for number, said in stray.items() if not others.may_hatch(said)}
    closed = {one.doubt.attempt_id: one.doubt for one in others.watched}
    claims = {
        n: list(_fits([*closed.values()], n, said, others.floor)) for n, said in stray.items()
    }
    nobodys = tuple(number for number, who in claims.items() if not who)
    seats = _matched({number: who for number, who in claims.items() if who})
    if seats is None:
        return (), tuple(claims)
    return tuple((closed[attempt], number) for attempt, number in seats.items()), nobodys
