"""A conversation with a panel that nobody configured yet: it asks, we carry."""

from collections.abc import Callable, Generator
from typing import TypeVar

from aggregator.core.messages import Unreadable
from aggregator.dialects import Question, WireReply
from aggregator.upstream.providers import is_safe
from aggregator.upstream.wire import LARGE_REPLY, SMALL_REPLY, Lost, Wire

T = TypeVar("T")

ANSWER_S = 30.0
LIST_S = 90.0


async def converse(
    url: str,
    talk: Generator[Question, WireReply | Unreadable, T],
    on_question: Callable[[Question], None] = lambda _question: None,
) -> T:
    """What ``talk`` ends with. Each of its questions is sent once, one after the other.

    Raises what ``talk`` raises, and nothing else, whatever the panel does.
    """
    async with Wire(lambda: True) as wire:
        try:
            question = next(talk)
            while True:
                on_question(question)
                question = talk.send(await _carried(wire, url, question))
        except StopIteration as end:
            found: T = end.value
            return found


async def _carried(wire: Wire, url: str, question: Question) -> WireReply | Unreadable:
    if not is_safe(url):
        return Unreadable("neither TLS nor loopback")
    timeout_s, cap = (LIST_S, LARGE_REPLY) if question.large else (ANSWER_S, SMALL_REPLY)
    reply = await wire.post(url, question.request, timeout_s=timeout_s, cap=cap)
    return Unreadable(reply.cause) if isinstance(reply, Lost) else reply
