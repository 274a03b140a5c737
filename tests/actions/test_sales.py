"""Services as they are sold: kept while nothing changes, and never as they were."""

from dataclasses import replace
from decimal import Decimal

import pytest

from aggregator.actions import sales
from aggregator.actions.sales import Sale
from aggregator.core.health import Health
from aggregator.core.model import Offer, PriceTerms, Route
from tests.actions.conftest import OpenShop, Shop
from tests.actions.test_lists import offered
from tests.fakes import service, settled, setup

LIST_PRICES = PriceTerms()
MARKED_UP = service(
    routes=(Route("alpha", "a"),), markup=Decimal("0.2"), rate="", rate_micros=0, allow_loss=True
)


def sale(shop: Shop, his: PriceTerms = LIST_PRICES) -> Sale:
    found = shop.world.sale(shop.world.setup.services[1], his)
    assert found is not None
    return found


@pytest.fixture
async def well(open_shop: OpenShop) -> Shop:
    """A shop whose only provider's health is the same value until it changes."""
    shop = await open_shop(setup(MARKED_UP))
    shop.world.catalogue = offered(1_000_000)
    shop.upstream.healths["alpha"] = Health()
    return shop


async def test_one_sale_for_all_who_pay_alike(well: Shop) -> None:
    """A rate agreed for another service makes no difference, one for this service does."""
    assert sale(well) is sale(well, PriceTerms(rates=((2, "0.50"),)))
    assert sale(well, PriceTerms(rates=((1, "0.50"),))).service.rate == "0.50"
    assert sale(well, PriceTerms(discount_ppm=100_000)).service.rate == "1.08"
    assert sale(well).service.rate == "1.20"


async def test_a_provider_s_new_price_is_the_next_order_s(well: Shop) -> None:
    """What is sold follows the catalogue, and ends with it."""
    before = sale(well).service.rate
    well.world.catalogue = offered(2_000_000)
    assert (before, sale(well).service.rate) == ("1.20", "2.40")
    nothing: dict[str, dict[str, Offer]] = {}
    well.world.catalogue = nothing
    assert well.world.sale(MARKED_UP, LIST_PRICES) is None


async def test_a_reload_is_the_next_order_s(well: Shop) -> None:
    """And so is what an operator changes."""
    before = sale(well).service.max
    well.world.setup = replace(well.world.setup, services={1: replace(MARKED_UP, max=500)})
    assert (before, sale(well).service.max) == (10_000, 500)


async def test_an_illness_is_the_next_order_s(well: Shop) -> None:
    """A provider that falls ill is seen to be ill by the very next order, and well again."""
    await well.buy()
    await settled(lambda: not well.world.tasks)
    well.upstream.healths["alpha"] = Health(strikes=1, until_ms=well.clock.now_ms() + 1000)
    await well.buy()
    well.upstream.healths["alpha"] = Health()
    await well.buy()
    await settled(lambda: not well.world.tasks)
    assert [await state(well, number) for number in (1, 2, 3)] == ["placed", "queued", "placed"]


async def state(shop: Shop, order_id: int) -> str:
    return str((await shop.order(order_id)).state)


async def test_a_backoff_ends_by_itself(well: Shop) -> None:
    """Nothing tells that its time is up: what is kept of a provider is not the verdict."""
    well.upstream.healths["alpha"] = Health(strikes=1, until_ms=well.clock.now_ms() + 1000)
    ill = sale(well)
    well.clock.pass_s(1)
    await well.buy()
    assert sale(well) is ill
    await settled(lambda: not well.world.tasks)
    assert len(well.upstream.sent) == 1


async def test_what_is_kept_has_a_bound(well: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many terms there are."""
    monkeypatch.setattr(sales, "KEPT", 2)
    first = sale(well)
    for discount in range(2):
        sale(well, PriceTerms(discount_ppm=discount + 1))
    assert sale(well) is not first
