"""The one answer that an ``add`` gives, however many ask for it.

Two may want to decide it: the order's own task, when an outcome is in, and the
clock, when ``answer_within`` is over. Whoever claims it first decides, and the
other must live with that: once the ID is given an order can no longer be
``rejected``, only ``canceled``; once an error is claimed, the ID is not given.
Repeats of a request ID wait for the same answer.
"""

import asyncio
import math
from heapq import heappop, heappush

from aggregator.core.errors import ClientError
from aggregator.core.messages import Added
from aggregator.core.model import Kind


class Answering:
    """Belongs to one event loop; ``fingerprint`` is of the first request's parameters."""

    def __init__(self, fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        self._claimed = False
        self._answer: Added | Exception | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def given(self) -> bool:
        return self._answer is not None

    def claim_error(self) -> bool:
        """Whether the order may still end with an error; then it must, or ``release``."""
        if self._claimed or self.given:
            return False
        self._claimed = True
        return True

    def give_id(self, order_id: int, kind: Kind) -> None:
        if not self._claimed and self._answer is None:
            self._give(Added(str(order_id), kind))

    def give_error(self, text: str) -> None:
        self.fail(ClientError(text))

    def fail(self, bug: Exception) -> None:
        """Nothing was written: whoever waits gets the exception that says so."""
        if not self.given:
            self._give(bug)

    def release_id(self, order_id: int, kind: Kind) -> None:
        """The claimed error did not come to be: the ID is the answer after all."""
        self._claimed = False
        self.give_id(order_id, kind)

    async def wait(self) -> Added:
        """The answer; raises the error that was given. Safe to cancel."""
        while self._answer is None:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def _give(self, answer: Added | Exception) -> None:
        self._answer = answer
        for waiting in self._waiting:
            if not waiting.done():  # else whoever waited has hung up
                waiting.set_result(None)


class Unanswered:
    """The orders on their way whose resellers get their IDs when ``answer_within`` is over.

    One timer rings for all of them, for hardly any is still there when it does. Where many
    are, at a provider that hangs, it looks at those that are due only.
    """

    def __init__(self) -> None:
        self._orders: dict[int, tuple[Kind, Answering]] = {}  # by ID
        self._due: list[tuple[float, int]] = []  # a heap; also of some that have ended
        self._timer: asyncio.TimerHandle | None = None
        self._rings_s = math.inf

    def begin(self, order_id: int, kind: Kind, answering: Answering, within_s: float) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + within_s
        self._orders[order_id] = kind, answering
        heappush(self._due, (due_s, order_id))
        if due_s < self._rings_s:
            self._set(loop, due_s)

    def end(self, order_id: int) -> None:
        """It is no more on its way."""
        self._orders.pop(order_id, None)

    def _set(self, loop: asyncio.AbstractEventLoop, rings_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_s = loop.call_at(rings_s, self._ring), rings_s

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now_s, due, orders = loop.time(), self._due, self._orders
        while due and (due[0][0] <= now_s or due[0][1] not in orders):
            _, order_id = heappop(due)
            waiting = orders.pop(order_id, None)
            if waiting is not None:
                kind, answering = waiting
                answering.give_id(order_id, kind)
        self._timer, self._rings_s = None, math.inf
        if due:
            self._set(loop, due[0][0])
