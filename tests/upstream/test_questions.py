"""What is repeated and what is not, and many IDs in few calls."""

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.halving import Limit
from aggregator.core.messages import Balance, OrderStatus, Refused, Unreadable
from aggregator.core.model import Kind
from aggregator.dialects import Dialect
from aggregator.sandbox import Fault, PanelSettings, Rule
from aggregator.upstream import Call, UpstreamClient
from tests.upstream.market import buy, market
from tests.upstream.rawpanels import Line, raw_panel, refusing
from tests.upstream.support import LONG_S, PANEL, RealClock, calling, provider

# -- repeating


@pytest.mark.parametrize(
    "rule",
    [
        Rule(Fault.DROP_BEFORE, times=2),
        Rule(Fault.DROP_AFTER, times=2),
        Rule(Fault.HTML, times=2),
        Rule(Fault.CUT_BODY, times=2, content_length=False),
        Rule(Fault.SERVER_ERROR, times=2),
    ],
    ids=lambda rule: rule.fault,
)
async def test_reads_and_cancels_are_repeated(rule: Rule) -> None:
    """What can be asked twice is asked again until there is an answer."""
    async with market() as (panel, client, calls):
        (order,) = await buy(client)
        panel.set_fault(rule)
        answers = await client.status(PANEL, [order], Kind.NORMAL, timeout_s=LONG_S)
        assert isinstance(answers[order], OrderStatus)
        panel.set_fault(rule)
        assert await client.cancel(PANEL, [order], timeout_s=LONG_S) == {order: None}
        panel.set_fault(rule)
        assert isinstance(await client.balance(PANEL, timeout_s=LONG_S), Balance)
        panel.set_fault(rule)
        assert isinstance(await client.services(PANEL, timeout_s=LONG_S), list)
        assert len(calls) == 1 + 4 * 3


async def test_a_refill_that_may_have_been_made_is_not_repeated() -> None:
    """Once a refill has left, its lost answer stays lost."""
    async with market(settings=PanelSettings(stage_s=0)) as (panel, client, _):
        (order,) = await buy(client)
        panel.set_fault(Rule(Fault.DROP_AFTER, action="refill"))
        answers = await client.refill(PANEL, [order], timeout_s=LONG_S)
        assert answers == {order: Unreadable("disconnected")}
        again = await client.refill_status(PANEL, ["1", "2"], timeout_s=LONG_S)
        assert isinstance(again["1"], str) and isinstance(again["2"], Refused)


async def test_a_refill_that_never_left_is_repeated() -> None:
    """Without a connection there is nothing to fear from trying again."""
    calls: list[Call] = []
    with refusing() as url:
        async with calling(url, on_call=calls.append) as client:
            answers = await client.refill(PANEL, ["1"], timeout_s=LONG_S)
    assert answers == {"1": Unreadable("no connection")}
    assert len(calls) == 4 and not any(call.sent for call in calls)


async def test_a_refusal_is_not_asked_again() -> None:
    """A clear answer is an answer, whatever it says."""
    async with market() as (panel, client, calls):
        panel.set_fault(Rule(Fault.REFUSE, text="Invalid API key"))
        answer = await client.balance(PANEL, timeout_s=LONG_S)
        assert answer == Refused("Invalid API key", ErrorClass.AUTH)
        assert len(calls) == 1


# -- batches


async def test_many_orders_take_few_calls() -> None:
    """250 IDs are three calls of a hundred at most, and each gets its own answer."""
    async with market() as (_, client, calls):
        (order,) = await buy(client)
        asked = [str(number) for number in range(1, 251)]
        answers = await client.status(PANEL, [*asked, order], Kind.NORMAL, timeout_s=LONG_S)
        assert list(answers) == asked
        assert [type(answers[each]) for each in asked] == [OrderStatus] + [Refused] * 249
        assert len(calls) == 1 + 3


async def test_no_orders_take_no_call() -> None:
    """Nothing asked, nothing sent."""
    async with market() as (_, client, calls):
        assert await client.status(PANEL, [], Kind.NORMAL, timeout_s=LONG_S) == {}
        assert calls == []


