"""One timer for all orders on their way: each ID is given in time, whichever is due first."""

import asyncio

from aggregator.actions.answering import Answering, Unanswered
from aggregator.core.messages import Added
from aggregator.core.model import Kind


def begun(unanswered: Unanswered, order_id: int, within_s: float) -> Answering:
    answering = Answering()
    unanswered.begin(order_id, Kind.NORMAL, answering, within_s)
    return answering


async def test_each_is_given_its_id() -> None:
    """Also one that began after a reload has made the time shorter."""
    unanswered = Unanswered()
    answerings = [begun(unanswered, number, 0.03 / number) for number in range(1, 4)]
    found = await asyncio.gather(*(one.wait() for one in answerings))
    assert found == [Added("1"), Added("2"), Added("3")]


async def test_a_later_one_has_its_whole_time() -> None:
    """The timer that rings for another gives it nothing."""
    unanswered = Unanswered()
    first, later = begun(unanswered, 1, 0.001), begun(unanswered, 2, 60)
    assert await first.wait() == Added("1")
    assert not later.given


async def test_what_has_ended_is_given_nothing() -> None:
    """The timer rings, and there is only the other one."""
    unanswered = Unanswered()
    ended, other = begun(unanswered, 1, 0.001), begun(unanswered, 2, 0.002)
    unanswered.end(1)
    assert await other.wait() == Added("2")
    assert not ended.given


async def test_those_that_are_not_due_are_left_alone() -> None:
    """Many wait at a provider that hangs: each ring is for those whose time has come."""
    unanswered = Unanswered()
    waiting = [begun(unanswered, number, 60) for number in range(1, 500)]
    due = [begun(unanswered, 500 + number, 0.001 * number) for number in range(1, 50)]
    unanswered.end(2)
    given = await asyncio.gather(*(one.wait() for one in due))
    assert given == [Added(str(500 + number)) for number in range(1, 50)]
    assert not any(one.given for one in waiting)
