"""``ports.Store`` over three primitives, the same for every kind of database.

Every change is a script, run whole by ``write``; every read of the hot path is one
named statement, run by ``rows``; what wants a snapshot over several is a script
again, run by ``read``. A kind of database is a subclass with these three.
"""

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from aggregator.core import drift
from aggregator.core.drift import Change
from aggregator.core.model import Attempt, Offer, Order, Policy, Refill, Reseller, State
from aggregator.core.outcome import Placed
from aggregator.core.retention import Rule
from aggregator.ports import (
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
    Store,
    StoreUnavailable,
)
from aggregator.store import (
    attempts,
    catalogue,
    keys,
    lists,
    meta,
    orders,
    refills,
    retention,
    rows,
    statuses,
)
from aggregator.store.events import NOT_SETTLED, record_once
from aggregator.store.events import record as record_events
from aggregator.store.exceptions import StoreBroken, StoreError
from aggregator.store.hot import Hot
from aggregator.store.lists import Numbers
from aggregator.store.tx import Param, Row, Tx

T = TypeVar("T")

_AT_ONCE = 100  # statuses to one transaction: an order that is placed waits for no more
HOT = 30_000  # orders kept in memory: some 50 MB

_log = structlog.get_logger(__name__)


class ScriptedStore(ABC):
    """See ``ports.Store`` for what each method promises.

    ``boot_id``: under what name this process sends, as long as it lives.
    """

    def __init__(self, hot: int = 0) -> None:
        self._hot = Hot(hot)
        self.boot_id = secrets.token_hex(8)

    @abstractmethod
    async def write(self, script: Callable[[Tx], T], *, urgent: bool = True) -> T:
        """The script's result, once what it changed is durable. Where it is not urgent it
        may wait some milliseconds for the commit of something that is."""

    @abstractmethod
    async def read(self, script: Callable[[Tx], T]) -> T:
        """The script's result over one snapshot; it cannot write."""

    @abstractmethod
    async def rows(self, query: str, /, **params: Param) -> Sequence[Row]:
        """The rows of one reading statement."""

    @abstractmethod
    async def _others_wrote(self) -> bool:
        """``changed_elsewhere``, which also forgets what it has made stale."""

    @abstractmethod
    async def close(self) -> None: ...

    async def changed_elsewhere(self) -> bool:
        changed = await self._others_wrote()
        self._hot.asked(changed=changed)
        return changed

    # -- what a store that is shared with other servers has more to say to

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now; None: it can, as far as is known."""
        return None

    @property
    def lost(self) -> StoreError | None:
        """Why the server must be started again: its disk failed, or other servers have
        taken it for dead. None: it need not."""
        return None

    def may_send(self) -> bool:
        """Whether an attempt may still be handed to a socket: asked right before."""
        return True

    async def leads(self) -> bool:
        return True

    async def recover_others(self, now_ms: int) -> list[int]:
        """``recover``, for other servers that have died while this one runs."""
        return []

    # -- who is asking

    async def authenticate(self, key_hash: bytes) -> Reseller | None:
        now_ms = time.time_ns() // 1_000_000  # a retiring key's end is wall time
        found = await self.rows("authenticate", key_hash=key_hash, now_ms=now_ms)
        return keys.matched(found, key_hash)

    async def available(self, reseller_id: int) -> int:
        found = await self.rows("available", reseller_id=reseller_id)
        return int(found[0]["available_micros"]) if found else 0

    # -- placing

    def open_order(self, draft: OrderDraft) -> Coroutine[Any, Any, Opened | Remembered]:
        return self.write(lambda tx: orders.open_order(tx, draft))

    def close_attempt(self, closing: Closing) -> Coroutine[Any, Any, Closed]:
        # Of an order that was placed the reseller knows already.
        urgent = not isinstance(closing.outcome, Placed)
        return self.write(lambda tx: attempts.close_attempt(tx, closing), urgent=urgent)

    async def remembered(self, reseller_id: int, request_id: str) -> Remembered | None:
        found = await self.rows("remembered", reseller_id=reseller_id, request_id=request_id)
        before = rows.remembered(found[0]) if found else None
        if before is None or before.state is not State.SENDING:
            return before
        now_ms = time.time_ns() // 1_000_000
        return await self.write(
            partial(orders.repeated, reseller_id=reseller_id, request_id=request_id, now_ms=now_ms)
        )

    async def recover(self, boot_id: str, now_ms: int) -> list[int]:
        return await self.write(partial(attempts.recover, boot_id=boot_id, now_ms=now_ms))

    # -- the queue

    async def queued_services(self) -> list[int]:
        return [row["service_id"] for row in await self.rows("queued_services")]

    async def queued(self, service_id: int, after_id: int, limit: int) -> list[Order]:
        found = await self.rows("queued", service_id=service_id, after_id=after_id, limit=limit)
        return [rows.order(row) for row in found]

    async def queued_too_long(self, now_ms: int, limit: int) -> list[int]:
        return [row["id"] for row in await self.rows("queued_too_long", now_ms=now_ms, limit=limit)]

    async def start_queued(self, order_id: int, draft: AttemptDraft, now_ms: int) -> int | None:
        return await self.write(
            partial(orders.start_queued, order_id=order_id, draft=draft, now_ms=now_ms)
        )

    async def cancel_queued(self, order_id: int, reason: str, now_ms: int) -> bool:
        return await self.write(
            partial(orders.cancel_queued, order_id=order_id, reason=reason, now_ms=now_ms)
        )

    # -- reading back

    async def orders(self, ids: Sequence[int], reseller_id: int | None = None) -> dict[int, Order]:
        """As they stand when this returns, as far as we have changed them: what a commit of
        ours has overtaken on its way is read once more."""
        found = self._hot.found(ids)
        missing: Collection[int] = [one for one in ids if one not in found]
        while missing:
            with self._hot.reading() as reading:
                read = await self._orders(list(missing), reseller_id)
                self._hot.keep(reading, read)
            found |= read
            missing = reading.changed & found.keys()
        if reseller_id is None:
            return found
        return {key: one for key, one in found.items() if one.reseller_id == reseller_id}

    @property
    def revision(self) -> int:
        return self._hot.revision

    def holds(self, orders: Sequence[Order]) -> bool:
        return self._hot.holds(orders)

    async def _orders(self, ids: Sequence[int], reseller_id: int | None) -> dict[int, Order]:
        if reseller_id is None:
            found = await self.rows("orders", ids=ids)
        else:
            found = await self.rows("orders_of_one", ids=ids, reseller_id=reseller_id)
        return {row["id"]: rows.order(row) for row in found}

    async def children(self, parent_ids: Sequence[int]) -> dict[int, list[Order]]:
        found = map(rows.order, await self.rows("children_of_some", ids=parent_ids))
        children: dict[int, list[Order]] = {parent_id: [] for parent_id in parent_ids}
        for child in found:
            assert child.parent_id is not None
            children[child.parent_id].append(child)
        return children

    async def attempts(self, order_id: int) -> list[Attempt]:
        return [rows.attempt(row) for row in await self.rows("attempts", order_id=order_id)]

    async def due(self, provider: str, until_ms: int, limit: int) -> list[Order]:
        found = await self.rows("due", provider=provider, until_ms=until_ms, limit=limit)
        return [rows.order(row) for row in found]

    async def apply_statuses(
        self, readings: Sequence[Reading], policy: Policy, now_ms: int
    ) -> list[Event]:
        alerts: list[Event] = []
        for start in range(0, len(readings), _AT_ONCE):
            some = readings[start : start + _AT_ONCE]
            alerts += await self._apply_some(some, policy, now_ms)
        return alerts

    async def _apply_some(
        self, readings: Sequence[Reading], policy: Policy, now_ms: int
    ) -> list[Event]:
        """In one transaction; where an answer breaks a rule, each in one of its own, so that
        it spoils no other."""
        script = partial(statuses.apply_statuses, readings=readings, policy=policy, now_ms=now_ms)
        try:
            return await self.write(script)
        except (StoreUnavailable, StoreBroken):
            raise
        except Exception:
            found = await asyncio.gather(*(self._apply(one, policy, now_ms) for one in readings))
            return [event for alerts in found for event in alerts]

    async def _apply(self, reading: Reading, policy: Policy, now_ms: int) -> list[Event]:
        script = partial(statuses.apply_status, reading=reading, policy=policy, now_ms=now_ms)
        try:
            return await self.write(script)
        except (StoreUnavailable, StoreBroken):
            raise
        except Exception as error:
            _log.exception("not_settled", order=reading.order_id)
            return [Event(reading.order_id, NOT_SETTLED, {"cause": type(error).__name__})]

    async def check_later(self, when: Mapping[int, int | None]) -> None:
        await self.write(partial(orders.check_later, when=when))

    # -- refills

    async def add_refill(self, order: Order, upstream_refill_id: str, now_ms: int) -> int:
        return await self.write(
            partial(
                refills.add_refill,
                order=order,
                upstream_refill_id=upstream_refill_id,
                now_ms=now_ms,
            )
        )

    async def refills(self, ids: Sequence[int], reseller_id: int) -> dict[int, Refill]:
        found = await self.rows("refills", ids=ids, reseller_id=reseller_id)
        return {row["id"]: rows.refill(row) for row in found}

    async def due_refills(self, provider: str, until_ms: int, limit: int) -> list[Refill]:
        found = await self.rows("due_refills", provider=provider, until_ms=until_ms, limit=limit)
        return [rows.refill(row) for row in found]

    async def apply_refills(self, readings: Sequence[RefillReading]) -> None:
        await self.write(partial(refills.apply_refills, readings=readings))

    async def abandon_refills(self, answering: Collection[str], before_ms: int) -> int:
        return await self.write(lambda tx: refills.abandon(tx, answering, before_ms))

    # -- what was learned

    async def recall(self, what: str) -> str | None:
        return await self.read(partial(meta.get, key=f"learned/{what}"))

    async def remember(self, what: str, text: str) -> None:
        await self.write(partial(meta.put, key=f"learned/{what}", value=text))

    # -- catalogues, events, health

    async def save_catalogue(
        self, provider: str, offers: Sequence[Offer], used: Collection[str], now_ms: int
    ) -> Saved:
        now = {offer.service: offer for offer in offers}
        compare = partial(catalogue.compared, provider=provider, now=now, used=used, now_ms=now_ms)
        compared = await self.read(compare)
        if compared.doubt:
            since_ms = await self.write(
                partial(catalogue.doubted, provider=provider, now_ms=now_ms)
            )
            if not drift.believed(now, since_ms, now_ms):
                return Saved(compared.doubt)
        changes: list[Change] = []
        for piece in catalogue.pieces(compared.differing, catalogue.PIECE):
            save = partial(catalogue.saved, provider=provider, services=piece, now=now)
            changes += await self.write(partial(save, now_ms=now_ms, noted=not compared.first))
        await self.write(partial(catalogue.ended, provider=provider, now_ms=now_ms))
        return Saved(changes=changes)

    async def offers(
        self, wanted: Mapping[str, Collection[str]]
    ) -> Mapping[str, Mapping[str, Offer]]:
        return await self.read(partial(catalogue.offers, wanted=wanted))

    async def record(self, events: Sequence[Event], now_ms: int, most: int | None = None) -> None:
        await self.write(partial(record_events, happened=events, now_ms=now_ms, most=most))

    async def record_once(self, event: Event, now_ms: int) -> bool:
        return await self.write(partial(record_once, happened=event, now_ms=now_ms))

    async def forget_requests(self, before_ms: int) -> None:
        while await self.write(partial(orders.forget_requests, before_ms=before_ms)):
            pass  # in pieces: a long transaction would keep orders waiting

    async def forget(self, rule: Rule, before_ms: int) -> int:
        return await self.write(partial(retention.forget, rule=rule, before_ms=before_ms))

    async def numbers(self) -> Numbers:
        """Counts of open orders and the oldest of them, for metrics."""
        return await self.read(lists.numbers)


if TYPE_CHECKING:

    def _fulfils_the_port(store: ScriptedStore) -> Store:
        return store
