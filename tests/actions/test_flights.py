"""One question about each order at a time, and many of them in one batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from aggregator.actions import flights
from aggregator.actions.flights import LOST, Errand, Flights, Landed, Question, Topic
from aggregator.core.model import Kind, Policy
from tests.fakes import FakeClock, settled

LONG_S = 60.0
POLICY = Policy()
ALPHA, BETA = Topic("alpha"), Topic("beta")


@dataclass
class Panel:
    """Carries every flight, once ``open`` is set; what it says of all is ``answer``."""

    size: int = 3
    answer: Landed | None = None
    carried: list[tuple[Topic, list[int]]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(self, topic: Topic, questions: Sequence[Question[None]]) -> Landed:
        ids = [one.id for one in questions]
        self.carried.append((topic, ids))
        await self.open.wait()
        return self.answer or Landed(ids, spoke=True)

    @property
    def errand(self) -> Errand[None]:
        return Errand(self.carry, lambda _topic: self.size)


def about(*ids: int, topic: Topic = ALPHA, wanted: bool = False) -> list[Question[None]]:
    return [Question(one, f"u{one}", topic, None, wanted) for one in ids]


class Sky:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.flights: Flights[None] = Flights(self.clock)
        self.panel = Panel()

    def ask(
        self, *ids: int, topic: Topic = ALPHA, anew: bool = False, wanted: bool = False
    ) -> "asyncio.Task[None]":
        questions = about(*ids, topic=topic, wanted=wanted)
        return asyncio.create_task(
            self.flights.ask(questions, self.panel.errand, timeout_s=LONG_S, anew=anew)
        )

    def is_spared(self, order_id: int, policy: Policy = POLICY, topic: Topic = ALPHA) -> bool:
        (one,) = about(order_id, topic=topic)
        return self.flights.is_spared(one, self.clock.now_ms(), policy)


@pytest.fixture
def sky() -> Sky:
    return Sky()


async def test_questions_of_a_moment_share_a_batch(sky: Sky) -> None:
    """Two resellers at once are one call; another provider, and another of its sequences,
    gets its own."""
    sky.panel.open.set()
    apart = Topic("alpha", Kind.DRIPFEED)
    await asyncio.gather(sky.ask(1), sky.ask(2), sky.ask(3, topic=BETA), sky.ask(4, topic=apart))
    assert sky.panel.carried == [(ALPHA, [1, 2]), (BETA, [3]), (apart, [4])]


async def test_a_full_flight_departs_at_once(sky: Sky) -> None:
    """Nobody waits for others where there is no room for them; the rest fills the next."""
    sky.panel.open.set()
    await asyncio.gather(sky.ask(1, 2), sky.ask(3, 4), sky.ask(5, 6, 7))
    assert sky.panel.carried == [(ALPHA, [1, 2, 3]), (ALPHA, [4, 5, 6]), (ALPHA, [7])]


@pytest.mark.parametrize("wanted", [False, True])
async def test_while_resellers_wait_the_next_flight_gathers(
    sky: Sky, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    """Those who are about to be answered will ask again: two half-full flights would take
    turns. It is held up by no flight of the poller's."""
    monkeypatch.setattr(flights, "COALESCE_S", 0)
    monkeypatch.setattr(flights, "COALESCE_MOST_S", LONG_S)
    first = sky.ask(1, wanted=wanted)
    await settled(lambda: bool(sky.panel.carried))
    second = sky.ask(2, wanted=True)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(sky.panel.carried) == (1 if wanted else 2)
    sky.panel.open.set()
    await asyncio.gather(first, second)
    assert sky.panel.carried == [(ALPHA, [1]), (ALPHA, [2])]


async def test_an_order_is_in_one_flight(sky: Sky) -> None:
    """Who asks after an order on its way waits for that flight, and begins no other."""
    first = sky.ask(1)
    await settled(lambda: bool(sky.panel.carried))
    second = sky.ask(1, 2)
    await settled(lambda: len(sky.panel.carried) == 2)
    assert sky.panel.carried == [(ALPHA, [1]), (ALPHA, [2])]
    sky.panel.open.set()
    await asyncio.gather(first, second)


