"""``status``, ``refill``, ``refill_status``, ``cancel``: asked of the right provider,
with a truth per ID, and nothing of the provider's in the answer."""

from decimal import Decimal

import pytest

from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.health import Health
from aggregator.core.messages import OrderStatus, Refused
from aggregator.core.model import Kind, State
from aggregator.core.outcome import Placed
from aggregator.store import resellers
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import service, settled, setup


async def bought(shop: Shop, *upstream_ids: str, **params: str) -> None:
    """Orders 1, 2, ... placed as these IDs, at the service's first provider."""
    for one in upstream_ids:
        first = shop.world.setup.services[int(params.get("service", "1"))].routes[0].provider
        shop.upstream.outcomes[first].append(Placed(one))
        await shop.buy(**params)
        await settled(lambda: not shop.world.tasks)


async def test_status_is_ours_not_theirs(shop: Shop) -> None:
    """Our charge in our currency, our spelling; their cost and words stay away."""
    await bought(shop, "77")
    shop.upstream.statuses["alpha", "77"] = OrderStatus(
        "inprogress", Decimal("0.1"), "3572", 157, "TRY"
    )
    answer = await shop("status", order="1")
    assert answer == {"1": OrderStatus("In progress", Decimal("1.00000"), "3572", 157, "USD")}


async def test_a_list_is_split_by_provider_and_merged(open_shop: OpenShop) -> None:
    """One silent provider spoils no other's answer; foreign and odd IDs get their error."""
    shop = await open_shop(setup(service(1, "alpha"), service(2, "beta")))
    await bought(shop, "1", "2")
    await bought(shop, "1", service="2")
    shop.upstream.statuses["alpha", "2"] = OrderStatus("Completed", remains=0)
    shop.upstream.statuses["alpha", "1"] = OrderStatus("Processing", remains=10)
    answer = await shop("status", orders="3,2,1,2,99,x,01")
    assert list(answer) == ["3", "2", "1", "99", "x", "01"]
    assert [answer[one].word for one in "321"] == ["Pending", "Completed", "Processing"]
    assert answer["99"] == answer["x"] == answer["01"] == Refused("Incorrect order ID")


async def test_another_reseller_s_order_does_not_exist(shop: Shop) -> None:
    """Absent and foreign look alike."""
    await bought(shop, "77")
    other = await shop.store.write(lambda tx: resellers.add(tx, "other", 1))
    shop.key = other
    for action in ("status", "refill", "cancel"):
        answer = await shop(action, order="1")
        assert answer == {"1": Refused("Incorrect order ID")}


async def test_a_young_status_comes_from_the_store(shop: Shop) -> None:
    """Within ``status_ttl`` nobody is asked twice."""
    await bought(shop, "77")
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Processing")
    await shop("status", order="1")
    await shop("status", order="1")
    assert len(shop.upstream.asked) == 1
    shop.clock.pass_s(31)
    await shop("status", order="1")
    assert len(shop.upstream.asked) == 2


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "Incorrect order ID"),
        ({"orders": " , "}, "Incorrect order ID"),
        ({"orders": ",".join(str(one) for one in range(1, 102))}, r"Too many IDs \(at most 100\)"),
    ],
)
async def test_a_list_must_be_one(shop: Shop, params: dict[str, str], error: str) -> None:
    """No ID at all, or more than a hundred distinct ones, is an error of the whole call."""
    with pytest.raises(ClientError, match=f"^{error}$"):
        await shop("status", **params)


async def test_a_hundred_ids_are_not_too_many(shop: Shop) -> None:
    """Repeats do not count."""
    ids = ",".join(str(one) for one in [*range(1, 101), 1, 2, 3])
    assert len(await shop("status", orders=ids)) == 100


async def test_a_cancel_of_a_queued_order_is_done_here(shop: Shop) -> None:
    """What never left is canceled at once, with its hold given back."""
    shop.upstream.healths["alpha"] = Health(paused_for=ErrorClass.FUNDS)
    await shop.buy()
    assert await shop("cancel", order="1") == {"1": None}
    assert (await shop.order()).state is State.CANCELED
    assert await shop.balances() == (MONEY, 0)


