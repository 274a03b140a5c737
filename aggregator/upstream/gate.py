"""A provider's gate: how many calls at once, and how many a minute.

A call passes the gate before it may touch a socket; one that waits there until
its time is up has sent nothing.
"""

import asyncio
from types import TracebackType

from aiolimiter import AsyncLimiter


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
    """A place in the gate. Its semaphores are given back once, whoever asks for it first."""

    def __init__(self, gate: "Gate", timeout_s: float, buying: bool, slot_s: float | None) -> None:
        self._gate = gate
        self._timeout_s = timeout_s
        self._buying = buying
        self._slot_s = slot_s
        self._timer: asyncio.TimerHandle | None = None
        self._held: list[asyncio.Semaphore] = []

    async def __aenter__(self) -> None:
        try:
            await self._gate.enter(self, self._timeout_s, self._buying)
        except BaseException:
            self.give_back()
            raise
        if self._slot_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._slot_s, self.give_back)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.give_back()

    async def take(self, *semaphores: asyncio.Semaphore) -> None:
        for semaphore in semaphores:
            await semaphore.acquire()
            self._held.append(semaphore)

    def give_back(self) -> None:
        while self._held:
            self._held.pop().release()


class Gate:
    """``concurrency`` calls at once. A poll of thousands of orders must not keep one
    that is being bought waiting: reads get at most three quarters of the places, and
    only one of them at a time stands in line for the rate."""

    def __init__(self, concurrency: int, per_minute: int | None) -> None:
        self.limits = (concurrency, per_minute)
        self._all = asyncio.Semaphore(concurrency)
        self._reads = asyncio.Semaphore(concurrency - concurrency // 4)
        self._limiter = None if per_minute is None else limiter_for(per_minute)
        self._line = asyncio.Lock()

    def slot(self, timeout_s: float, *, buying: bool = False, slot_s: float | None = None) -> _Slot:
        """A block that holds a place; NoSlot if none is free within ``timeout_s``.

        ``slot_s``: seconds after which the place is given back although the block
        has not ended, for an answer that is long in coming.
        """
        return _Slot(self, timeout_s, buying, slot_s)

    async def enter(self, slot: _Slot, timeout_s: float, buying: bool) -> None:
        wanted = (self._all,) if buying else (self._reads, self._all)
        if self._limiter is None and not any(each.locked() for each in wanted):
            await slot.take(*wanted)  # the common case: nothing to wait for, no timer to set
            return
        try:
            async with asyncio.timeout(timeout_s):
                await slot.take(*wanted)
                await self._turn(buying)
        except TimeoutError:
            raise NoSlot from None

    async def _turn(self, buying: bool) -> None:
        if self._limiter is None:
            return
        if buying:
            await self._limiter.acquire()
            return
        async with self._line:
            await self._limiter.acquire()
