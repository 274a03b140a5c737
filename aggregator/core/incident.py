"""Orders in doubt at one provider: what is seen of them, and what can be done.

``Incident`` is everything that ``doubt.plan`` looks at; the steps are everything
it can answer. Upstream IDs are integers in here, for the bracket counts with
them; a panel whose IDs are not decimal is never probed. Times are milliseconds
since the epoch, money is the *provider's* currency in micros.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Provider
from aggregator.core.scanning import Manners, Probe, Scan

SETTLE_MS = 300_000  # after its connection died, a request has landed or never will
WATCH_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an order shows of itself in a status answer.

    ``sequence``: the ID sequence it would stand in; NORMAL for all where the panel
    has only one. ``charge_micros``: what we expect to be charged; None where nobody
    knows (no catalogue price; a subscription, whose posts are charged one by one).
    ``step_micros``: how far the panel's rounding may be off that (``evidence.step``).
    """

    sequence: Kind
    charge_micros: int | None
    units: int
    step_micros: int = 0


@dataclass(frozen=True, slots=True)
class Brood:
    """Orders that the provider makes by itself out of one of ours: runs, posts, refills.

    Each is charged ``low_micros`` to ``high_micros``. ``named``: the parent's status
    lists them; ``asked_at_ms``: when it was last asked and its children registered.
    """

    order_id: int
    service: str
    low_micros: int
    high_micros: int
    named: bool = True
    asked_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """An attempt whose outcome is open: ``in_doubt``, or closed and still watched.

    ``service`` is the provider's ID of it. ``low_anchor``: our highest ID of the
    sequence whose answer had arrived before this add began. ``died_at_ms``: when
    its connection died; after a restart, when we came up; of a refusal in unknown
    words, when it was read. ``brood``: what it makes if it was placed. ``left``: to
    a person, for good. ``veto``: evidence against calling it not placed (``purse``), in
    words for that person.
    """

    attempt_id: int
    order_id: int
    fingerprint: Fingerprint
    service: str
    low_anchor: int | None
    began_at_ms: int
    died_at_ms: int
    ordered_at_ms: int
    brood: Brood | None = None
    left: bool = False
    alerted: bool = False
    veto: str = ""
    replayed_at_ms: int | None = None

    @property
    def settled_at_ms(self) -> int:
        return self.died_at_ms + SETTLE_MS


@dataclass(frozen=True, slots=True)
class Watched:
    """A doubt closed as not placed, a refusal in unknown words, a refund at the
    deadline: its order may turn up all the same until ``until_ms``."""

    doubt: Doubt
    closed_at_ms: int

    @property
    def until_ms(self) -> int:
        return self.closed_at_ms + WATCH_MS


@dataclass(frozen=True, slots=True)
class OwnAdd:
    """An add of ours whose outcome is not in doubt.

    ``answered_at_ms`` None: still in flight. ``upstream_id`` None: in flight, or
    nothing was bought.
    """

    sequence: Kind
    began_at_ms: int
    answered_at_ms: int | None = None
    upstream_id: int | None = None


@dataclass(frozen=True, slots=True)
class Habits:
    """What was found out about a provider's sequence (``core.evidence``).

    ``batch``: IDs that one status call takes. ``first_own``: the first of our IDs
    that this database holds. ``rose``: our last IDs rose strictly. ``errs_each``: a
    status call for many answers foreign IDs with an error each. ``charge_shown``:
    our own orders show the charge we expect. ``pace_per_hour``: IDs it gives out.
    """

    batch: int
    first_own: int | None
    rose: bool
    errs_each: bool
    charge_shown: bool
    pace_per_hour: int


@dataclass(frozen=True)  # no slots: ``own`` is kept once it has been asked for
class Incident:
    """All that is known of one ID sequence of one provider, at one moment.

    ``doubts``, ``watched``, ``adds`` and ``broods`` are the provider's, of every
    sequence; ``mapped`` are the IDs of this sequence that are known to be ours;
    ``adds`` reach back to the oldest open doubt. ``orphans`` are unknown IDs found
    before a restart. ``not_exclusive``: somebody else was caught using the account.
    ``up_since_ms``: when this process started.
    """

    provider: Provider
    sequence: Kind
    habits: Habits
    doubts: tuple[Doubt, ...]
    mapped: Container[int]
    adds: tuple[OwnAdd, ...] = ()
    broods: tuple[Brood, ...] = ()
    watched: tuple[Watched, ...] = ()
    scan: Scan = field(default_factory=Scan)
    manners: Manners = field(default_factory=Manners)
    orphans: Mapping[int, OrderStatus] = field(default_factory=dict)
    not_exclusive: bool = False
    up_since_ms: int = 0

    @cached_property
    def own(self) -> tuple[tuple[int, int], ...]:
        """The IDs of our placed adds in this sequence, each with when its add began."""
        return tuple(
            (one.upstream_id, one.began_at_ms)
            for one in self.adds
            if one.upstream_id is not None and one.sequence is self.sequence
        )


# Every step has its reason, one short phrase for ``orders show``. It does not change
# while nothing changes, so an event a change of reason is enough.


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for this doubt but wait: for ``until_ms``, where that is known, or
    for what ``why`` says. An add that is answered may always end it."""

    attempt_id: int
    order_id: int
    until_ms: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Replay:
    """Send the same add again *with its idempotency key*: the answer is the truth."""

    attempt_id: int
    order_id: int
    why: str


@dataclass(frozen=True, slots=True)
class AskChildren:
    """Ask these orders' status now and register the children that they name."""

    order_ids: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Adopt:
    """in_doubt -> placed, as ``upstream_id``."""

    attempt_id: int
    order_id: int
    upstream_id: str
    why: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """in_doubt -> queued for another provider if ``elsewhere``, else -> canceled."""

    attempt_id: int
    order_id: int
    elsewhere: bool
    why: str


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """The order stays in doubt, flagged. ``orphans``: the IDs it may be."""

    attempt_id: int
    order_id: int
    orphans: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Refund:
    """The deadline has come: in_doubt -> canceled, and watched from then on."""

    attempt_id: int
    order_id: int
    why: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An operator should look at these orders: they have been in doubt for long."""

    order_ids: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class NotExclusive:
    """Somebody else orders with this account: stop adopting, for good, and alert."""

    orphans: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class LateOrphan:
    """``order_id`` was closed as not placed, and its order is there after all.

    Try to cancel it there, else book ``charge_micros`` to ``loss/{provider}``; map
    the ID either way. The reseller is never charged again.
    """

    attempt_id: int
    order_id: int
    upstream_id: str
    charge_micros: int | None
    why: str


Step = (
    Wait
    | Replay
    | Probe
    | AskChildren
    | Adopt
    | NotPlaced
    | NeedsPerson
    | Refund
    | Alert
    | NotExclusive
    | LateOrphan
)
