"""``UpstreamClient``: every provider behind one object, as ``ports.Upstream`` wants it.

A call walks from here through the provider's ``Gate`` to the ``Wire`` and back
through the dialect's codec. Buying and asking part ways at once: ``add`` makes one
call and turns whatever came of it into an ``Outcome``; all others go through
``_asked``, which may repeat them.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

from tenacity.wait import wait_base

from aggregator.core import health as health_rules
from aggregator.core.errors import ErrorClass
from aggregator.core.halving import Limit
from aggregator.core.health import Health
from aggregator.core.messages import (
    Balance,
    CancelAnswers,
    Command,
    OrderStatus,
    RefillAnswers,
    Refused,
    ServiceRow,
    StatusAnswers,
    Unreadable,
)
from aggregator.core.model import Kind, Provider, Purchase
from aggregator.core.outcome import InDoubt, NotSent, Outcome, Rejected
from aggregator.core.scanning import Heard
from aggregator.dialects import (
    Dialect,
    WireReply,
    decode_added,
    decode_balance,
    decode_cancel,
    decode_refill,
    decode_refill_status,
    decode_services,
    decode_status,
)
from aggregator.ports import Clock
from aggregator.upstream.asking import Asker, Asking, Decoder, fault, read
from aggregator.upstream.batches import batches, question
from aggregator.upstream.calls import Call, Caller
from aggregator.upstream.probing import halt
from aggregator.upstream.providers import Known, taken_over
from aggregator.upstream.retries import WAIT, Tried, persistently
from aggregator.upstream.wire import LARGE_REPLY, SMALL_REPLY, Lost, Wire

T = TypeVar("T")

UNKNOWN_PROVIDER = "unknown provider"
NOT_OFFERED = "not offered by the dialect"


def _ignore(_call: Call) -> None:
    pass


def _always() -> bool:
    return True


class UpstreamClient:
    """Implements ``ports.Upstream``; use it as an async context manager.

    ``on_call`` hears of every call (it must not raise). ``may_send`` is asked right
    before an add is written to its socket: a node that has lost its lease says no
    there, and the outcome is NotSent. ``slot_s``: an add gives its place in the
    provider's concurrency back after so many seconds, and reads on without it.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        dialects: Mapping[str, Dialect],
        clock: Clock,
        *,
        on_call: Callable[[Call], None] = _ignore,
        may_send: Callable[[], bool] = _always,
        slot_s: float = 10.0,
        wait: wait_base = WAIT,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._known = taken_over({}, providers, dialects)
        self._clock = clock
        self._wait = wait
        self._wire = Wire(may_send, ssl_context)
        self._caller = Caller(self._wire, clock, on_call, slot_s)
        self._asker = Asker(self._caller, clock, wait)

    async def __aenter__(self) -> "UpstreamClient":
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._wire.__aexit__(exc_type, exc, traceback)

    def replace(
        self,
        providers: Mapping[str, Provider],
        dialects: Mapping[str, Dialect],
        *,
        slot_s: float | None = None,
    ) -> None:
        """Takes over a reloaded configuration at once; calls under way end as begun."""
        self._known = taken_over(self._known, providers, dialects)
        self._caller.slot_s = slot_s or self._caller.slot_s

    # -- buying

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        """Sends once, or not at all.

        To be run in a task that the app owns and nobody cancels but a shutdown. A
        cancelled add does not raise CancelledError, for with it the outcome would
        be gone: it returns at once, NotSent where its writing had not begun,
        else InDoubt, and the task goes on to write that down. The request to cancel
        stays visible in ``asyncio.current_task().cancelling()``.
        """
        known = self._known.get(provider)
        if known is None:
            return NotSent(UNKNOWN_PROVIDER, ours=True)
        outcome = await self._added(known, service, purchase, timeout_s)
        if (now := self._still(known)) is not None:
            now.health = health_rules.after(now.health, outcome, self._clock.now_ms())
        return outcome

    async def _added(
        self, known: Known, service: str, purchase: Purchase, timeout_s: float
    ) -> Outcome:
        if not known.dialect.offers("add"):
            return Rejected(ErrorClass.ACTION, NOT_OFFERED)
        if purchase.kind is Kind.DRIPFEED and not known.dialect.offers_dripfeed:
            return Rejected(ErrorClass.PARAMS, NOT_OFFERED)  # it would deliver one run of many
        command = Command("add", {"service": service, **purchase.params}, purchase.kind)
        deadline = self._clock.monotonic() + timeout_s
        try:
            reply = await self._caller.call(known, command, deadline=deadline, buying=True)
            if isinstance(reply, Lost):
                return InDoubt(reply.cause) if reply.sent else NotSent(reply.cause, reply.ours)
            return decode_added(known.dialect, reply, said_by_us=purchase.params.values())
        except asyncio.CancelledError:  # still in line at the gate: the wire swallows its own
            return NotSent("canceled", ours=True)
        except Exception as error:  # a fault of ours, with the answer in hand
            return InDoubt(fault(known, "add", error))

    # -- asking

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> StatusAnswers:
        return await self._each(provider, "status", ids, decode_status, timeout_s, kind=kind)

    async def probe(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> Heard:
        """One call, never repeated: a panel that says no is obeyed."""
        asked_at_ms = self._clock.now_ms()
        known = self._known.get(provider)
        answers: dict[str, OrderStatus | Refused | Unreadable]
        answers, halted = dict.fromkeys(ids, Unreadable(UNKNOWN_PROVIDER)), ""
        if known is not None and known.dialect.offers("status"):
            size = known.learned.batch_size(known.dialect, "status", asked_at_ms)
            asked = question(known.dialect, "status", batches(ids, size)[0], kind)
            deadline = self._clock.monotonic() + timeout_s
            reply = await self._caller.call(known, asked.command, deadline=deadline)
            halted = halt(reply)
            if not isinstance(reply, Lost):
                answers |= read(known, asked, decode_status, reply)
        return Heard(answers, asked_at_ms, self._clock.now_ms(), halted)

    async def refill(self, provider: str, ids: Sequence[str], *, timeout_s: float) -> RefillAnswers:
        """Repeated only while nothing had been sent: two refills are two refills."""
        return await self._each(provider, "refill", ids, decode_refill, timeout_s, repeat=False)

    async def refill_status(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> RefillAnswers:
        return await self._each(provider, "refill_status", ids, decode_refill_status, timeout_s)

    async def cancel(self, provider: str, ids: Sequence[str], *, timeout_s: float) -> CancelAnswers:
        return await self._each(provider, "cancel", ids, decode_cancel, timeout_s)

    async def balance(self, provider: str, *, timeout_s: float) -> Balance | Refused | Unreadable:
        """The answer also enters the provider's health (``note_balance``)."""
        answer = await self._whole(provider, "balance", decode_balance, timeout_s)
        self.note_balance(provider, answer)
        return answer

    async def services(
        self, provider: str, *, timeout_s: float
    ) -> list[ServiceRow] | Refused | Unreadable:
        return await self._whole(provider, "services", decode_services, timeout_s, LARGE_REPLY)

    # -- what was learned

    def batch_size(self, provider: str, action: str) -> int:
        """How many IDs one call takes, as far as is known; 1 of a provider nobody knows."""
        known = self._known.get(provider)
        if known is None:
            return 1
        return known.learned.batch_size(known.dialect, action, self._clock.now_ms())

    def limits(self) -> dict[str, dict[str, Limit]]:
        """provider -> action -> what was found out beside its dialect, to be kept."""
        return {name: known.learned.limits for name, known in self._known.items()}

    def restore_limits(self, limits: Mapping[str, Mapping[str, Limit]]) -> None:
        for name, of_provider in limits.items():
            if name in self._known:
                self._known[name].learned.restore(of_provider)

    # -- health

    def health(self, provider: str) -> Health:
        """As it stands; of a provider nobody knows, that of a new one."""
        known = self._known.get(provider)
        return Health() if known is None else known.health

    def note_balance(self, provider: str, answer: Balance | Refused | Unreadable) -> None:
        """For a balance that was read elsewhere; ``balance`` notes its own."""
        known = self._known.get(provider)
        if known is not None:
            now_ms = self._clock.now_ms()
            known.health = health_rules.after_balance(known.health, answer, now_ms)

    def _still(self, known: Known) -> Known | None:
        """``known`` may have been replaced meanwhile: by the same account, or by another,
        which learns nothing from what is done with this one."""
        now = self._known.get(known.provider.name)
        if now is known or now is None:
            return now
        return now if now.account == known.account else None

    # -- how a question is asked

    async def _whole(
        self,
        provider: str,
        action: str,
        decode: Callable[[Dialect, WireReply], T | Refused | Unreadable],
        timeout_s: float,
        cap: int = SMALL_REPLY,
    ) -> T | Refused | Unreadable:
        """A question without IDs. A long list is decoded beside the event loop."""
        known = self._known.get(provider)
        if known is None:
            return Unreadable(UNKNOWN_PROVIDER)
        if not known.dialect.offers(action):
            return _not_offered()

        async def decoded(reply: WireReply) -> T | Refused | Unreadable:
            try:
                if cap > SMALL_REPLY:
                    return await asyncio.to_thread(decode, known.dialect, reply)
                return decode(known.dialect, reply)
            except Exception as error:
                return Unreadable(fault(known, action, error))

        deadline = self._clock.monotonic() + timeout_s

        async def once() -> Tried[T | Refused | Unreadable]:
            reply = await self._caller.call(known, Command(action), deadline=deadline, cap=cap)
            answer = Unreadable(reply.cause) if isinstance(reply, Lost) else await decoded(reply)
            return Tried(answer, again=isinstance(answer, Unreadable))

        return await persistently(once, timeout_s, self._wait)

    async def _each(
        self,
        provider: str,
        action: str,
        ids: Sequence[str],
        decode: Decoder[T],
        timeout_s: float,
        *,
        kind: Kind = Kind.NORMAL,
        repeat: bool = True,
    ) -> dict[str, T | Refused | Unreadable]:
        """A question about IDs: all batches at once, under one deadline."""
        known = self._known.get(provider)
        if known is None:
            return dict.fromkeys(ids, Unreadable(UNKNOWN_PROVIDER))
        if not known.dialect.offers(action):
            return dict.fromkeys(ids, _not_offered())
        deadline = self._clock.monotonic() + timeout_s
        asking = Asking(known, action, kind, decode, deadline, repeat)
        return await self._asker.each(asking, ids)


def _not_offered() -> Refused:
    return Refused(NOT_OFFERED, ErrorClass.ACTION)
