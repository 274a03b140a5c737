"""What goes into the store and comes out of it: frozen, and whole for one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from aggregator.core.drift import Change
from aggregator.core.messages import (
    OrderStatus,
)
from aggregator.core.model import (
    Kind,
    Order,
    Purchase,
    State,
)
from aggregator.core.nouns import noun
from aggregator.core.outcome import Outcome
from aggregator.core.pacing import UNHURRIED, Pace


@noun(frozen=True, slots=True)
class RequestId:
    """A client's idempotency key with the hash of the parameters it came with."""

    text: str
    fingerprint: str


@noun(frozen=True, slots=True)
class AttemptDraft:
    """A try about to be written. ``cost_micros``: the full cost expected there.

    ``low_anchor``: our highest ID there that had been answered before.
    ``idempotency_key``: ``name=value`` of a parameter that the add carries.
    """

    provider: str
    upstream_service: str
    kind: Kind
    boot_id: str
    cost_micros: int | None = None
    low_anchor: int | None = None
    idempotency_key: str | None = None


@noun(frozen=True, slots=True)
class OrderDraft:
    """Transaction 1: everything that must be on disk before a byte leaves.

    ``first`` None: the order starts as ``queued`` until ``queued_until_ms``.
    ``explanation``: which routes were considered and why, for ``orders show``;
    ``price``: why he pays another rate than the list's, if he does.
    """

    reseller_id: int
    service_id: int
    service_type: str
    purchase: Purchase
    rate_micros: int
    charge_micros: int
    config_revision: str
    now_ms: int
    first: AttemptDraft | None
    queued_until_ms: int | None = None
    request: RequestId | None = None
    explanation: str = ""
    price: str = ""


@noun(frozen=True, slots=True)
class Opened:
    order_id: int
    attempt_id: int | None


@noun(frozen=True, slots=True)
class Remembered:
    """The request ID was used before: what became of it.

    ``error`` is the text that the first request was answered with, if it was one.
    """

    order_id: int
    kind: Kind
    state: State
    fingerprint: str
    error: str | None


@noun(frozen=True, slots=True)
class Closing:
    """Transaction 2: an attempt's outcome and what the order does next.

    Exactly one of these holds: the outcome is Placed or InDoubt; ``next`` is the
    attempt to write; ``queued_until_ms`` is set; else the order ends, as
    ``rejected`` with ``error`` where ``answered`` is false, as ``canceled`` where
    the reseller already has his ID; from another server, maybe, which the store knows.
    """

    order_id: int
    attempt_id: int
    outcome: Outcome
    now_ms: int
    next: AttemptDraft | None = None
    queued_until_ms: int | None = None
    error: str = ""
    answered: bool = True


@noun(frozen=True, slots=True)
class Closed:
    """What transaction 2 made of it. ``state`` is what stands on disk now.

    ``won`` is false when the attempt had been closed by somebody else first
    (``orders resolve``, a deadline): nothing was changed but an event added.
    """

    state: State
    attempt_id: int | None = None
    won: bool = True


@noun(frozen=True, slots=True)
class Reading:
    """One status answer to be applied. ``asked_at_ms``: when it was *asked*.

    ``known``: the order as it stood before the question, which spares reading it again
    where it still stands so.
    """

    order_id: int
    status: OrderStatus
    asked_at_ms: int
    pace: Pace = UNHURRIED
    known: Order | None = None


@noun(frozen=True, slots=True)
class RefillReading:
    """What was heard of a refill, and when to ask again. ``status`` None: nothing."""

    refill_id: int
    status: str | None
    asked_at_ms: int
    next_check_at_ms: int | None = None


@noun(frozen=True, slots=True)
class Event:
    """What happened to an order, for the operator. ``detail`` has no secrets."""

    order_id: int
    kind: str
    detail: Mapping[str, object] = field(default_factory=dict)


@noun(frozen=True, slots=True)
class Saved:
    """What became of a catalogue that was read. ``doubt``: why it was not believed, and
    nothing was changed; empty: it was."""

    doubt: str = ""
    changes: Sequence[Change] = ()
