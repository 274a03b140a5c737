"""A provider's gate: how many calls at once, and how many a minute.

A call passes the gate before it may touch a socket; one that waits there until
its time is up has sent nothing.
"""

import asyncio
from types import TracebackType

from aiolimiter import AsyncLimiter

from aggregator.upstream.alarm import Alarm


class NoSlot(Exception):
    """The time was up before the gate let the call through."""


def limiter_for(per_minute: int) -> AsyncLimiter:
    """Never more than ``per_minute`` calls in any minute, evenly spread.

    A leaky bucket lets through its capacity at once and a minute's worth on top,
    so the capacity, one second's share, is taken off the rate: capacity + 60
    seconds of leaking = ``per_minute``. Below one a second the capacity is 1.
    """
    if per_minute > 60:
        return AsyncLimiter(per_minute / 61, 1)
    return AsyncLimiter(1, 60 / max(per_minute - 1, 1))


class _Slot:
    """A place in the gate, given back once: at the end of its block, or when its time is up."""

    __slots__ = ("_gate", "_timeout_s", "buying", "called", "holds", "slot_s", "until")

    def __init__(self, gate: "Gate", timeout_s: float, buying: bool, slot_s: float | None) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self.buying = buying
        self.slot_s = slot_s
        self.until = 0.0  # by the loop's time, where ``slot_s`` is told
        self.holds = False
        self.called: asyncio.Future[None] | None = None  # done when its turn has come

    async def __aenter__(self) -> None:
        if self._gate.enters(self):  # the common case: nothing to wait for, no timer to set
            return
        try:
            await self._gate.wait_for(self, self._timeout_s)
        except BaseException:
            self._gate.leave(self)
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gate.leave(self)


class Gate:
    """``concurrency`` calls at once. A poll of thousands of orders must not keep one
    that is being bought waiting: reads get at most three quarters of the places, and
    only one of them at a time stands in line for the rate.

    Places go to those who wait in the order in which they came, as far as they may be
    taken at all; a place that is free is one that nobody who waits may take.
    """

    def __init__(self, concurrency: int, per_minute: int | None) -> None:
        self.limits = (concurrency, per_minute)
        self._free = concurrency
        self._free_for_reads = concurrency - concurrency // 4
        self._waiting: dict[_Slot, None] = {}
        self._lent: dict[_Slot, None] = {}  # places that are given back when their time is up
        self._alarm = Alarm(self._reclaim)
        self._limiter = None if per_minute is None else limiter_for(per_minute)
        self._line = asyncio.Lock()

    def slot(self, timeout_s: float, *, buying: bool = False, slot_s: float | None = None) -> _Slot:
        """A block that holds a place; NoSlot if none is free within ``timeout_s``.

        ``slot_s``: seconds after which the place is given back although the block
        has not ended, for an answer that is long in coming.
        """
        return _Slot(self, timeout_s, buying, slot_s)

    def enters(self, slot: _Slot) -> bool:
        """Whether it could enter at once, as it then has."""
        if self._limiter is not None or not self._admits(slot):
            return False
        self._lend(slot)
        self._entered(slot)
        return True

    async def wait_for(self, slot: _Slot, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._place(slot)
                await self._turn(slot.buying)
        except TimeoutError:
            raise NoSlot from None
        self._entered(slot)

    def leave(self, slot: _Slot) -> None:
        self._waiting.pop(slot, None)
        self._lent.pop(slot, None)
        if slot.holds:
            slot.holds = False
            self._free += 1
            self._free_for_reads += not slot.buying
            if self._waiting:
                self._call_next()

    def _admits(self, slot: _Slot) -> bool:
        return self._free > 0 and (slot.buying or self._free_for_reads > 0)

    def _lend(self, slot: _Slot) -> None:
        slot.holds = True
        self._free -= 1
        self._free_for_reads -= not slot.buying

    def _entered(self, slot: _Slot) -> None:
        if slot.slot_s is not None:
            slot.until = self._alarm.within(slot.slot_s)
            self._lent[slot] = None

    async def _place(self, slot: _Slot) -> None:
        if self._admits(slot):
            self._lend(slot)
            return
        slot.called = asyncio.get_running_loop().create_future()
        self._waiting[slot] = None
        await slot.called

    def _call_next(self) -> None:
        """One place has become free: whoever is the first of those that it is for gets it."""
        slot = next(filter(self._admits, self._waiting), None)
        if slot is not None and slot.called is not None:
            del self._waiting[slot]
            self._lend(slot)
            if not slot.called.done():  # else it is being cancelled, and will give it back
                slot.called.set_result(None)

    def _reclaim(self, now: float) -> float | None:
        for slot in [slot for slot in self._lent if slot.until <= now]:
            self.leave(slot)
        return min((slot.until for slot in self._lent), default=None)

    async def _turn(self, buying: bool) -> None:
        if self._limiter is None:
            return
        if buying:
            await self._limiter.acquire()
            return
        async with self._line:
            await self._limiter.acquire()
