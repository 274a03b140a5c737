"""The nouns: what the operator configured and what the store remembers.

Money is an integer count of micros (10**-6 of the currency's unit); times are
integer milliseconds since the epoch (``*_ms``); an upstream ID is always text.
"""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from aggregator.core.nouns import noun


class Kind(StrEnum):
    """How an order is delivered; also the name of the provider's ID sequence."""

    NORMAL = "normal"
    DRIPFEED = "dripfeed"
    SUBSCRIPTION = "subscription"

    @property
    def has_children(self) -> bool:
        """Whether the provider makes orders of its own out of one: runs or posts."""
        return self is not Kind.NORMAL


class State(StrEnum):
    """Where an order stands (``lifecycle.TRANSITIONS`` says what may follow)."""

    SENDING = "sending"
    QUEUED = "queued"
    IN_DOUBT = "in_doubt"
    PLACED = "placed"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REJECTED = "rejected"


class AttemptState(StrEnum):
    """Where one try at one provider stands."""

    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    PLACED = "placed"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    NOT_PLACED = "not_placed"  # was in doubt, and settled as never bought


class Scope(StrEnum):
    """What an API key may do; ``status``, ``services`` and ``balance`` need READ."""

    READ = "read"
    ORDER = "order"
    REFILL = "refill"
    CANCEL = "cancel"


class Strategy(StrEnum):
    PRIORITY = "priority"
    CHEAPEST = "cheapest"
    WEIGHTED = "weighted"


class OnDeadline(StrEnum):
    REFUND = "refund"
    HOLD = "hold"


@noun(frozen=True, slots=True)
class Route:
    """One way to serve a service.

    ``service`` is the provider's ID of it. ``cost_micros`` is what the operator
    says it costs there, in the provider's currency, per 1000 (or per order).
    """

    provider: str
    service: str
    weight: int = 1
    cost_micros: int | None = None


@noun(frozen=True, slots=True)
class Service:
    """An item of our list. ``rate`` is echoed as the operator wrote it.

    ``rate_micros`` is per 1000 units, or per order where the type is priced so.
    """

    id: int
    name: str
    category: str
    type: str
    rate: str
    rate_micros: int
    min: int
    max: int
    description: str | None = None
    refill: bool = False
    cancel: bool = False
    dripfeed: bool = False
    enabled: bool = True
    allow_loss: bool = False
    strategy: Strategy = Strategy.PRIORITY
    markup: Decimal | None = None  # a fraction: 0.20 on the first usable route's rate
    routes: tuple[Route, ...] = ()


@noun(frozen=True, slots=True)
class Provider:
    """An upstream panel. ``key`` never appears in a repr, a log or an error."""

    name: str
    url: str
    key: str = field(repr=False)
    dialect: str
    currency: str
    exchange_rate: Decimal = Decimal(1)  # units of our currency for one of theirs
    rate_limit_per_minute: int | None = None
    concurrency: int = 16
    exclusive_account: bool = False
    idempotency_param: str | None = None
    probe: bool = True
    slack: int = 200
    in_doubt_deadline_s: int = 86_400
    on_deadline: OnDeadline = OnDeadline.REFUND
    auto_failover: bool = False
    low_balance_micros: int | None = None
    paused: bool = False
    retired: bool = False

    @property
    def takes_orders(self) -> bool:
        return not (self.paused or self.retired)

    def is_same_panel(self, other: "Provider") -> bool:
        """A panel may move, or renew its key; what does both is another one."""
        return self.url == other.url or self.key == other.key


@noun(frozen=True, slots=True)
class Retention:
    """How long after its end something of an order is kept; None: for good."""

    links_s: float | None = None
    comments_s: float | None = None
    events_s: float | None = None


@noun(frozen=True, slots=True)
class Policy:
    """The operator's house rules; durations in seconds."""

    currency: str = "USD"
    answer_within_s: float = 10
    queue_for_s: float = 3600
    status_ttl_s: float = 30
    status_deadline_s: float = 3
    settle_failed_after_s: float = 3600
    watch_ended_s: float = 259_200
    drain_within_s: float = 30
    first_order_id: int = 1
    retention: Retention = Retention()


