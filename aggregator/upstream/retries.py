"""Asking again: for calls that are safe to repeat, and never for an add."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)
from tenacity.wait import wait_base

T = TypeVar("T")

TRIES = 4  # a panel that failed four times in a row is left alone until the next poll
WAIT = wait_random_exponential(multiplier=0.2, max=3)


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """An answer, and whether it is worth asking again for a better one."""

    answer: T
    again: bool


async def persistently(
    once: Callable[[], Awaitable[Tried[T]]], timeout_s: float, wait: wait_base = WAIT
) -> T:
    """The first answer that needs no other, else the last. No wait begins that
    would end after ``timeout_s``; ``once`` bounds its own duration."""
    time = asyncio.get_running_loop().time
    began = time()
    tried = [await once()]
    if not tried[0].again:
        return tried[0].answer

    async def next_one() -> Tried[T]:
        return tried.pop() if tried else await once()

    retrying = AsyncRetrying(
        stop=stop_after_attempt(TRIES) | stop_before_delay(timeout_s - (time() - began)),
        wait=wait,
        retry=retry_if_result(lambda tried: tried.again),
        retry_error_callback=lambda state: state.outcome and state.outcome.result(),
    )
    last: Tried[T] = await retrying(next_one)
    return last.answer
