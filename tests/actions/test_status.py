"""``status``: how often providers are asked, and how long resellers wait."""

import asyncio
from random import Random
from typing import Any

import pytest

from aggregator.actions import flights
from aggregator.actions.refresh import refresh
from aggregator.core.errors import ClientError
from aggregator.core.messages import Command, OrderStatus, StatusPage
from aggregator.core.model import Policy
from aggregator.core.outcome import Placed
from aggregator.dialects import Dialect, encode_answer
from aggregator.store import resellers
from tests.actions.conftest import OpenShop, Shop
from tests.actions.copies import copied
from tests.fakes import service, settled, setup

SHORT, PATIENT = Policy(status_deadline_s=0.01), Policy(status_deadline_s=60)
MANY = 1000


async def buy(shop: Shop, upstream_id: str = "77", **params: str) -> None:
    shop.upstream.outcomes["alpha"].append(Placed(upstream_id))
    await shop.buy(**params)
    await settled(lambda: not shop.world.tasks)


async def test_a_thousand_requests_cost_ten_calls(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the same 1,000 open orders within the ttl: ten full batches. However busy the
    machine is, none leaves before it is full, and no order is asked after twice."""
    for window in ("COALESCE_S", "COALESCE_MOST_S"):
        monkeypatch.setattr(flights, window, PATIENT.status_deadline_s)
    shop = await open_shop(setup(policy=PATIENT))
    await buy(shop, "9")
    await copied(shop.store, ["alpha"], MANY - 1)
    known = ["9", *(f"9{number}" for number in range(1, MANY))]
    shop.upstream.statuses = {("alpha", one): OrderStatus("Processing") for one in known}
    ids = list(range(1, MANY + 1))
    lists = [",".join(map(str, ids[start : start + 100])) for start in range(0, MANY, 100)]
    for _ in range(10):
        asking = [shop("status", orders=one) for one in lists * 10]
        Random(1).shuffle(asking)
        answers = await asyncio.gather(*asking)
        assert {row.word for answer in answers for row in answer.values()} == {"Processing"}
        await shop.store.changed_elsewhere()
    assert len(shop.upstream.asked) == 10


async def test_a_row_that_was_read_before_the_answer_landed_is_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looked an order up while another's question was on its way asks no second one."""
    await buy(shop)
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Processing")
    rows, asking = shop.store.rows, []

    async def late(query: str, /, **params: Any) -> Any:
        found = await rows(query, **params)
        if asyncio.current_task() is asking[1]:
            await asyncio.wait([asking[0]])
        return found

    monkeypatch.setattr(shop.store, "rows", late)
    asking += [asyncio.create_task(shop("status", order="1")) for _ in range(2)]
    answers = await asyncio.gather(*asking)
    assert [one["1"].word for one in answers] == ["Processing", "Processing"]
    assert len(shop.upstream.asked) == 1


async def test_a_dead_provider_costs_the_deadline_once(open_shop: OpenShop) -> None:
    """The first request waits for it, the next get the last known answer at once."""
    shop = await open_shop(setup(policy=SHORT))
    await buy(shop)
    hold = shop.upstream.holds["alpha"] = asyncio.Event()
    assert (await shop("status", order="1"))["1"].word == "Pending"
    hold.set()
    await settled(lambda: shop.world.asking.orders.rests("alpha"))
    for _ in range(5):
        assert (await shop("status", order="1"))["1"].word == "Pending"
    assert len(shop.upstream.asked) == 1
    shop.clock.pass_s(31)
    await shop("status", order="1")
    assert len(shop.upstream.asked) == 2


async def test_a_late_answer_is_there_for_the_next(open_shop: OpenShop) -> None:
    """Who did not wait long enough has begun a question that is answered all the same."""
    shop = await open_shop(setup(policy=SHORT))
    await buy(shop)
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Completed")
    hold = shop.upstream.holds["alpha"] = asyncio.Event()
    assert (await shop("status", order="1"))["1"].word == "Pending"
    hold.set()
    shop.world.setup = setup(policy=PATIENT)
    assert (await shop("status", order="1"))["1"].word == "Completed"
    assert len(shop.upstream.asked) == 1


async def test_one_slow_provider_delays_no_other_s_answer(open_shop: OpenShop) -> None:
    """What the other says is settled while the slow one is still waited for."""
    shop = await open_shop(setup(service(1, "alpha"), service(2, "beta"), policy=PATIENT))
    await buy(shop)
    shop.upstream.outcomes["beta"].append(Placed("88"))
    await shop.buy(service="2")
    await settled(lambda: not shop.world.tasks)
    shop.upstream.statuses["beta", "88"] = OrderStatus("Completed")
    hold = shop.upstream.holds["alpha"] = asyncio.Event()
    both = asyncio.create_task(shop("status", orders="1,2"))
    await settled(lambda: len(shop.upstream.asked) == 2)
    assert (await shop("status", order="2"))["2"].word == "Completed"
    assert not both.done()
    hold.set()
    answer = await both
    assert (answer["1"].word, answer["2"].word) == ("Pending", "Completed")


async def test_with_no_ttl_every_request_is_asked_for(open_shop: OpenShop) -> None:
    """``status_ttl: 0s``: each answer was asked for after its request."""
    shop = await open_shop(setup(policy=Policy(status_ttl_s=0)))
    await buy(shop)
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Processing")
    for times in (1, 2, 3):
        await shop("status", order="1")
        assert len(shop.upstream.asked) == times


# -- the same question again


async def test_the_same_list_is_the_same_answer(shop: Shop) -> None:
    """While nothing has changed it is not made anew, nor written anew."""
    await buy(shop)
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Processing")
    command = Command("status", {"orders": "1"})
    plain = await shop("status", orders="1")
    first = await shop("status", orders="1")
    assert isinstance(first, StatusPage)
    assert first == plain
    assert await shop("status", orders="1") is first
    standard, other = Dialect(), Dialect(integers=frozenset({"remains"}))
    body = encode_answer(standard, command, first)
    assert encode_answer(standard, command, first) is body
    assert encode_answer(other, command, first) != body
    assert encode_answer(standard, command, plain) == body


async def test_a_list_of_known_orders_is_put_together(shop: Shop) -> None:
    """Of what was shown of each by itself, in the order asked; no list is too long for it
    that was not too long before."""
    for upstream_id in ("77", "78", "79"):
        await buy(shop, upstream_id)
        shop.upstream.statuses["alpha", upstream_id] = OrderStatus("Processing")
    for one in ("1", "2", "3"):
        await shop("status", order=one)
    calls = len(shop.upstream.asked)
    answer = await shop("status", orders="3,1,3")
    assert isinstance(answer, StatusPage)
    assert list(answer) == ["3", "1"]
    assert not isinstance(await shop("status", orders="3,01"), StatusPage)
    with pytest.raises(ClientError, match="Incorrect order ID"):
        await shop("status", orders="")
    assert len(shop.upstream.asked) == calls


async def test_no_more_orders_than_may_be_asked_for(open_shop: OpenShop) -> None:
    """Even if each of them has just been shown."""
    shop = await open_shop(setup(policy=PATIENT))
    await buy(shop, "9")
    await copied(shop.store, ["alpha"], 100)
    known = ["9", *(f"9{number}" for number in range(1, 101))]
    shop.upstream.statuses = {("alpha", one): OrderStatus("Processing") for one in known}
    ids = [str(number) for number in range(1, 102)]
    for listed in (ids[:100], ids[100:]):
        assert len(await shop("status", orders=",".join(listed))) == len(listed)
    with pytest.raises(ClientError):
        await shop("status", orders=",".join(ids))


@pytest.mark.parametrize("how", ["settled", "older", "currency", "another reseller"])
async def test_another_answer_where_anything_is_different(shop: Shop, how: str) -> None:
    """A row that changed, an answer that is old, another configuration: all make it new."""
    await buy(shop)
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Processing", remains=7)
    await shop("status", orders="1")
    first = await shop("status", orders="1")
    assert isinstance(first, StatusPage)
    word, currency = "Completed", "USD"
    shop.upstream.statuses["alpha", "77"] = OrderStatus("Completed")
    match how:
        case "settled":
            orders = await shop.store.orders([1])
            shop.clock.pass_s(1)
            await refresh(shop.world, list(orders.values()), timeout_s=5)
        case "older":
            shop.clock.pass_s(30)
        case "currency":
            shop.world.setup = setup(policy=Policy(currency="EUR"))
            word, currency = "Processing", "EUR"
        case "another reseller":
            shop.key = await shop.store.write(lambda tx: resellers.add(tx, "other", 1))
            answer = await shop("status", orders="1")
            assert not isinstance(answer["1"], OrderStatus)
            return
    row = (await shop("status", orders="1"))["1"]
    assert (row.word, row.currency) == (word, currency)
    assert first["1"].word == "Processing"


async def test_an_unknown_order_may_come_to_be(shop: Shop) -> None:
    """An answer with somebody else's or nobody's order in it is not remembered."""
    await buy(shop)
    assert not isinstance((await shop("status", orders="1,2"))["2"], OrderStatus)
    await buy(shop, "78")
    assert isinstance((await shop("status", orders="1,2"))["2"], OrderStatus)


async def test_children_are_never_old(shop: Shop) -> None:
    """What is shown of a drip-feed depends on its runs: it is put together each time."""
    await buy(shop, "50", quantity="100", runs="3", interval="10")
    shop.upstream.statuses["alpha", "50"] = OrderStatus("Active", children=("51",))
    assert (await shop("status", orders="1"))["1"].children == ("2",)
    assert not isinstance(await shop("status", orders="1"), StatusPage)