@noun(frozen=True, slots=True)
class Offer:
    """What a provider's catalogue says of one of its services, as last read.

    ``rate_micros`` in the provider's currency; None where it told nothing sane.
    ``gone_at_ms``: when the service was first missing there; what it was stays known.
    """

    service: str
    name: str
    type: str
    category: str
    rate_micros: int | None
    min: int | None
    max: int | None
    refill: bool | None = None
    cancel: bool | None = None
    dripfeed: bool | None = None
    description: str | None = None
    gone_at_ms: int | None = None

    @property
    def gone(self) -> bool:
        return self.gone_at_ms is not None


@noun(frozen=True, slots=True)
class PriceTerms:
    """What one reseller pays in place of the list's rates (``core.terms``).

    ``discount_ppm``: millionths off each rate. ``rates``: (service ID, rate as
    written) by rising ID; a rate of his own is not discounted.
    """

    discount_ppm: int = 0
    rates: tuple[tuple[int, str], ...] = ()


Network = IPv4Network | IPv6Network


@noun(frozen=True, slots=True)
class Reseller:
    """Who is asking, as his key proved it.

    ``addresses``: where that key may be used from; empty: anywhere.
    """

    id: int
    name: str
    scopes: frozenset[Scope]
    terms: PriceTerms = PriceTerms()
    addresses: tuple[Network, ...] = ()

    def may_call_from(self, address: str) -> bool:
        """``address`` in its canonical spelling."""
        if not self.addresses:
            return True
        parsed = ip_address(address)
        return any(parsed in network for network in self.addresses)


@noun(frozen=True, slots=True)
class Purchase:
    """What a reseller wants, checked: the output of ``order_types.check``.

    ``params`` are the type's own parameters under their standard names, as they
    will be sent; ``quantity`` is per run; ``units`` is what is billed.
    """

    kind: Kind
    quantity: int
    units: int
    params: Mapping[str, str]
    runs: int | None = None
    interval: int | None = None

    @property
    def link(self) -> str | None:
        return self.params.get("link")


@noun(frozen=True, slots=True)
class Order:
    """One row of ``orders``: what was sold, and the last that is known of it."""

    id: int
    reseller_id: int
    service_id: int
    service_type: str
    kind: Kind
    state: State
    quantity: int
    units: int
    rate_micros: int
    charge_micros: int
    created_at_ms: int
    parent_id: int | None = None
    refunded_micros: int = 0
    share_micros: int = 0  # of a child: its part of the parent's charge
    params: Mapping[str, str] = field(default_factory=dict)
    runs: int | None = None
    interval: int | None = None
    config_revision: str = ""
    provider: str | None = None
    upstream_service: str | None = None
    upstream_order_id: str | None = None
    upstream_cost_micros: int | None = None  # full cost expected, provider's currency
    word: str | None = None  # the provider's last word, canonical (lifecycle.Word)
    start_count: str | None = None
    remains: int | None = None
    upstream_charge_micros: int | None = None
    runs_done: int | None = None
    posts_done: int | None = None
    expiry: str | None = None
    asked_at_ms: int | None = None  # when the last applied status was asked
    next_check_at_ms: int | None = None
    failed_since_ms: int | None = None
    unreadable_since_ms: int | None = None
    needs_person: bool = False
    queued_until_ms: int | None = None
    ended_at_ms: int | None = None
    error: str | None = None  # what a rejected order was answered with

    @property
    def net_charge_micros(self) -> int:
        """What the reseller has paid by now, or what is held for it; nothing for an
        order that ended unbought, whose hold was given back."""
        unbought = self.upstream_order_id is None
        if unbought and self.state in (State.CANCELED, State.REJECTED):
            return 0
        return self.charge_micros - self.refunded_micros


@noun(frozen=True, slots=True)
class Attempt:
    """One row of ``attempts``: a try that a socket may have seen at most once."""

    id: int
    order_id: int
    number: int
    provider: str
    upstream_service: str
    kind: Kind
    state: AttemptState
    boot_id: str
    created_at_ms: int
    ended_at_ms: int | None = None
    upstream_order_id: str | None = None
    cause: str | None = None
    cost_micros: int | None = None


@noun(frozen=True, slots=True)
class Refill:
    """One row of ``refills``. ``status`` is our spelling of their last word."""

    id: int
    order_id: int
    reseller_id: int
    provider: str
    upstream_refill_id: str
    status: str
    created_at_ms: int
    asked_at_ms: int | None = None
    next_check_at_ms: int | None = None