async def test_a_cancel_is_forwarded_and_moves_no_money(open_shop: OpenShop) -> None:
    """ "cancel": 1 means asked for; refusals and losses each get their own text."""
    shop = await open_shop(setup(service(), service(2, cancel=False)))
    await bought(shop, "1", "2", "3")
    await bought(shop, "4", service="2")
    shop.upstream.cancels["alpha", "1"] = None
    shop.upstream.cancels["alpha", "2"] = Refused("too late, friend", ErrorClass.CANCEL)
    answer = await shop("cancel", orders="1,2,3,4,99")
    assert answer == {
        "1": None,
        "2": Refused("Cancel not available"),
        "3": Refused("Service temporarily unavailable"),
        "4": Refused("Cancel not available"),
        "99": Refused("Incorrect order ID"),
    }
    assert shop.upstream.asked[-1] == ("cancel", "alpha", Kind.NORMAL, ("1", "2", "3"))
    assert (await shop.order()).refunded_micros == 0


async def test_a_refill_needs_a_completed_order(shop: Shop) -> None:
    """An order not known to be completed is asked after first; its refill has our ID."""
    await bought(shop, "1", "2", "3")
    shop.upstream.statuses["alpha", "1"] = OrderStatus("Completed")
    shop.upstream.statuses["alpha", "2"] = OrderStatus("In progress")
    shop.upstream.statuses["alpha", "3"] = OrderStatus("Completed")
    shop.upstream.refills["alpha", "1"] = "f00d"
    answer = await shop("refill", orders="1,2,3")
    assert answer == {
        "1": "1",
        "2": Refused("Refill not available"),
        "3": Refused("Service temporarily unavailable"),
    }
    shop.upstream.refill_words["alpha", "f00d"] = "In progess"
    assert await shop("refill_status", refill="1") == {"1": "In progress"}
    assert await shop("refill_status", refills="1,2,x") == {
        "1": "In progress",
        "2": Refused("Refill not found"),
        "x": Refused("Refill not found"),
    }


async def test_a_dripfeed_shows_its_runs_as_orders(shop: Shop) -> None:
    """The children that a provider names get IDs of ours, and can be asked like any other."""
    await bought(shop, "50", quantity="100", runs="3", interval="10")
    shop.upstream.statuses["alpha", "50"] = OrderStatus("Active", children=("51", "52"))
    parent = (await shop("status", order="1"))["1"]
    assert (parent.children, parent.runs, parent.charge) == (("2", "3"), 2, Decimal("0.30000"))
    shop.upstream.statuses["alpha", "51"] = OrderStatus("Partial", remains=50)
    child = (await shop("status", order="2"))["2"]
    assert (child.word, child.charge) == ("Partial", Decimal("0.05000"))
    assert (await shop.order()).net_charge_micros == 250_000
    assert (await shop.balances())[0] == MONEY - 250_000


async def test_a_canceled_dripfeed_gives_back_the_runs_not_made(shop: Shop) -> None:
    """Two of three runs were made: the third is refunded."""
    await bought(shop, "50", quantity="100", runs="3", interval="10")
    shop.upstream.statuses["alpha", "50"] = OrderStatus("Canceled", children=("51", "52"))
    status = (await shop("status", order="1"))["1"]
    assert (status.word, status.charge) == ("Canceled", Decimal("0.20000"))


async def test_a_provider_gone_from_the_configuration_leaves_the_last_known(shop: Shop) -> None:
    """Nobody can be asked: the reseller gets what stands there, and no error."""
    await bought(shop, "1")
    shop.world.setup = setup(service(1, "beta"), providers=[*setup().providers.values()][1:])
    assert (await shop("status", order="1"))["1"].word == "Pending"
    assert await shop("cancel", order="1") == {"1": Refused("Cancel not available")}


async def test_unanswered_is_not_unfound(shop: Shop) -> None:
    """A provider that knows nothing of an order does not make it unknown to us."""
    await bought(shop, "1")
    shop.upstream.statuses["alpha", "1"] = Refused("Incorrect order ID", ErrorClass.ORDER)
    assert (await shop("status", order="1"))["1"].word == "Pending"


async def test_balance_is_what_can_be_spent(shop: Shop) -> None:
    """Open holds are taken off."""
    shop.upstream.healths["alpha"] = Health(paused_for=ErrorClass.FUNDS)
    await shop.buy(1000)
    assert (await shop("balance")).balance == Decimal("9.00000")


async def test_services_shows_what_is_on_sale(open_shop: OpenShop) -> None:
    """A disabled service is not listed, and cannot be bought."""
    shop = await open_shop(setup(service(), service(2, enabled=False)))
    assert [row.service for row in await shop("services")] == ["1"]
    with pytest.raises(ClientError, match="Service not found or inactive"):
        await shop.buy(service="2")
