"""Questions about many IDs: in batches of a size that the panel takes, which is learned.

A batch that comes back refused or unreadable as a whole is asked again in parts, as
``core.halving`` says; what that shows of the panel is remembered (``Learned``), so that
the next batch has the right size from the start. A call that was lost, or refused for
reasons of the whole account, says nothing about its batch: then nothing is searched.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from tenacity.wait import wait_base

from aggregator import telemetry
from aggregator.core.errors import ErrorClass
from aggregator.core.halving import Search
from aggregator.core.messages import Command, Refused, Unreadable
from aggregator.core.model import Kind
from aggregator.dialects import Dialect, WireReply
from aggregator.ports import Clock
from aggregator.upstream.batches import Question, batches, merged, question
from aggregator.upstream.calls import Caller
from aggregator.upstream.providers import Known
from aggregator.upstream.retries import Tried, persistently
from aggregator.upstream.wire import Lost

T = TypeVar("T")
Answers = Mapping[str, T | Refused | Unreadable]
Decoder = Callable[[Dialect, Command, WireReply], Answers[T]]

SEARCHED = frozenset({"status", "refill_status"})  # what may be asked however often

# Refusals that would have come for any batch, or are about the orders in it.
_NOT_OF_THE_BATCH = frozenset(
    {
        *(ErrorClass.AUTH, ErrorClass.FUNDS, ErrorClass.RATE, ErrorClass.DOWN),
        *(ErrorClass.ORDER, ErrorClass.REFILL),
    }
)
_INTERNAL_ERROR = 500  # of the panel's script, and so perhaps of what it was asked


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """The answers to one batch. ``lost``: nobody answered it. ``spoiled``: it was answered,
    and nothing in it was. ``told``: something was told of some ID."""

    answers: Answers[T]
    lost: bool = False
    spoiled: bool = False
    told: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether such a batch fits. One ID alone, of which nothing is told, shows nothing:
        perhaps it is what spoils every batch."""
        return self.told or (len(self.answers) > 1 and not self.spoiled)


@dataclass(frozen=True, slots=True)
class Asking(Generic[T]):
    """What is asked, and until when (by the clock's monotonic())."""

    known: Known
    action: str
    kind: Kind
    decode: Decoder[T]
    deadline: float
    repeat: bool = True


class Asker:
    def __init__(self, caller: Caller, clock: Clock, wait: wait_base) -> None:
        self._caller = caller
        self._clock = clock
        self._wait = wait

    async def each(
        self, asking: Asking[T], ids: Sequence[str]
    ) -> dict[str, T | Refused | Unreadable]:
        """All batches at once, under one deadline; an answer for each ID."""
        dialect, learned = asking.known.dialect, asking.known.learned
        size = learned.batch_size(dialect, asking.action, self._clock.now_ms())
        parts = batches(ids, size, apart=learned.loners(asking.action))
        ask = partial(self._part, asking)
        if len(parts) == 1:  # the usual flight: it needs no task of its own
            answers = [await ask(parts[0])]
        else:
            answers = await asyncio.gather(*map(ask, parts))
        return merged(ids, answers, Unreadable("left out"))

    async def _part(self, asking: Asking[T], ids: tuple[str, ...]) -> Answers[T]:
        batch = await self.batch(asking, ids, again=asking.repeat)
        if asking.action not in SEARCHED:
            return batch.answers
        now_ms, learned = self._clock.now_ms(), asking.known.learned
        if not batch.spoiled:
            if batch.told:
                learned.took(asking.action, ids, asking.known.dialect, now_ms)
            return batch.answers
        if len(ids) == 1 or not learned.may_search(asking.action, now_ms):
            return batch.answers
        return await self._searched(asking, ids, batch.answers)

    async def _searched(
        self, asking: Asking[T], ids: tuple[str, ...], answers: Answers[T]
    ) -> Answers[T]:
        search, answers = Search(ids), dict(answers)
        while (part := search.next()) is not None:
            batch = await self.batch(asking, part, again=False)
            answers |= batch.answers
            if batch.lost:
                break
            search.answered(sound=batch.is_sound)
        asking.known.learned.found(asking.action, search, self._clock.now_ms())
        return answers

    async def batch(self, asking: Asking[T], ids: tuple[str, ...], *, again: bool) -> Batch[T]:
        """One batch; ``again``: repeated while nothing in it is answered."""
        asked = question(asking.known.dialect, asking.action, ids, asking.kind)

        async def once() -> Tried[Batch[T]]:
            reply = await self._caller.call(asking.known, asked.command, deadline=asking.deadline)
            if isinstance(reply, Lost):
                lost = dict.fromkeys(ids, Unreadable(reply.cause))
                return Tried(Batch(lost, lost=True), again=again or not reply.sent)
            answers = read(asking.known, asked, asking.decode, reply)
            nothing = all(isinstance(answer, Unreadable) for answer in answers.values())
            return Tried(_batch(reply, answers), again=again and nothing)

        left_s = asking.deadline - self._clock.monotonic()
        return await persistently(once, left_s, self._wait)


def _batch(reply: WireReply, answers: Answers[T]) -> Batch[T]:
    if reply.status > _INTERNAL_ERROR:
        return Batch(answers, lost=True)
    said = list(answers.values())
    refused = [one for one in said if isinstance(one, Refused)]
    told = any(not isinstance(one, Refused | Unreadable) for one in said)
    excused = any(one.error_class in _NOT_OF_THE_BATCH for one in refused)
    return Batch(answers, spoiled=not (told or excused), told=told)


def read(known: Known, asked: Question, decode: Decoder[T], reply: WireReply) -> Answers[T]:
    """The answers; where our own code fails at them, each is Unreadable."""
    try:
        return decode(known.dialect, asked.command, reply)
    except Exception as error:
        broken = fault(known, asked.command.action, error)
        return dict.fromkeys(asked.ids, Unreadable(broken))


def fault(known: Known, action: str, error: Exception) -> str:
    """A fault of ours at an answer, as a cause. Its text may hold anything: it stays here."""
    cause = f"internal: {type(error).__name__}"
    log = telemetry.logger("upstream")
    log.error("unread answer", provider=known.provider.name, action=action, cause=cause)
    return cause
