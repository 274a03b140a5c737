"""Asking a provider for every ID of a window, politely, and believing the answers.

A ``Sweep`` asks upwards from ``low`` to ``high``, one batch a ``Probe``, so that
what has been covered is always one piece: everything below ``next_id``. Each batch
carries its own controls: an ID of ours that must answer, and an impossible one that
must not. If either is wrong, or any ID is missing from the answer, the batch counts
for nothing and the same IDs are asked again.

``Scan`` is what a sequence has seen, ``Manners`` how often its provider was asked.
Both are values: a loop keeps them in memory, feeds every answer through ``heard``,
and may lose them; then the scan begins anew.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused, StatusAnswers

CONTROLS = 2  # IDs of a batch that are not asked for their own sake
PROBES_PER_INCIDENT = 60
GAP_MS = 2_000
FAULTS_IN_A_ROW = 5  # then the panel is not fit for being asked at all
KEPT_SWEEPS = 64  # more than the probes of an incident can make

# Above every ID that the panel can have reached, yet inside 32 bits where its IDs are.
IMPOSSIBLE_AHEAD = 1_000_000_000

# Refusals that say nothing about the ID asked for.
_NOISE = frozenset({ErrorClass.RATE, ErrorClass.DOWN, ErrorClass.AUTH, ErrorClass.UNKNOWN_OUTCOME})


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over ``low``..``high``. ``head`` is the own ID it goes up to.

    ``head_began_at_ms``: when the add of ``head`` was sent, and so the moment for
    which this sweep speaks: what had landed by then, it sees. ``unknown``: the IDs
    that answered and were not known to be ours.
    """

    low: int
    high: int
    head: int
    head_began_at_ms: int
    began_at_ms: int
    next_id: int
    ended_at_ms: int | None = None
    unknown: Mapping[int, OrderStatus] = field(default_factory=dict)

    def speaks_for(self, floor: int, since_ms: int) -> bool:
        """Whether an order above ``floor`` that landed by ``since_ms`` must have been seen."""
        return self.low <= floor <= self.head and self.head_began_at_ms >= since_ms


@dataclass(frozen=True, slots=True)
class Scan:
    """``sweeps`` are finished ones, oldest first; ``current`` the one under way."""

    sweeps: tuple[Sweep, ...] = ()
    current: Sweep | None = None

    @property
    def unknown(self) -> dict[int, OrderStatus]:
        """All IDs ever found unknown, each with its last answer."""
        return {number: said for sweep in self.sweeps for number, said in sweep.unknown.items()}

    def reached(self, floor: int) -> int:
        """Up to which of our own IDs everything above ``floor`` has been asked."""
        for sweep in self.sweeps:
            if sweep.low <= floor:
                floor = max(floor, sweep.head)
        return floor


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the status of ``asked`` in one call, once. It covers IDs up to ``to_id``."""

    sweep: Sweep
    ids: tuple[int, ...]
    to_id: int
    impossible: int
    why: str

    @property
    def asked(self) -> tuple[str, ...]:
        """The IDs to ask, in one call: ours, those of the window, the impossible one."""
        return tuple(map(str, (self.sweep.head, *self.ids, self.impossible)))


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. ``halt``: "429", "403" or "not JSON", for the whole call."""

    answers: StatusAnswers
    asked_at_ms: int
    answered_at_ms: int
    halt: str = ""


@dataclass(frozen=True, slots=True)
class Manners:
    """``asked_at_ms``: the last probes, as many as an incident may have. ``halted``:
    why nothing more may be asked on behalf of doubts that began before then."""

    asked_at_ms: tuple[int, ...] = ()
    faults: int = 0
    halted: str = ""
    halted_at_ms: int = 0

    def left_since(self, began_at_ms: int) -> int:
        """Probes left for an incident that began then."""
        return PROBES_PER_INCIDENT - sum(at >= began_at_ms for at in self.asked_at_ms)

    def next_at_ms(self, rate_limit_per_minute: int | None) -> int:
        """The earliest moment for the next probe: 2 s apart, a quarter of the limit."""
        if not self.asked_at_ms:
            return 0
        quarter_ms = 240_000 // rate_limit_per_minute if rate_limit_per_minute else 0
        return self.asked_at_ms[-1] + max(GAP_MS, quarter_ms)


def sweep(low: int, high: int, head: int, head_began_at_ms: int, now_ms: int) -> Sweep:
    return Sweep(low, high, head, head_began_at_ms, now_ms, next_id=low)


def probe(one: Sweep, mapped: Container[int], batch: int, why: str) -> Probe:
    """The next batch of a sweep: unknown IDs in rising order, and the controls."""
    room = batch - CONTROLS
    ids: list[int] = []
    for number in range(one.next_id, one.high + 1):
        if number not in mapped and number != one.head:
            if len(ids) == room:
                return Probe(one, tuple(ids), number - 1, one.head + IMPOSSIBLE_AHEAD, why)
            ids.append(number)
    return Probe(one, tuple(ids), one.high, one.head + IMPOSSIBLE_AHEAD, why)


def probes(low: int, high: int, batch: int) -> int:
    """How many probes a sweep costs at most."""
    return max(-(-(high - low + 1) // (batch - CONTROLS)), 0)


def fault(asked: Probe, reply: Heard) -> str:
    """Why a batch counts for nothing; empty where it counts."""
    if reply.halt:
        return reply.halt
    ours, *said, impossible = map(reply.answers.get, asked.asked)
    if not isinstance(ours, OrderStatus):
        return f"our order {asked.asked[0]} did not answer as ours"
    if not _absent(impossible):
        return f"order {asked.asked[-1]}, which nobody has yet, did not answer with an error"
    return "" if all(map(_answered, said)) else "an ID was not answered for"


def _answered(said: object) -> bool:
    return isinstance(said, OrderStatus) or _absent(said)


def _absent(said: object) -> bool:
    return isinstance(said, Refused) and said.error_class not in _NOISE


def heard(scan: Scan, manners: Manners, asked: Probe, reply: Heard) -> tuple[Scan, Manners]:
    """What is known, and what may still be asked, after the answer to a probe."""
    wrong = fault(asked, reply)
    return _learned(scan, asked, reply, wrong), _behaved(manners, reply, wrong)


def _learned(scan: Scan, asked: Probe, reply: Heard, wrong: str) -> Scan:
    """A batch that counts for nothing leaves its sweep where it was."""
    one = asked.sweep
    if wrong:
        return replace(scan, current=one)
    found = {
        number: said
        for number, said in zip(asked.ids, map(reply.answers.get, asked.asked[1:]), strict=False)
        if isinstance(said, OrderStatus)
    }
    one = replace(one, next_id=asked.to_id + 1, unknown={**one.unknown, **found})
    if one.next_id <= one.high:
        return replace(scan, current=one)
    done = replace(one, ended_at_ms=reply.answered_at_ms)
    return Scan((*scan.sweeps, done)[-KEPT_SWEEPS:])


def _behaved(manners: Manners, reply: Heard, wrong: str) -> Manners:
    """The probe is counted, and a panel that says no is obeyed."""
    asked_at_ms = (*manners.asked_at_ms, reply.asked_at_ms)[-PROBES_PER_INCIDENT:]
    faults = manners.faults + 1 if wrong else 0
    after = replace(manners, asked_at_ms=asked_at_ms, faults=faults)
    if reply.halt or faults >= FAULTS_IN_A_ROW:
        return replace(after, faults=0, halted=wrong, halted_at_ms=reply.answered_at_ms)
    return after
