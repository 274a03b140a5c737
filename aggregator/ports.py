"""What the actions need from the world: a store, the upstream, a clock.

These Protocols are the walls between rooms. ``store`` and ``upstream`` fulfil
them over real disks and sockets; the tests fulfil them in memory. The values
that cross a wall are frozen dataclasses, here or in ``core``.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.core.drift import Change
from aggregator.core.halving import Limit
from aggregator.core.health import Health
from aggregator.core.messages import (
    Balance,
    CancelAnswers,
    OrderStatus,
    RefillAnswers,
    Refused,
    ServiceRow,
    StatusAnswers,
    Unreadable,
)
from aggregator.core.model import (
    Attempt,
    Kind,
    Offer,
    Order,
    Policy,
    Provider,
    Purchase,
    Refill,
    Reseller,
    Service,
    State,
)
from aggregator.core.outcome import Outcome
from aggregator.core.pacing import UNHURRIED, Pace
from aggregator.core.retention import Rule
from aggregator.core.routing import Facts
from aggregator.core.scanning import Heard
from aggregator.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Setup:
    """One revision of the operator's configuration, whole and checked."""

    revision: str
    policy: Policy
    providers: Mapping[str, Provider]
    dialects: Mapping[str, Dialect]
    services: Mapping[int, Service]

    def dialect_of(self, provider: str) -> Dialect:
        return self.dialects[self.providers[provider].dialect]

    def facts(
        self,
        service: Service,
        offers: Mapping[str, Mapping[str, Offer]],
        health: Callable[[str], Health] = lambda _provider: Health(),
    ) -> list[Facts]:
        """What is known of each of the service's routes, in the operator's order.

        ``offers``: provider -> its service ID -> what it offers. ``health`` of a provider;
        all are well, if nothing else is said.
        """
        return [
            Facts(
                route=route,
                provider=self.providers[route.provider],
                health=health(route.provider),
                offer=offers.get(route.provider, {}).get(route.service),
                offers_dripfeed=self.dialect_of(route.provider).offers_dripfeed,
            )
            for route in service.routes
        ]

    def routed(self) -> dict[str, set[str]]:
        """provider -> those of its services that some route leads to."""
        found: dict[str, set[str]] = defaultdict(set)
        for service in self.services.values():
            for route in service.routes:
                found[route.provider].add(route.service)
        return found


