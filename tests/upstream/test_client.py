"""The client against the pretend panel, whose own log is the ground truth."""

import asyncio
from decimal import Decimal

import pytest
from tenacity import wait_none

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Balance, OrderStatus, Refused, Unreadable
from aggregator.core.model import Kind, Purchase
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from aggregator.dialects import BUILTIN, Dialect
from aggregator.sandbox import Fault, PanelSettings, Rule, SandboxServer, builtin_dialect
from aggregator.upstream import UpstreamClient
from tests.upstream.market import FROZEN, buy, market
from tests.upstream.rawpanels import Line, raw_panel
from tests.upstream.support import DRIPFEED, LONG_S, PANEL, PURCHASE, RealClock, calling, provider

# -- adds against the truth

LOST = [
    Rule(fault, processed=processed, seconds=0.01, content_length=with_length)
    for fault in (
        Fault.DROP_BEFORE,
        Fault.DROP_AFTER,
        Fault.HANG,
        Fault.CUT_BODY,
        Fault.HTML,
        Fault.WRONG_JSON,
        Fault.SERVER_ERROR,
    )
    for processed in (True, False)
    for with_length in (True, False)
    if with_length or fault is Fault.CUT_BODY
]
CLEAR = [
    Rule(Fault.RATE_LIMIT),
    Rule(Fault.REDIRECT),
    Rule(Fault.REFUSE, text="Not enough funds on balance"),
    Rule(Fault.SERVER_ERROR, status=503, text="Service Unavailable"),
    Rule(Fault.SERVER_ERROR, status=521),
]


@pytest.mark.parametrize("rule", LOST, ids=lambda rule: f"{rule.fault}-{rule.processed}")
async def test_an_answer_lost_on_the_way_is_a_doubt(rule: Rule) -> None:
    """Whether the panel booked the order or not, it is InDoubt and sent once."""
    async with market() as (panel, client, calls):
        panel.set_fault(rule)
        outcome = await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        assert isinstance(outcome, InDoubt)
        assert len(panel.log()) == rule.processed
        assert len(calls) == 1


@pytest.mark.parametrize("rule", CLEAR, ids=lambda rule: f"{rule.fault}-{rule.status}")
async def test_a_clear_no_bought_nothing(rule: Rule) -> None:
    """What is Rejected is not in the panel's log, and is sent once."""
    async with market() as (panel, client, calls):
        panel.set_fault(rule)
        outcome = await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        assert isinstance(outcome, Rejected)
        assert panel.log() == []
        assert len(calls) == 1


async def test_many_orders_through_a_bad_line_are_all_accounted_for() -> None:
    """Placed are in the log under their IDs, refused are not, doubts are the rest."""
    async with market() as (panel, client, _):
        panel.set_fault(
            Rule(Fault.DROP_BEFORE, probability=0.1),
            Rule(Fault.DROP_AFTER, probability=0.1),
            Rule(Fault.CUT_BODY, probability=0.1, content_length=False),
            Rule(Fault.RATE_LIMIT, probability=0.1),
        )
        outcomes = await asyncio.gather(
            *(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S) for _ in range(200))
        )
        placed = {each.upstream_order_id for each in outcomes if isinstance(each, Placed)}
        doubts = [each for each in outcomes if isinstance(each, InDoubt)]
        accepted = {record["order"] for record in panel.log()}
        assert len(placed) == sum(isinstance(each, Placed) for each in outcomes)
        assert placed <= accepted
        assert len(accepted - placed) <= len(doubts)
        assert doubts and len(placed) > 50


# -- the same questions in every dialect


