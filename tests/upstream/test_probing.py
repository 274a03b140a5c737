"""A probe is one call, and a panel that says no is heard."""

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused, Unreadable
from aggregator.core.model import Kind
from aggregator.sandbox import Fault, Rule
from tests.upstream.market import buy, market
from tests.upstream.support import LONG_S, PANEL


async def test_every_id_is_answered_for() -> None:
    """Ours with its row, a foreign one with an error; nothing to stop for."""
    async with market() as (_, client, _calls):
        (order,) = await buy(client)
        heard = await client.probe(PANEL, [order, "77"], Kind.NORMAL, timeout_s=LONG_S)
        assert isinstance(heard.answers[order], OrderStatus)
        foreign = heard.answers["77"]
        assert isinstance(foreign, Refused) and foreign.error_class is ErrorClass.ORDER
        assert heard.halt == ""


@pytest.mark.parametrize(
    ("rule", "halt"),
    [
        (Rule(Fault.RATE_LIMIT), "429"),
        (Rule(Fault.HTML, status=403), "403"),
        (Rule(Fault.HTML), "not JSON"),
        (Rule(Fault.DROP_BEFORE), ""),
    ],
    ids=str,
)
async def test_it_is_not_repeated(rule: Rule, halt: str) -> None:
    """Whatever comes of it, it was asked once."""
    async with market() as (panel, client, calls):
        (order,) = await buy(client)
        panel.set_fault(rule)
        heard = await client.probe(PANEL, [order, "77"], Kind.NORMAL, timeout_s=LONG_S)
        assert heard.halt == halt
        assert not any(isinstance(one, OrderStatus) for one in heard.answers.values())
        assert len(calls) == 2


async def test_a_provider_nobody_knows() -> None:
    """No call, no answer."""
    async with market() as (_, client, calls):
        heard = await client.probe("nobody", ["1"], Kind.NORMAL, timeout_s=LONG_S)
        assert isinstance(heard.answers["1"], Unreadable)
        assert calls == []
