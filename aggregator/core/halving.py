"""Which IDs a panel chokes on, and how many it takes in one call.

A batch that is refused as a whole, or answered with something nobody can read, is asked
again in halves, and these in halves, down to single IDs. Two causes show themselves
differently. Where *one ID* spoils every call that it is in, only the halves with it
fail, until it stands alone: a *loner*, to be asked alone from then on. Where there are
*too many*, a batch fails although both of its halves succeed; that proves a limit, and
the rest is asked within it. And where two IDs have failed alone and nothing has
succeeded, it is neither: the panel is ill, and the search ends.

A limit is not for ever: after a while a batch of twice that size is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

GROW_MS = 3_600_000
GIVE_UP_MS = 600_000  # after a search that ended in nothing, none begins for so long
MOST_FAILED = 40  # calls of one search that may fail
_ALONE_IN_VAIN = 2

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many IDs to a call, as was found out then."""

    size: int
    since_ms: int

    def allowed(self, most: int, now_ms: int) -> int:
        """How many may be tried now. ``most``: what the dialect says."""
        grown = 2 if now_ms - self.since_ms >= GROW_MS else 1
        return max(min(self.size * grown, most), 1)


@dataclass(slots=True, eq=False)
class _Part:
    ids: Ids
    whole: "_Part | None" = None
    halves: "tuple[_Part, _Part] | None" = None
    is_sound: bool = False


@dataclass(slots=True, eq=False)
class Search:
    """Begins with a batch that has failed. ``next`` says what to ask, ``answered`` is
    told how it went, until ``next`` is None.

    ``fits``: a limit that was proved; ``loners``: IDs that failed alone where others
    succeed; ``in_vain``: nothing was found out.
    """

    batch: Ids
    fits: int | None = None
    in_vain: bool = False
    _alone: list[str] = field(default_factory=list)
    _succeeded: bool = False
    _failed: int = 0
    _left: list[_Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._halve(_Part(self.batch))

    @property
    def loners(self) -> Sequence[str]:
        return self._alone if self._succeeded else ()

    def next(self) -> Ids | None:
        return self._left[-1].ids if self._left else None

    def answered(self, *, sound: bool) -> None:
        """How the call went that ``next`` asked for."""
        part = self._left.pop()
        if sound:
            self._succeed(part)
        else:
            self._fail(part)

    def _succeed(self, part: _Part) -> None:
        part.is_sound = self._succeeded = True
        whole = part.whole
        if whole is not None and whole.halves and all(half.is_sound for half in whole.halves):
            self._fit(max(len(half.ids) for half in whole.halves))

    def _fit(self, size: int) -> None:
        """Too many is what was wrong: the rest is asked within the limit."""
        self.fits = min(size, self.fits or size)
        left, self._left = self._left, []
        for part in left:
            starts = range(0, len(part.ids), self.fits)
            pieces = [part.ids[start : start + self.fits] for start in starts]
            # Alone they are a part of nothing: what they show of its size is known.
            self._left += [part] if len(pieces) == 1 else map(_Part, reversed(pieces))

    def _fail(self, part: _Part) -> None:
        self._failed += 1
        if len(part.ids) > 1:
            self._halve(part)
        else:
            self._alone.append(part.ids[0])
        hopeless = not self._succeeded and len(self._alone) >= _ALONE_IN_VAIN
        if hopeless or self._failed >= MOST_FAILED:
            self.in_vain = not self._succeeded
            self._left.clear()

    def _halve(self, part: _Part) -> None:
        middle = (len(part.ids) + 1) // 2
        part.halves = _Part(part.ids[:middle], part), _Part(part.ids[middle:], part)
        self._left += reversed(part.halves)