@pytest.mark.parametrize("dialect", BUILTIN)
async def test_every_dialect_buys_and_answers(dialect: str) -> None:
    """In each dialect: services, balance, an order, its status alone and among others."""
    async with market(dialect) as (panel, client, _):
        rows = await client.services(PANEL, timeout_s=LONG_S)
        assert isinstance(rows, list) and len(rows) == 22
        first, second = await buy(client, 2)
        assert [record["order"] for record in panel.log()] == [first, second]
        alone = await client.status(PANEL, [first], Kind.NORMAL, timeout_s=LONG_S)
        assert isinstance(alone[first], OrderStatus)
        asked = [first, second, "999"]
        statuses = await client.status(PANEL, asked, Kind.NORMAL, timeout_s=LONG_S)
        assert [type(statuses[each]) for each in asked] == [OrderStatus, OrderStatus, Refused]
        balance = await client.balance(PANEL, timeout_s=LONG_S)
        assert balance == Balance(Decimal("999.82"), "USD")
        assert client.health(PANEL).balance_micros == 999_820_000


@pytest.mark.parametrize("dialect", BUILTIN)
async def test_every_dialect_cancels_and_refills_or_says_that_it_cannot(dialect: str) -> None:
    """What a dialect lacks is Refused without a call; what it has is done per order."""
    async with market(dialect, PanelSettings(stage_s=0)) as (panel, client, calls):
        bought = await buy(client, 2)
        before = len(calls)
        refills = await client.refill(PANEL, [*bought, "999"], timeout_s=LONG_S)
        cancels = await client.cancel(PANEL, bought, timeout_s=LONG_S)
        if not panel.dialect.offers("refill"):
            classes = {answer.error_class for answer in [*refills.values(), *cancels.values()]}
            assert (classes, len(calls)) == ({ErrorClass.ACTION}, before)
            return
        assert [refills[each] for each in bought] == ["1", "2"]
        assert isinstance(refills["999"], Refused)
        words = await client.refill_status(PANEL, ["1", "2"], timeout_s=LONG_S)
        assert words == {"1": "Completed", "2": "Completed"}
        assert all(isinstance(answer, Refused) for answer in cancels.values())  # completed


@pytest.mark.parametrize("dialect", BUILTIN)
async def test_a_dripfeed_is_bought_only_where_it_is_offered(dialect: str) -> None:
    """A panel that would ignore the runs is not asked; the others name the kind or not."""
    async with market(dialect) as (panel, client, _):
        outcome = await client.add(PANEL, "1", DRIPFEED, timeout_s=LONG_S)
        if panel.dialect.offers_dripfeed:
            assert isinstance(outcome, Placed)
            assert [record["kind"] for record in panel.log()] == ["dripfeed"]
            ids = [outcome.upstream_order_id]
            answers = await client.status(PANEL, ids, Kind.DRIPFEED, timeout_s=LONG_S)
            assert isinstance(answers[ids[0]], OrderStatus)
        else:
            assert isinstance(outcome, Rejected)
            assert panel.log() == []


async def test_a_dripfeed_counted_apart_is_asked_after_by_its_kind() -> None:
    """Where drip-feeds have IDs of their own, the same ID of each kind is told apart."""
    async with market("smmowner") as (_, client, _calls):
        (normal,) = await buy(client)
        outcome = await client.add(PANEL, "1", DRIPFEED, timeout_s=LONG_S)
        assert outcome == Placed(normal, Kind.DRIPFEED)
        for kind, has_children in ((Kind.NORMAL, False), (Kind.DRIPFEED, True)):
            answers = await client.status(PANEL, [normal], kind, timeout_s=LONG_S)
            status = answers[normal]
            assert isinstance(status, OrderStatus)
            assert (status.children is not None) is has_children


# -- health and reload


async def test_outcomes_enter_the_health() -> None:
    """An empty purse pauses the provider until a balance shows it cured."""
    async with market() as (panel, client, _):
        panel.set_fault(Rule(Fault.REFUSE, action="add", text="Not enough funds on balance"))
        await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        assert client.health(PANEL).paused_for is ErrorClass.FUNDS
        await client.balance(PANEL, timeout_s=LONG_S)
        assert client.health(PANEL).paused_for is None