async def test_a_bad_id_costs_only_its_own() -> None:
    """A batch that fails is asked again in halves: all but the bad one have their answers,
    and the next time that one is asked alone."""
    settings = PanelSettings(stage_s=None, first_order_id=5000)
    async with market(settings=settings) as (panel, client, calls):
        bought = await buy(client, 8)
        panel.set_fault(Rule(Fault.HTML, marker=bought[5]))
        answers = await client.status(PANEL, bought, Kind.NORMAL, timeout_s=LONG_S)
        unread = [one for one in bought if not isinstance(answers[one], OrderStatus)]
        assert unread == [bought[5]]
        before = len(calls)
        await client.status(PANEL, bought, Kind.NORMAL, timeout_s=LONG_S)
        assert len(calls) == before + 1 + 4  # repeated, as ever, while nothing is answered
        assert client.batch_size(PANEL, "status") == 100
        panel.set_fault()
        for expected in (2, 1):
            before = len(calls)
            await client.status(PANEL, bought, Kind.NORMAL, timeout_s=LONG_S)
            assert len(calls) == before + expected


async def test_a_panel_s_limit_is_learned() -> None:
    """A panel that refuses long lists is asked in shorter ones, at once the next time."""
    async with market(settings=PanelSettings(stage_s=None, batch_limit=30)) as (_, client, calls):
        (order,) = await buy(client)
        asked = [order, *map(str, range(1001, 1100))]
        answers = await client.status(PANEL, asked, Kind.NORMAL, timeout_s=LONG_S)
        assert isinstance(answers[order], OrderStatus)
        assert not any(isinstance(one, Unreadable) for one in answers.values())
        assert client.batch_size(PANEL, "status") == 25
        (limit,) = client.limits()[PANEL].values()
        assert limit.size == 25
        before = len(calls)
        await client.status(PANEL, asked, Kind.NORMAL, timeout_s=LONG_S)
        assert len(calls) == before + 4


async def test_a_limit_is_kept_and_tried_again() -> None:
    """One from before a restart holds; where the panel takes more by now, that is learned."""
    async with market() as (_, client, _):
        asked = [*await buy(client), *map(str, range(1001, 1100))]
        client.restore_limits({PANEL: {"status": Limit(50, 0)}, "gone": {"status": Limit(1, 0)}})
        assert client.batch_size(PANEL, "status") == 100
        client.restore_limits({PANEL: {"status": Limit(10, 0)}})
        assert client.batch_size(PANEL, "status") == 100  # what is known already counts more
        await client.status(PANEL, asked, Kind.NORMAL, timeout_s=LONG_S)
        assert client.limits() == {PANEL: {}}
        assert client.batch_size("gone", "status") == 1


async def test_an_ill_panel_is_not_searched_again_and_again() -> None:
    """Where nothing is answered whatever is asked, it is not the batch: one search, and then
    none for a while."""
    async with market() as (panel, client, calls):
        asked = [str(number) for number in range(1, 101)]
        panel.set_fault(Rule(Fault.REFUSE, text="No.", times=None))
        for counted in (1 + 8, 1):
            before = len(calls)
            answers = await client.status(PANEL, asked, Kind.NORMAL, timeout_s=LONG_S)
            assert not any(isinstance(one, OrderStatus) for one in answers.values())
            assert len(calls) == before + counted


@pytest.mark.parametrize(
    "rule",
    [
        Rule(Fault.REFUSE, text="Invalid API key", times=None),
        Rule(Fault.REFUSE, text="Too many requests", times=None),
        Rule(Fault.SERVER_ERROR, status=503, times=None),
        Rule(Fault.DROP_BEFORE, times=None),
    ],
    ids=lambda rule: f"{rule.fault} {rule.text or rule.status or ''}",
)
async def test_what_is_not_about_the_batch_is_not_searched(rule: Rule) -> None:
    """A refused key, a full house or a lost call would come for one ID as well."""
    async with market() as (panel, client, calls):
        panel.set_fault(rule)
        await client.status(PANEL, ["1", "2", "3"], Kind.NORMAL, timeout_s=LONG_S)
        assert len(calls) == (1 if rule.fault is Fault.REFUSE else 4)


async def test_one_by_one_where_a_panel_knows_no_batches() -> None:
    """A batch size of 0 asks for each ID alone, in the form for one."""

    async def answers(line: Line) -> None:
        while True:
            request = await line.read()
            assert b"orders=" not in request
            await line.answer(b'{"status":"Completed","remains":"0"}')

    single = Dialect(name="single", batch={})
    async with raw_panel(answers) as panel:
        providers = {PANEL: provider(panel.url, dialect="single")}
        async with UpstreamClient(providers, {"single": single}, RealClock()) as client:
            found = await client.status(PANEL, list("123"), Kind.NORMAL, timeout_s=LONG_S)
    assert all(isinstance(found[each], OrderStatus) for each in "123")
    assert len(panel.requests) == 3
