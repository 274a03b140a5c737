"""What was bought after a backup: which IDs of a provider to ask for, and until when.

A database that was put back knows our last order at a provider as of the backup. What
we bought since stands above it, and answers to our key; everybody else's orders, and
those not made yet, answer with an error. So every ID from there to the panel's head is
asked for, with the same batches, controls and manners as for a doubt (``scanning``),
before anything is sold there again.

Where the head is, nobody tells: an ID of somebody else's and one not given out yet
answer alike. It is therefore guessed, twice as far as the panel's own pace says, and
moved on while orders of ours turn up near the end (``next_sweep``). What closes the gap
for good is our first order after sales have reopened: all that was bought before it
stands below it, and so the search goes on up to there (``closing_sweep``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from aggregator.core import scanning
from aggregator.core.evidence import PROOF_ADDS
from aggregator.core.incident import OwnAdd
from aggregator.core.model import Kind, Provider
from aggregator.core.scanning import CONTROLS, Scan, Sweep

MOST_PROBES = 3_600  # two hours at the pace of our manners
LEAST_AHEAD = 200
PACE_FACTOR = 2
AGAIN_MS = 900_000  # after a panel has said no

UNDER_WAY = "the database was restored, and what was bought there since is being looked for"
ASKED = "everything up to the head was asked"

_HOUR_MS = 3_600_000


class Stage(StrEnum):
    """How far the search at a provider has come. Nothing is sold there in the first."""

    SCANNING = "scanning"
    CHECKING = "checking"  # sold there again; to be ended by our first order
    DONE = "done"
    WAIVED = "waived"  # by the operator
    IMPOSSIBLE = "impossible"  # it cannot be searched


ENDED = frozenset({Stage.DONE, Stage.WAIVED, Stage.IMPOSSIBLE})


@dataclass(frozen=True, slots=True)
class Progress:
    """``reached``: by ID sequence, up to where all has been asked. ``since_ms``: when the
    stage began."""

    stage: Stage
    why: str = ""
    since_ms: int = 0
    reached: Mapping[Kind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trail:
    """What the backup knows of one ID sequence. ``last``: our highest ID there, whose add
    began at ``last_at_ms``. ``low``: below it, and below it by the slack, stands nothing
    unknown. ``first_own``: the first ID that this database holds. ``batch``: IDs that one
    status call takes."""

    last: int
    last_at_ms: int
    low: int
    first_own: int
    pace_per_hour: int
    batch: int


def trail(
    adds: Sequence[OwnAdd],
    ids: Sequence[int],
    pace_per_hour: int,
    batch: int,
    anchors: Sequence[int] = (),
) -> Trail | None:
    """``adds`` of one sequence that were placed, the latest known; ``ids``: the first of
    our IDs; ``anchors``: those of open doubts. None: we never had an order there."""
    known = [(one.upstream_id, one.began_at_ms) for one in adds if one.upstream_id is not None]
    if not known:
        return None
    last, last_at_ms = max(known)
    if len(known) < PROOF_ADDS:  # a burst tells no pace
        pace_per_hour = min(pace_per_hour, last - min(known)[0])
    first_own = min([*ids, *(number for number, _ in known)])
    return Trail(last, last_at_ms, min([last, *anchors]), first_own, pace_per_hour, batch)


def missing(provider: Provider, known: Trail | None, bought: bool, not_exclusive: bool) -> str:
    """Why a provider cannot be searched; empty: it can. ``known``: one of its sequences
    that can be; ``bought``: we had orders there."""
    conditions = (
        (provider.exclusive_account, "the account is not declared exclusive"),
        (not not_exclusive, "somebody else orders with this account"),
        (provider.probe, "probing is turned off"),
        (bought, "the backup knows no order of ours there"),
        (known is not None, "its order IDs are not numbers that rise"),
        (known is None or known.batch > CONTROLS, "it cannot be asked for many orders at once"),
    )
    return next((why for holds, why in conditions if not holds), "")


def standing(known: Progress, halted: str, now_ms: int) -> Progress:
    """``known`` after another question. ``halted``: why nothing is asked for a while."""
    why = UNDER_WAY if known.stage is Stage.SCANNING else ASKED
    if halted:
        why = f"halted: {halted}; it is tried again every quarter of an hour"
    return replace(known, why=why, since_ms=known.since_ms or now_ms)


def next_sweep(known: Trail, scan: Scan, slack: int, now_ms: int) -> Sweep | None:
    """What to ask for next; None: the head has been passed, as far as can be told."""
    if scan.current is not None:
        return scan.current
    ahead = max(slack + known.pace_per_hour, LEAST_AHEAD)
    if not scan.sweeps:
        elapsed_ms = max(now_ms - known.last_at_ms, 0)
        run = PACE_FACTOR * known.pace_per_hour * elapsed_ms // _HOUR_MS
        low = max(known.low - slack, known.first_own, 1)
        return scanning.sweep(low, known.last + run + ahead, known.last, 0, now_ms)
    reached = scan.sweeps[-1].high
    top = max(scan.unknown, default=known.last) + ahead
    if top <= reached:
        return None
    return scanning.sweep(reached + 1, top, known.last, 0, now_ms)


def questions(sweep: Sweep, batch: int) -> int:
    """How many calls a sweep still takes."""
    return scanning.probes(sweep.next_id, sweep.high, batch)


def closing_sweep(
    reached: int, own: Sequence[OwnAdd], since_ms: int, scan: Scan, slack: int, now_ms: int
) -> Sweep | bool:
    """What is left to ask for up to our first order since sales reopened; True: nothing,
    False: there is none yet."""
    if scan.current is not None:
        return scan.current
    heads = [
        one.upstream_id
        for one in own
        if one.upstream_id is not None and one.began_at_ms >= since_ms
    ]
    if not heads:
        return False
    head = min(heads)
    if scan.sweeps or head + slack <= reached:
        return True
    return scanning.sweep(reached + 1, head + slack, head, since_ms, now_ms)
