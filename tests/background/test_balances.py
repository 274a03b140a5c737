"""Balances at providers, and losses: who is told, and how often."""

from decimal import Decimal

import pytest

from aggregator.actions.world import TOLD_MOST
from aggregator.background import balances
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.health import Health
from aggregator.core.messages import Balance, Unreadable
from tests.actions.conftest import OpenShop, Shop
from tests.background.test_catalogues import alerts, read, row
from tests.fakes import provider, service, setup


async def test_a_low_balance_is_told_once(open_shop: OpenShop) -> None:
    """One alert when it falls below; another only after it was above again."""
    alpha = provider("alpha", low_balance_micros=50_000_000)
    shop = await open_shop(setup(providers=[alpha, provider("beta")]))
    heard = alerts(shop)
    for left in ("50", "49.99", "12.5", None, "12.5", "50", "3", "3"):
        answer = Unreadable("silent") if left is None else Balance(Decimal(left), "USD")
        shop.upstream.balances["alpha"] = answer
        await balances.look(shop.world)
    told = {"event": "low_balance", "provider": "alpha", "currency": "USD", "low_balance": "50.00"}
    assert heard == [told | {"balance": "49.99"}, told | {"balance": "3.00"}]


async def test_whoever_is_paused_or_retired_is_not_asked(open_shop: OpenShop) -> None:
    """A paused one is asked by its cure, a retired one has no use for money."""
    names = ("alpha", "beta", "gamma")
    given = [provider(name, retired=name == "gamma") for name in names]
    shop = await open_shop(setup(providers=given))
    shop.upstream.healths["beta"] = Health(paused_for=ErrorClass.FUNDS, until_ms=1)
    await balances.look(shop.world)
    assert [(one[0], one[1]) for one in shop.upstream.asked] == [("balance", "alpha")]


async def test_a_loss_is_told_before_anybody_orders(open_shop: OpenShop) -> None:
    """Once for each cost and rate, and not where the operator allows it."""
    shop = await open_shop(
        setup(service(1), service(2, allow_loss=True), service(3, enabled=False))
    )
    heard = alerts(shop)
    for rate in ("1.00", "1.01", "1.01", "1.02", "0.90", "1.02"):
        await read(shop, row("s1", rate), row("s2", rate), row("s3", rate))
    told = [one["routes"] for one in heard if one["event"] == "routes_at_loss"]
    route = {"service": 1, "route": "alpha/s1", "rate": "1.00"}
    costs = ["1.01", "1.02", "1.02"]
    assert told == [[route | {"cost": cost}] for cost in costs]


async def test_a_route_that_is_closed_loses_nothing(open_shop: OpenShop) -> None:
    """A paused provider, or a service that is gone, is no loss; nor is an unknown price."""
    paused = provider("alpha", paused=True)
    shop = await open_shop(setup(service(1, "alpha"), providers=[paused, provider("beta")]))
    heard = alerts(shop)
    await read(shop, row("s1", "9"))
    assert heard == []


async def test_a_refused_order_leaves_a_trace(shop: Shop) -> None:
    """It has no row, so an alert says why no route took it: once for each reason."""
    await read(shop, row("s1", "1.01"))
    heard = alerts(shop)
    for _ in range(3):
        with pytest.raises(ClientError, match="Service temporarily unavailable"):
            await shop.buy()
    why = "alpha/s1: skipped (costs more than the rate: 1.01)"
    assert heard == [{"event": "service_unavailable", "service": 1, "why": why}]


async def test_a_price_that_nobody_knows_leaves_a_trace(open_shop: OpenShop) -> None:
    """A marked-up service without a known cost is not sold, and its operator hears of it."""
    shop = await open_shop(setup(service(1, markup=Decimal("0.2"), rate="0", rate_micros=0)))
    heard = alerts(shop)
    with pytest.raises(ClientError):
        await shop.buy()
    assert [one["event"] for one in heard] == ["service_unavailable"]
    await read(shop, row("s1", "0.50"))
    await shop.buy()
    assert (await shop.order()).rate_micros == 600_000
    await read(shop, row("s1", "0.60"))
    await shop.buy()
    assert (await shop.order(2)).rate_micros == 720_000
    assert heard[1:] == [one for one in heard if one["event"] == "catalogue_changed"]


async def test_alerts_of_what_lasts_are_bounded(shop: Shop) -> None:
    """However many there are, they do not fill the memory: then some are told again."""
    heard = alerts(shop)
    shop.world.alert_once(("about", 1), "something")
    shop.world.told |= {("others", number) for number in range(TOLD_MOST)}
    for number in (1, 2, 1, 1):
        shop.world.alert_once(("about", number), "something", number=number)
    assert [one.get("number") for one in heard] == [None, 2, 1]
