"""Questions on their way to providers: one at most about each order.

How it works. A question boards the *flight* to its topic (a provider and one of its
ID sequences). The flight departs when it is full, or when nobody has boarded for a few
milliseconds: whatever resellers and the poller want to know meanwhile shares one batch.
While another one is out for which resellers wait it gathers a little longer, for they
will ask the next thing as soon as they are answered; else two half-full flights would
take turns. From boarding to landing a question about the same order joins that flight
instead of beginning another. Whoever wants an answer to a question asked after *his*
request (``status_ttl: 0s``) joins only what has not departed yet, and else waits and
boards the next.

A flight carries its questions with a function that it was given, in a task of its own
that no reseller's patience ends; when it has landed, what was heard is in the store.
Which questions were lost is remembered here for a while, so that nobody repeats them at
once; and a provider that answers nothing is left alone a little (``pacing.Rest``). All
of that is in memory and bounded: after a restart everybody is asked once more.

What must change together: a question leaves ``_flying`` only when its flight has
landed, or one order would be in two flights; and every flight lands, whatever happens
to it, or those who wait for it wait in vain.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import structlog

from aggregator.core.model import Kind, Policy
from aggregator.core.pacing import Rest, is_fresh
from aggregator.ports import Clock

About = TypeVar("About")

COALESCE_S = 0.004  # how long a question waits for others to share its batch,
COALESCE_MOST_S = 0.02  # and however many come or may come, no longer than this
LOST_KEPT = 100_000

_BOARDING = 2**63

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """Whom a question goes to. ``sequence``: the IDs it is about stand in this one."""

    provider: str
    sequence: Kind = Kind.NORMAL


@dataclass(frozen=True, slots=True)
class Question(Generic[About]):
    """``id``: ours of what is asked after; ``theirs``: the provider's of it."""

    id: int
    theirs: str
    topic: Topic
    about: About
    wanted: bool = False  # a reseller waits for the answer


@dataclass(frozen=True, slots=True)
class Landed:
    """``heard``: our IDs whose answers are in the store. ``spoke``: whether the
    provider said anything about anything."""

    heard: Collection[int]
    spoke: bool


LOST = Landed((), spoke=False)


@dataclass(frozen=True, slots=True)
class Errand(Generic[About]):
    """``carry`` asks a provider and settles what it says; ``size``: of a topic's batch."""

    carry: Callable[[Topic, Sequence[Question[About]]], Awaitable[Landed]]
    size: Callable[[Topic], int]


@dataclass(slots=True, eq=False)
class _Flight(Generic[About]):
    topic: Topic
    errand: Errand[About]
    size: int
    landed: "asyncio.Future[None]"
    opened_s: float  # by the loop's time, as is the next
    boarded_s: float = 0.0
    questions: list[Question[About]] = field(default_factory=list)
    number: int = _BOARDING  # in the order of departure
    departed_s: float = 0.0
    timer: asyncio.TimerHandle | None = None

    @property
    def is_awaited(self) -> bool:
        return any(one.wanted for one in self.questions)