async def test_asked_anew_is_asked_after_the_request(sky: Sky) -> None:
    """A flight that has departed will not do: the next one leaves when it has landed, and
    all who came meanwhile share it."""
    first = sky.ask(1)
    await settled(lambda: bool(sky.panel.carried))
    anew = [sky.ask(1, anew=True) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(sky.panel.carried) == 1
    sky.panel.open.set()
    await asyncio.gather(first, *anew)
    assert sky.panel.carried == [(ALPHA, [1]), (ALPHA, [1])]


async def test_nobody_waits_longer_than_he_said(sky: Sky) -> None:
    """The flight goes on without him, and answers whoever waits longer."""
    patient = sky.ask(1)
    await sky.flights.ask(about(1), sky.panel.errand, timeout_s=0.01)
    assert not patient.done()
    sky.panel.open.set()
    await patient
    assert len(sky.panel.carried) == 1


async def test_a_flight_long_on_its_way_is_not_waited_for(sky: Sky) -> None:
    """Who comes when it has been out for as long as he would wait gets what is known."""
    first = sky.ask(1)
    await settled(lambda: bool(sky.panel.carried))
    sky.clock.pass_s(LONG_S)
    await sky.ask(1)
    assert not first.done()
    sky.panel.open.set()
    await first


async def test_a_lost_question_counts_as_asked(sky: Sky) -> None:
    """Within ``status_ttl`` nobody repeats it; with 0s everybody does."""
    sky.panel.answer = Landed((), spoke=True)
    sky.panel.open.set()
    assert not sky.is_spared(1)
    await sky.ask(1)
    assert sky.is_spared(1)
    assert not sky.is_spared(2)
    assert not sky.is_spared(1, Policy(status_ttl_s=0))
    sky.clock.pass_s(30)
    assert not sky.is_spared(1)


async def test_a_silent_provider_is_left_alone(sky: Sky) -> None:
    """For a while none of its orders is asked after; one word of its ends that."""
    sky.panel.answer = LOST
    sky.panel.open.set()
    await sky.ask(1)
    assert sky.is_spared(2)
    assert not sky.is_spared(2, topic=BETA)
    sky.clock.pass_s(1)
    assert not sky.is_spared(2)
    sky.panel.answer = None
    await sky.ask(2)
    assert not sky.flights.rests("alpha")


async def test_an_order_on_its_way_is_joined(sky: Sky) -> None:
    """That it was lost before is forgotten while somebody asks again."""
    sky.panel.answer = LOST
    sky.panel.open.set()
    await sky.ask(1)
    sky.panel.open.clear()
    again = sky.ask(1)
    await settled(lambda: len(sky.panel.carried) == 2)
    assert not sky.is_spared(1)
    sky.panel.open.set()
    await again


async def test_a_fault_lands_too(sky: Sky) -> None:
    """Whatever breaks on the way, nobody waits for ever."""

    async def carry(_topic: Topic, _questions: Sequence[Question[None]]) -> Landed:
        raise RuntimeError("a fault of ours")

    errand: Errand[None] = Errand(carry, lambda _topic: 1)
    await sky.flights.ask(about(1), errand, timeout_s=LONG_S)
    assert sky.is_spared(1)


async def test_a_stop_ends_every_flight(sky: Sky) -> None:
    """What is on its way or still boarding is given up, and nothing departs any more."""
    flying = sky.ask(1)
    await settled(lambda: bool(sky.panel.carried))
    boarding, later = sky.ask(2), sky.ask(1, anew=True)
    await asyncio.sleep(0)
    await sky.flights.close()
    await asyncio.gather(flying, boarding, later)
    await sky.ask(3)
    assert sky.panel.carried == [(ALPHA, [1])]