async def test_a_reload_keeps_what_was_earned() -> None:
    """Health stays while address and key do, and a new key begins anew."""
    async with market() as (panel, client, _):
        panel.set_fault(Rule(Fault.REFUSE, action="add", text="Invalid API key"))
        await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        dialects = {"standard": panel.dialect}
        client.replace({PANEL: provider(panel.url, concurrency=2)}, dialects)
        assert client.health(PANEL).paused_for is ErrorClass.AUTH
        client.replace({PANEL: provider(panel.url, key="another")}, dialects)
        assert client.health(PANEL).paused_for is None
        refused = await client.balance(PANEL, timeout_s=LONG_S)
        assert isinstance(refused, Refused) and refused.error_class is ErrorClass.AUTH


async def test_a_late_outcome_of_an_old_key_does_not_touch_the_new_one() -> None:
    """What comes back after a reload counts for the account that it was bought with."""

    async def hangs_up_when_told(line: Line) -> None:
        await line.read()
        await line.until_told()

    async with raw_panel(hangs_up_when_told) as panel, calling(panel.url) as client:
        task = asyncio.create_task(client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S))
        await panel.heard.wait()
        client.replace(
            {PANEL: provider(panel.url, key="another")}, {"standard": builtin_dialect("standard")}
        )
        panel.told.set()
        assert isinstance(await task, InDoubt)
        assert client.health(PANEL).strikes == 0


async def test_a_provider_that_was_removed_is_asked_nothing() -> None:
    """Every call has its harmless answer for a provider that is not there."""
    async with market() as (_, client, calls):
        client.replace({}, {})
        nobody = Unreadable("unknown provider")
        outcome = await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        assert outcome == NotSent("unknown provider", ours=True)
        assert await client.balance(PANEL, timeout_s=LONG_S) == nobody
        assert await client.services(PANEL, timeout_s=LONG_S) == nobody
        assert await client.cancel(PANEL, ["1"], timeout_s=LONG_S) == {"1": nobody}
        assert client.health(PANEL).usable(0)
        assert calls == []


async def test_a_fault_of_ours_before_sending_is_not_sent() -> None:
    """What cannot even be written down never left."""
    unfit = Purchase(Kind.NORMAL, 1, 1, {"link": "x", "comments": 5})  # type: ignore[dict-item]
    async with market("socialmediapanels") as (panel, client, _):
        outcome = await client.add(PANEL, "5", unfit, timeout_s=LONG_S)
        assert isinstance(outcome, NotSent) and outcome.ours
        assert panel.log() == []


class Unreading(Dialect):
    """A dialect whose answers nobody can read without failing."""

    def their_field(self, action: str, ours: str) -> str:
        raise LookupError


async def test_a_fault_of_ours_after_sending_is_a_doubt() -> None:
    """An answer that makes our own code fail is not given away."""
    async with SandboxServer(builtin_dialect("standard"), FROZEN) as panel:
        providers = {PANEL: provider(panel.url, dialect="unreading")}
        async with UpstreamClient(providers, {"unreading": Unreading()}, RealClock()) as client:
            outcome = await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S)
        assert outcome == InDoubt("internal: LookupError")
        assert len(panel.log()) == 1


async def test_a_fault_of_ours_at_an_answer_is_unreadable() -> None:
    """An answer that makes our own code fail answers nothing, for each ID, and raises nothing."""
    fault = Unreadable("internal: LookupError")
    async with SandboxServer(builtin_dialect("standard"), FROZEN) as panel:
        providers = {PANEL: provider(panel.url, dialect="unreading")}
        clock, dialects = RealClock(), {"unreading": Unreading()}
        async with UpstreamClient(providers, dialects, clock, wait=wait_none()) as client:
            statuses = await client.status(PANEL, ["1", "2"], Kind.NORMAL, timeout_s=LONG_S)
            assert not any(isinstance(one, OrderStatus) for one in statuses.values())
            heard = await client.probe(PANEL, ["1", "2"], Kind.NORMAL, timeout_s=LONG_S)
            assert heard.answers == {"1": fault, "2": fault}
            assert await client.balance(PANEL, timeout_s=LONG_S) == fault