class StoreUnavailable(Exception):
    """The store could not write and nothing was written: the disk is full, say.

    The same transaction may be tried again.
    """


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never stepping back."""


@dataclass(frozen=True, slots=True)
class RequestId:
    """A client's idempotency key with the hash of the parameters it came with."""

    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """Transaction 1: everything that must be on disk before a byte leaves.

    ``first`` None: the order starts as ``queued`` until ``queued_until_ms``.
    ``explanation``: which routes were considered and why, for ``orders show``;
    ``price``: why he pays another rate than the list's, if he does.
    ``daily_cap_micros``: what he may spend on the day of ``now_ms`` (UTC), with this.
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
    daily_cap_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    order_id: int
    attempt_id: int | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """The request ID was used before: what became of it.

    ``error`` is the text that the first request was answered with, if it was one.
    """

    order_id: int
    kind: Kind
    state: State
    fingerprint: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Closing:
    """Transaction 2: an attempt's outcome and what the order does next.

    Exactly one of these holds: the outcome is Placed or InDoubt; ``next`` is the
    attempt to write; ``queued_until_ms`` is set; else the order ends, as
    ``rejected`` with ``error`` where ``answered`` is false, as ``canceled`` where
    the reseller already has his ID.
    """

    order_id: int
    attempt_id: int
    outcome: Outcome
    now_ms: int
    next: AttemptDraft | None = None
    queued_until_ms: int | None = None
    error: str = ""
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Closed:
    """What transaction 2 made of it. ``state`` is what stands on disk now.

    ``won`` is false when the attempt had been closed by somebody else first
    (``orders resolve``, a deadline): nothing was changed but an event added.
    """

    state: State
    attempt_id: int | None = None
    won: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """One status answer to be applied. ``asked_at_ms``: when it was *asked*."""

    order_id: int
    status: OrderStatus
    asked_at_ms: int
    pace: Pace = UNHURRIED


@dataclass(frozen=True, slots=True)
class RefillReading:
    """What was heard of a refill, and when to ask again. ``status`` None: nothing."""

    refill_id: int
    status: str | None
    asked_at_ms: int
    next_check_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an order, for the operator. ``detail`` has no secrets."""

    order_id: int
    kind: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a catalogue that was read. ``doubt``: why it was not believed, and
    nothing was changed; empty: it was."""

    doubt: str = ""
    changes: Sequence[Change] = ()


class Store(Protocol):
    """Everything durable. A method that returns has committed what it changed."""

    # -- who is asking
    async def authenticate(self, key_hash: bytes) -> Reseller | None:
        """The reseller of an active key, or None."""

    async def available(self, reseller_id: int) -> int:
        """Micros he can spend."""

    # -- placing
    async def open_order(self, draft: OrderDraft) -> Opened | Remembered:
        """Transaction 1. ClientError("Insufficient balance") writes nothing: there is
        not enough, or he has spent what he may on this day."""

    async def close_attempt(self, closing: Closing) -> Closed:
        """Transaction 2. An upstream ID that is already ours turns into a doubt."""

    async def remembered(self, reseller_id: int, request_id: str) -> Remembered | None: ...

    async def recover(self, boot_id: str, now_ms: int) -> list[int]:
        """At start: ``sending`` of a dead process becomes ``in_doubt``. Order IDs."""

    async def leads(self) -> bool:
        """Whether this server does what only one of those on a database should do: put
        questions to providers that all of them would put. Ask before each round, for it
        may change; two never lead at once. Alone on its database a server always leads."""

    # -- the queue
    async def queued_services(self) -> list[int]:
        """The services that some order in the queue is of."""

    async def queued(self, service_id: int, after_id: int, limit: int) -> list[Order]:
        """Those of a service with higher IDs than ``after_id``, oldest first."""

    async def queued_too_long(self, now_ms: int, limit: int) -> list[int]:
        """Orders whose ``queued_until_ms`` has come."""

    async def start_queued(self, order_id: int, draft: AttemptDraft, now_ms: int) -> int | None:
        """The new attempt's ID; None if the order is no longer queued."""

    async def cancel_queued(self, order_id: int, reason: str, now_ms: int) -> bool:
        """queued -> canceled with its hold given back; false if somebody was first."""

    # -- reading back
    async def orders(self, ids: Sequence[int], reseller_id: int | None = None) -> dict[int, Order]:
        """Those that exist (and are his); one indexed query."""

    @property
    def revision(self) -> int:
        """While it stays the same, ``holds`` says what it said."""

    def holds(self, orders: Sequence[Order]) -> bool:
        """Whether these very rows, as ``orders`` gave them, are known to stand as they are;
        without asking the database."""

    async def children(self, parent_ids: Sequence[int]) -> dict[int, list[Order]]:
        """By each parent's ID, oldest first."""

    async def attempts(self, order_id: int) -> list[Attempt]: ...

    async def due(self, provider: str, until_ms: int, limit: int) -> list[Order]:
        """Orders at a provider, placed or watched, whose ``next_check_at_ms`` comes until
        then; the longest due first."""

    async def apply_statuses(
        self, readings: Sequence[Reading], policy: Policy, now_ms: int
    ) -> list[Event]:
        """Settle each (core.settlement) with its money; returns what is worth an alert."""

    async def check_later(self, when: Mapping[int, int | None]) -> None:
        """By order ID, when to ask after it next; None: never. One that is not asked
        after any more stays so."""

    # -- refills
    async def add_refill(self, order: Order, upstream_refill_id: str, now_ms: int) -> int: ...

    async def refills(self, ids: Sequence[int], reseller_id: int) -> dict[int, Refill]: ...

    async def due_refills(self, provider: str, until_ms: int, limit: int) -> list[Refill]:
        """Like ``due``."""

    async def apply_refills(self, readings: Sequence[RefillReading]) -> None: ...

    # -- what was learned

    async def recall(self, what: str) -> str | None:
        """The text that was remembered last; None: none ever was."""

    async def remember(self, what: str, text: str) -> None: ...

    # -- catalogues, events, health
    async def save_catalogue(
        self, provider: str, offers: Sequence[Offer], used: Collection[str], now_ms: int
    ) -> Saved:
        """A reading of a provider's list. ``used``: those services that routes lead to."""

    async def offers(
        self, wanted: Mapping[str, Collection[str]]
    ) -> Mapping[str, Mapping[str, Offer]]:
        """Those of ``wanted`` (provider -> its service IDs) that catalogues told of; those
        that are gone by now, too."""

    async def record(self, events: Sequence[Event], now_ms: int, most: int | None = None) -> None:
        """``most``: of one kind so many are kept of each order."""

    async def record_once(self, event: Event, now_ms: int) -> bool:
        """False where the very same event stands there already."""

    async def forget_requests(self, before_ms: int) -> None:
        """Drops idempotency keys that were first seen before then."""

    async def forget(self, rule: Rule, before_ms: int) -> int:
        """Forgets of some orders that ended before then; of how many: 0, it is done."""

    async def changed_elsewhere(self) -> bool:
        """Whether another process has committed since the last call."""


class Upstream(Protocol):
    """The providers. No method raises on anything a provider does.

    ``timeout_s`` bounds the whole call with its retries.
    """

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        """Sends once, or not at all. Never retried in here."""

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> StatusAnswers:
        """Any number of IDs: split into the dialect's batches, asked in parallel."""

    async def probe(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> Heard:
        """The status of so many IDs as one call takes: asked once, whatever comes of it."""

    async def refill(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> RefillAnswers: ...

    async def refill_status(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> RefillAnswers: ...

    async def cancel(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> CancelAnswers: ...

    async def balance(
        self, provider: str, *, timeout_s: float
    ) -> Balance | Refused | Unreadable: ...

    async def services(
        self, provider: str, *, timeout_s: float
    ) -> list[ServiceRow] | Refused | Unreadable: ...

    def batch_size(self, provider: str, action: str) -> int:
        """How many IDs one call takes, by the dialect and by what was found out."""

    def limits(self) -> Mapping[str, Mapping[str, Limit]]:
        """provider -> action -> what was found out about its batches."""

    def restore_limits(self, limits: Mapping[str, Mapping[str, Limit]]) -> None:
        """What was found out before a restart."""

    def health(self, provider: str) -> Health:
        """As it stands; ``core.health`` says what it means."""
