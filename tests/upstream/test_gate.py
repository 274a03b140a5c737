"""How many calls a provider gets at once, and how many a minute."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.health import Health
from aggregator.core.messages import Balance
from aggregator.core.outcome import InDoubt, NotSent, Placed
from aggregator.upstream.gate import Gate, NoSlot, limiter_for
from tests.upstream.rawpanels import Line, raw_panel
from tests.upstream.support import LONG_S, PANEL, PURCHASE, calling


@given(st.integers(1, 1_000_000))
def test_a_minute_never_sees_more_than_its_rate(per_minute: int) -> None:
    """What goes at once and what leaks in a minute together stay within the rate."""
    limiter = limiter_for(per_minute)
    a_minute = limiter.max_rate * (1 + 60 / limiter.time_period)
    assert limiter.max_rate >= 1  # else nothing would ever pass
    assert a_minute <= max(per_minute, 2) + 1e-6


@given(st.integers(61, 1_000_000))
def test_a_burst_is_one_second_long(per_minute: int) -> None:
    """No more than a second's share goes at once."""
    assert limiter_for(per_minute).max_rate <= per_minute / 60


async def test_a_full_gate_lets_nobody_in() -> None:
    """Who finds no place in his time gets NoSlot, and the place is free again later."""
    gate = Gate(1, None)
    async with gate.slot(LONG_S, buying=True):
        with pytest.raises(NoSlot):
            async with gate.slot(0.01, buying=True):
                pass
    async with gate.slot(0.01, buying=True):
        pass


async def test_a_used_up_rate_lets_nobody_in() -> None:
    """Beyond the rate a call does not pass, and gives its place back."""
    gate = Gate(1, 1)
    async with gate.slot(LONG_S):
        pass
    for buying in (True, False):
        with pytest.raises(NoSlot):
            async with gate.slot(0.01, buying=buying):
                pass


async def test_reads_leave_room_for_orders() -> None:
    """However many reads there are, a quarter of the places is kept for buying."""
    gate = Gate(4, None)
    async with gate.slot(LONG_S), gate.slot(LONG_S), gate.slot(LONG_S):
        with pytest.raises(NoSlot):
            async with gate.slot(0.01):
                pass
        async with gate.slot(LONG_S, buying=True):
            pass


async def visits(
    gate: Gate, buying: bool, entered: list[asyncio.Event], leave: asyncio.Event
) -> None:
    async with gate.slot(LONG_S, buying=buying):
        entered.append(leave)
        try:
            await leave.wait()
        finally:
            entered.remove(leave)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_waits_is_called_in_order() -> None:
    """The first that came is the first to enter; reads do not stand in the way of orders."""
    gate, inside = Gate(4, None), list[asyncio.Event]()
    leaves = [asyncio.Event() for _ in range(9)]
    visitors = []
    for leave, buying in zip(leaves, map(int, "000001101"), strict=True):
        visitors.append(asyncio.create_task(visits(gate, bool(buying), inside, leave)))
        await settled()
    assert [leaves.index(one) for one in inside] == [0, 1, 2, 5]
    for left, then in ((5, [0, 1, 2, 6]), (0, [1, 2, 6, 3]), (1, [2, 6, 3, 4]), (2, [6, 3, 4, 7])):
        leaves[left].set()
        await settled()
        assert [leaves.index(one) for one in inside] == then
    for leave in leaves:
        leave.set()
    await asyncio.gather(*visitors)


@given(st.integers(1, 9), st.lists(st.tuples(st.sampled_from("brlc"), st.integers(0, 30))))
def test_no_place_is_lost_and_none_is_made(places: int, steps: list[tuple[str, int]]) -> None:
    """Whoever comes, leaves or gives up: never too many inside, and nobody waits for a place
    that is free."""

    async def play() -> None:
        gate = Gate(places, None)
        inside: dict[bool, list[asyncio.Event]] = {True: [], False: []}
        here: list[tuple[asyncio.Task[None], asyncio.Event, bool]] = []
        for what, which in steps:
            if what in "br":
                leave, buying = asyncio.Event(), what == "b"
                task = asyncio.create_task(visits(gate, buying, inside[buying], leave))
                here.append((task, leave, buying))
            elif here:
                task, leave, _ = here.pop(which % len(here))
                leave.set() if what == "l" else task.cancel()
            if which % 3:
                await settled()
        await settled()
        here = [one for one in here if not one[0].done()]
        outside = {one[2] for one in here if one[1] not in inside[one[2]]}
        reads, buys = len(inside[False]), len(inside[True])
        assert reads <= places - places // 4 and reads + buys <= places
        assert True not in outside or reads + buys == places
        assert False not in outside or reads + buys == places or reads == places - places // 4
        for task, leave, _ in here:
            leave.set()
            await task
        await settled()
        assert (gate._free, gate._free_for_reads) == (places, places - places // 4)

    asyncio.run(play())


async def hangs_at_the_first(line: Line) -> None:
    await line.read()
    if line.number == 1:
        await line.until_told()
    await line.answer(b'{"order":%d}' % line.number)


async def test_a_long_add_gives_its_place_back() -> None:
    """While one order's answer is long in coming, the only place serves the next."""
    async with (
        raw_panel(hangs_at_the_first) as panel,
        calling(panel.url, settings={"concurrency": 1}, slot_s=0.01) as client,
    ):
        first = asyncio.create_task(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S))
        await panel.heard.wait()
        assert await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S) == Placed("2")
        panel.told.set()
        assert await first == Placed("1")


async def test_an_add_without_a_place_is_not_sent() -> None:
    """An order that found no place in time has sent nothing, and the panel is not ill for it."""
    async with (
        raw_panel(hangs_at_the_first) as panel,
        calling(panel.url, settings={"concurrency": 1}) as client,
    ):
        first = asyncio.create_task(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S))
        await panel.heard.wait()
        second = await client.add(PANEL, "1", PURCHASE, timeout_s=0.05)
        assert second == NotSent("no free slot in time", ours=True)
        assert len(panel.requests) == 1
        assert client.health(PANEL) == Health()
        first.cancel()
        assert await first == InDoubt("canceled")


async def test_an_add_cancelled_in_line_is_not_sent() -> None:
    """Cancelled before its turn, an order has sent nothing; the place is not lost."""
    async with (
        raw_panel(hangs_at_the_first) as panel,
        calling(panel.url, settings={"concurrency": 1}) as client,
    ):
        first = asyncio.create_task(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S))
        await panel.heard.wait()
        second = asyncio.create_task(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S))
        await asyncio.sleep(0)
        second.cancel()
        assert await second == NotSent("canceled", ours=True)
        panel.told.set()
        assert await first == Placed("1")
        assert await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S) == Placed("2")


async def test_a_rate_holds_for_every_kind_of_call() -> None:
    """One call a minute is one call, whatever it asks."""

    async def answers(line: Line) -> None:
        await line.read()
        await line.answer(b'{"balance":"1","currency":"USD"}')

    async with (
        raw_panel(answers) as panel,
        calling(panel.url, settings={"rate_limit_per_minute": 1}) as client,
    ):
        assert isinstance(await client.balance(PANEL, timeout_s=LONG_S), Balance)
        outcome = await client.add(PANEL, "1", PURCHASE, timeout_s=0.05)
        assert outcome == NotSent("no free slot in time", ours=True)
        assert len(panel.requests) == 1
