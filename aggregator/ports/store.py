"""Everything durable, as the actions and the background see it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from aggregator.core.model import (
    Attempt,
    Offer,
    Order,
    Policy,
    Refill,
    Reseller,
)
from aggregator.core.retention import Rule
from aggregator.ports.records import (
    AttemptDraft,
    Closed,
    Closing,
    Event,
    Opened,
    OrderDraft,
    Reading,
    RefillReading,
    Remembered,
    Saved,
)


class StoreUnavailable(Exception):
    """The store could not write and nothing was written: the disk is full, say.

    The same transaction may be tried again.
    """


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

    async def remembered(self, reseller_id: int, request_id: str) -> Remembered | None:
        """For a repeat. An order that is being sent is noted as answered with its ID: it
        cannot end as ``rejected`` any more. So does ``open_order``."""

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

    async def abandon_refills(self, answering: Collection[str], before_ms: int) -> int:
        """Those that nobody could be asked after since then end as ``Rejected``, unless
        their provider is one of the ``answering``. How many."""

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
