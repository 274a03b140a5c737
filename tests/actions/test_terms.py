"""A reseller with prices of his own."""

import json

import pytest

from aggregator.core.errors import ClientError
from aggregator.core.model import Route
from aggregator.store import resellers
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import service, setup


async def agreed(shop: Shop, discount_ppm: int = 0, **rates: str) -> None:
    await shop.store.write(lambda tx: resellers.set_discount(tx, "shop", discount_ppm))
    for name, rate in rates.items():
        service_id = int(name.removeprefix("s"))
        await shop.store.write(
            lambda tx, i=service_id, r=rate: resellers.set_price(tx, "shop", i, r)
        )
    shop.desk.forget()


async def test_he_pays_what_he_is_listed(open_shop: OpenShop) -> None:
    """The list shows a reseller what he pays, he is charged that, and the order says why."""
    shop = await open_shop(setup(service(1), service(2)))
    await agreed(shop, 55_555, s2="0.70")
    assert [row.rate for row in await shop("services")] == ["0.94445", "0.70"]
    await shop.buy(999)
    order = await shop.order()
    assert (order.rate_micros, order.charge_micros) == (944_450, 943_510)
    await shop.buy(1000, service="2")
    assert (await shop.order(2)).charge_micros == 700_000
    assert (await shop.balances())[0] == MONEY - 943_510 - 700_000
    told = await shop.store.rows("events", order_id=1)
    assert json.loads(told[0]["detail"])["price"] == "1.00 less 5.5555%"


async def test_never_below_cost(open_shop: OpenShop) -> None:
    """A discount takes away the routes that cost more than what is left."""
    routes = (Route("alpha", "a", cost_micros=960_000), Route("beta", "b", cost_micros=900_000))
    shop = await open_shop(setup(service(1, routes=routes)))
    await agreed(shop, 50_000)
    await shop.buy()
    assert [sent.provider for sent in shop.upstream.sent] == ["beta"]
    await agreed(shop, 200_000)
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert len(shop.upstream.sent) == 1


async def test_allow_loss_allows_it(open_shop: OpenShop) -> None:
    """Where a service may be sold at a loss, a discount may bring one."""
    routes = (Route("alpha", "a", cost_micros=960_000),)
    shop = await open_shop(setup(service(1, routes=routes, allow_loss=True)))
    await agreed(shop, 1_000_000)
    await shop.buy()
    assert await shop.balances() == (MONEY, 0)