class Flights(Generic[About]):
    """Of one kind of question: after orders, say. IDs of ours are those of one table."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boarding: dict[Topic, _Flight[About]] = {}
        self._flying: dict[int, _Flight[About]] = {}
        self._awaited: Counter[Topic] = Counter()  # flights out for which resellers wait
        self._lost: OrderedDict[int, int] = OrderedDict()
        self._rests: dict[str, Rest] = {}
        self._tasks: set[asyncio.Task[Landed]] = set()
        self._departures = 0
        self._closed = False

    def is_spared(self, one: Question[About], now_ms: int, policy: Policy) -> bool:
        """Whether a question need not be asked although the last answer is old: it has just
        been lost, or its provider answers nobody."""
        if one.id in self._flying or policy.status_ttl_s <= 0:
            return False
        return is_fresh(self._lost.get(one.id), now_ms, policy) or self.rests(one.topic.provider)

    def rests(self, provider: str) -> bool:
        return self._clock.now_ms() < self._rest(provider).until_ms

    def _rest(self, provider: str) -> Rest:
        return self._rests.get(provider, Rest())

    async def ask(
        self,
        questions: Sequence[Question[About]],
        errand: Errand[About],
        *,
        timeout_s: float,
        anew: bool = False,
    ) -> None:
        """Returns when all have landed, or at ``timeout_s``. One that has been on its way
        for that long is not waited for. ``anew``: by flights that depart from now on."""
        since = self._departures if anew else -1
        waiting = list(questions)
        try:
            async with asyncio.timeout(timeout_s):
                while waiting and not self._closed:
                    flights, waiting = self._aboard(waiting, errand, since)
                    await self._await(flights, None if anew else timeout_s)
        except TimeoutError:
            pass  # what is known is the answer; the flight goes on

    def _aboard(
        self, questions: Sequence[Question[About]], errand: Errand[About], since: int
    ) -> tuple[set[_Flight[About]], list[Question[About]]]:
        """The flights to wait for, and the questions that must board another after that."""
        flights: set[_Flight[About]] = set()
        later, now_s = [], asyncio.get_running_loop().time()
        for one in questions:
            flight = self._flying.get(one.id) or self._board(one, errand, now_s)
            flights.add(flight)
            if flight.number <= since:
                later.append(one)
        return flights, later

    async def _await(self, flights: set[_Flight[About]], patience_s: float | None) -> None:
        if patience_s is not None:
            now_s = self._clock.monotonic()
            flights = {
                one
                for one in flights
                if one.number == _BOARDING or now_s - one.departed_s < patience_s
            }
        if flights:
            await asyncio.wait([one.landed for one in flights])

    def _board(self, one: Question[About], errand: Errand[About], now_s: float) -> _Flight[About]:
        flight = self._boarding.get(one.topic) or self._opened(one.topic, errand, now_s)
        flight.boarded_s = now_s
        flight.questions.append(one)
        self._flying[one.id] = flight
        if len(flight.questions) >= flight.size:
            self._depart(flight)
        return flight

    def _opened(self, topic: Topic, errand: Errand[About], now_s: float) -> _Flight[About]:
        loop = asyncio.get_running_loop()
        flight = _Flight(topic, errand, errand.size(topic), loop.create_future(), now_s)
        flight.timer = loop.call_at(now_s + COALESCE_S, self._call, flight)
        self._boarding[topic] = flight
        return flight

    def _call(self, flight: _Flight[About]) -> None:
        """The last call: departs, unless somebody has boarded a moment ago, or may soon."""
        loop = asyncio.get_running_loop()
        until_s = flight.opened_s + COALESCE_MOST_S
        if not self._awaited[flight.topic]:
            until_s = min(until_s, flight.boarded_s + COALESCE_S)
        if until_s <= loop.time():
            self._depart(flight)
        else:
            flight.timer = loop.call_at(until_s, self._call, flight)

    def _depart(self, flight: _Flight[About]) -> None:
        if flight.timer is not None:
            flight.timer.cancel()
        del self._boarding[flight.topic]
        self._departures += 1
        flight.number = self._departures
        flight.departed_s = self._clock.monotonic()
        if flight.is_awaited:
            self._awaited[flight.topic] += 1
        task = asyncio.create_task(self._carried(flight))
        self._tasks.add(task)
        task.add_done_callback(partial(self._land, flight))

    async def _carried(self, flight: _Flight[About]) -> Landed:
        try:
            return await flight.errand.carry(flight.topic, flight.questions)
        except Exception:
            log.exception("asking_failed", provider=flight.topic.provider)
            return LOST

    def _land(self, flight: _Flight[About], task: "asyncio.Task[Landed]") -> None:
        """A callback: it runs even where the task was cancelled before its first step."""
        self._tasks.discard(task)
        outcome = LOST if task.cancelled() else task.result()
        now_ms = self._clock.now_ms()
        for one in flight.questions:
            del self._flying[one.id]
            self._lost.pop(one.id, None)
            if one.id not in outcome.heard:
                self._lost[one.id] = now_ms
        while len(self._lost) > LOST_KEPT:
            self._lost.popitem(last=False)
        provider = flight.topic.provider
        self._rests[provider] = self._rest(provider).after(now_ms, spoke=outcome.spoke)
        flight.landed.set_result(None)
        if flight.is_awaited:
            self._answered(flight.topic)

    def _answered(self, topic: Topic) -> None:
        """Resellers have their answers, and a moment to board the next flight."""
        self._awaited[topic] -= 1
        flight = self._boarding.get(topic)
        if flight is not None and flight.timer is not None:
            flight.timer.cancel()
            flight.boarded_s = asyncio.get_running_loop().time()
            self._call(flight)

    async def close(self) -> None:
        """Nothing departs any more; what is on its way is given up."""
        self._closed = True
        for flight in list(self._boarding.values()):
            self._depart(flight)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
