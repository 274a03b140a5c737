"""The list of services is kept, and is never an old one."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from aggregator.actions.lists import LISTS_KEPT
from aggregator.core.errors import ClientError
from aggregator.core.messages import ServiceList
from aggregator.core.model import Offer, PriceTerms, Route
from aggregator.store import resellers
from tests.actions.conftest import OpenShop, Shop
from tests.fakes import provider, service, setup

ROUTES = (Route("alpha", "a"),)


def offered(rate_micros: int) -> dict[str, dict[str, Offer]]:
    offer = Offer("a", "Followers", "Default", "Things", rate_micros, 1, 1000)
    return {"alpha": {"a": offer}}


async def rates(shop: Shop) -> list[str]:
    return [row.rate for row in await shop("services")]


async def test_asked_again_it_is_the_same(shop: Shop) -> None:
    """While nothing changes, everybody on the same terms is given the very same list."""
    assert await shop("services") is await shop("services")


async def test_a_new_price_of_a_provider_shows_at_once(open_shop: OpenShop) -> None:
    """A list with prices that follow a provider's is made anew when his catalogue is."""
    marked = service(1, routes=ROUTES, markup=Decimal("0.2"), rate="", rate_micros=0)
    shop = await open_shop(setup(marked))
    shop.world.catalogue = offered(1_000_000)
    assert await rates(shop) == ["1.20"]
    shop.world.catalogue = offered(2_000_000)
    assert await rates(shop) == ["2.40"]


async def test_a_paused_provider_keeps_its_services_in_the_list(open_shop: OpenShop) -> None:
    """Clients that sync would drop them; an order is refused, and the alert names the pause."""
    marked = service(1, routes=ROUTES, markup=Decimal("0.2"), rate="", rate_micros=0)
    shop = await open_shop(setup(marked, providers=[provider("alpha", paused=True)]))
    rung: list[Mapping[str, object]] = []
    shop.world.ring = rung.append
    shop.world.catalogue = offered(1_000_000)
    assert await rates(shop) == ["1.20"]
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    (alert,) = rung
    assert alert["event"] == "service_unavailable"
    assert "paused by the operator" in str(alert["why"])
    assert shop.upstream.sent == []


async def test_a_new_configuration_shows_at_once(open_shop: OpenShop) -> None:
    """What a reload changes is in the next list."""
    shop = await open_shop(setup(service(1)))
    before = await rates(shop)
    shop.world.setup = replace(
        shop.world.setup, services={1: service(1, rate="3.00", rate_micros=3_000_000)}
    )
    assert (before, await rates(shop)) == (["1.00"], ["3.00"])


async def test_other_terms_have_another_list(shop: Shop) -> None:
    """A reseller with a discount sees his own rates, and not before it is his."""
    before = await rates(shop)
    await shop.store.write(lambda tx: resellers.set_discount(tx, "shop", 100_000))
    shop.desk.forget()
    assert (before, await rates(shop)) == (["1.00"], ["0.90"])


async def test_only_so_many_are_kept(shop: Shop) -> None:
    """However many terms there are, the lists asked for last are kept and no others."""
    world = shop.world

    def ask(discount_ppm: int) -> ServiceList:
        terms = PriceTerms(discount_ppm)
        return world.lists.get(world.setup, world.catalogue, terms, lambda: ServiceList(()))

    one, two = ask(1), ask(2)
    for other in range(3, LISTS_KEPT + 2):
        ask(other)
        assert ask(2) is two
    assert ask(1) is not one
