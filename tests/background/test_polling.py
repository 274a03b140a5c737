"""The poller: in full batches, at each provider by itself, and nobody left out."""

import asyncio
from dataclasses import replace

from aggregator.actions import World
from aggregator.background import forgetting, polling
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused
from aggregator.core.model import State
from tests.actions.conftest import OpenShop, Shop
from tests.actions.copies import copied
from tests.fakes import provider, service, settled, setup

HOUR_S = 3600


async def buy(shop: Shop, service_id: int = 1, count: int = 1) -> list[int]:
    """So many placed orders; their IDs."""
    bought = [await shop.buy(10, service=str(service_id)) for _ in range(count)]
    await settled(lambda: not shop.world.tasks)
    return [int(one.order) for one in bought]


async def test_a_full_cycle_packs_into_the_fewest_batches(open_shop: OpenShop) -> None:
    """400 open orders at each of five panels are four calls of a hundred at each."""
    names = [f"p{number}" for number in range(5)]
    shop = await open_shop(setup(service(1, "p0"), providers=[provider(name) for name in names]))
    await buy(shop)
    await copied(shop.store, names[1:], 400)
    await copied(shop.store, names[:1], 399)
    for name in names:
        known = {(name, f"9{number}"): OrderStatus("In progress") for number in range(1, 401)}
        shop.upstream.statuses |= known
    shop.upstream.statuses["p0", (await shop.order(1)).upstream_order_id] = OrderStatus("Active")
    shop.clock.pass_s(HOUR_S)
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == 20
    for name in names:
        asked = [one for _, there, _, ids in shop.upstream.asked if there == name for one in ids]
        assert len(asked) == len(set(asked)) == 400
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == 20


async def test_a_dead_provider_keeps_nobody_waiting(open_shop: OpenShop) -> None:
    """While one never answers, the other's orders are asked after again and again."""
    shop = await open_shop(setup(service(1, "alpha"), service(2, "beta")))
    await buy(shop, 1)
    (good,) = await buy(shop, 2)
    theirs = (await shop.order(good)).upstream_order_id
    shop.upstream.statuses["beta", theirs] = OrderStatus("Processing")
    shop.upstream.holds["alpha"] = asyncio.Event()
    keeping = asyncio.create_task(polling.keep_polling(shop.world))
    try:
        for rounds in range(1, 4):
            shop.clock.pass_s(HOUR_S)
            await settled(lambda: len(_asked(shop, "beta")) == rounds)  # noqa: B023
        assert len(_asked(shop, "alpha")) == 1
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


def _asked(shop: Shop, name: str) -> list[tuple[str, ...]]:
    return [ids for _, provider, _, ids in shop.upstream.asked if provider == name]


async def test_a_silent_provider_is_asked_one_batch(shop: Shop) -> None:
    """It has many orders due, and is not asked after all of them to hear nothing."""
    await buy(shop)
    await copied(shop.store, ["alpha"], 1999)
    shop.clock.pass_s(HOUR_S)
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == polling.AT_ONCE
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == polling.AT_ONCE
    shop.clock.pass_s(5)
    await polling.poll(shop.world)
    assert len(shop.upstream.asked) == 2 * polling.AT_ONCE
    assert len({one for ids in _asked(shop, "alpha") for one in ids}) == 800


async def test_a_restart_forgets_nobody(shop: Shop) -> None:
    """A new server asks after what is due by the database, in full batches; and after a long
    stop what it has asked after is due at different times."""
    await buy(shop)
    await copied(shop.store, ["alpha"], 299)
    known = [row["upstream_order_id"] for row in await shop.store.rows("SELECT * FROM orders")]
    shop.upstream.statuses = {("alpha", one): OrderStatus("Processing") for one in known}
    shop.clock.pass_s(7 * 24 * HOUR_S)
    old = shop.world
    await old.finish(1)
    world = World(old.store, old.upstream, old.clock, old.setup, "boot 2")
    await polling.poll(world)
    assert sorted(len(ids) for ids in _asked(shop, "alpha")) == [100, 100, 100]
    await polling.poll(world)
    assert len(_asked(shop, "alpha")) == 3
    await world.finish(1)


async def test_what_comes_due_soon_comes_along(shop: Shop) -> None:
    """A batch that leaves anyway takes what is due in a moment; none leaves for that alone."""
    first, second = (await buy(shop))[0], (await buy(shop))[0]
    now_ms = shop.clock.now_ms()
    await shop.store.check_later({first: now_ms + 1000, second: now_ms + 5000})
    await polling.poll(shop.world)
    assert shop.upstream.asked == []
    shop.clock.pass_s(1)
    await polling.poll(shop.world)
    assert [len(ids) for ids in _asked(shop, "alpha")] == [2]


async def test_a_slow_service_is_learned(shop: Shop) -> None:
    """After an order took eight hours, the next one is not asked after every ten seconds."""
    (first,) = await buy(shop)
    one = await shop.order(first)
    shop.clock.pass_s(8 * HOUR_S)
    shop.upstream.statuses["alpha", one.upstream_order_id] = OrderStatus("Completed")
    await polling.poll(shop.world)
    (second,) = await buy(shop)
    two = await shop.order(second)
    shop.upstream.statuses["alpha", two.upstream_order_id] = OrderStatus("Processing")
    shop.clock.pass_s(10)
    await polling.poll(shop.world)
    waits_ms = (await shop.order(second)).next_check_at_ms - shop.clock.now_ms()
    assert waits_ms == 8 * HOUR_S * 1000 // 32


async def test_resellers_and_the_poller_share_flights(shop: Shop) -> None:
    """An order that the poller is asking after is not asked after twice."""
    (order,) = await buy(shop)
    theirs = (await shop.order(order)).upstream_order_id
    shop.upstream.statuses["alpha", theirs] = OrderStatus("Processing")
    hold = shop.upstream.holds["alpha"] = asyncio.Event()
    shop.clock.pass_s(HOUR_S)
    cycle = asyncio.create_task(polling.poll(shop.world))
    await settled(lambda: bool(shop.upstream.asked))
    asking = asyncio.create_task(shop("status", order=str(order)))
    await asyncio.sleep(0)
    hold.set()
    await cycle
    assert (await asking)[str(order)].word == "Processing"
    assert len(shop.upstream.asked) == 1


async def test_an_order_its_provider_no_longer_knows(shop: Shop) -> None:
    """It stays as it is, and an operator hears of it once, when that has lasted."""
    known, gone = await buy(shop, count=2)
    rung: list[str] = []
    shop.world.ring = lambda event: rung.append(str(event["event"]))
    theirs = [(await shop.order(one)).upstream_order_id for one in (known, gone)]
    shop.upstream.statuses["alpha", theirs[0]] = OrderStatus("Processing")
    shop.upstream.statuses["alpha", theirs[1]] = Refused("Incorrect order ID", ErrorClass.ORDER)
    counts = []
    for _ in range(5):
        shop.clock.pass_s(HOUR_S)
        await polling.poll(shop.world)
        counts.append(len(rung))
    assert counts == [0, 0, 1, 1, 1]
    assert rung == ["order_unknown_upstream"]
    assert (await shop.order(gone)).state is State.PLACED


async def refilled(shop: Shop) -> int:
    """A refill of a completed order, which its provider calls f1; its ID."""
    (order,) = await buy(shop)
    theirs = (await shop.order(order)).upstream_order_id
    shop.upstream.statuses["alpha", theirs] = OrderStatus("Completed")
    shop.upstream.refills["alpha", theirs] = "f1"
    return int((await shop("refill", order=str(order)))[str(order)])


def _refill_calls(shop: Shop) -> int:
    return sum(action == "refill_status" for action, *_ in shop.upstream.asked)


async def test_refills_are_polled_until_they_end(shop: Shop) -> None:
    """Nobody asks, and the word is known all the same; then nobody is asked any more."""
    refill = await refilled(shop)
    shop.upstream.refill_words["alpha", "f1"] = "In progress"
    shop.clock.pass_s(10)
    await polling.poll(shop.world)
    shop.upstream.refill_words["alpha", "f1"] = "Completed"
    shop.clock.pass_s(HOUR_S)
    await polling.poll(shop.world)
    assert _refill_calls(shop) == 2
    shop.clock.pass_s(100 * HOUR_S)
    await polling.poll(shop.world)
    assert await shop("refill_status", refill=str(refill)) == {str(refill): "Completed"}
    assert _refill_calls(shop) == 2


async def test_a_refill_whose_provider_has_gone_is_given_up(shop: Shop) -> None:
    """A month after its provider was taken out a refill is rejected, not pending for ever;
    one whose provider is there waits on, however long nobody has asked."""
    refill = str(await refilled(shop))
    present = shop.world.setup
    absent = replace(present, providers={"beta": present.providers["beta"]})
    for days, now, status in (
        (29, absent, "Pending"),
        (2, present, "Pending"),
        (31, absent, "Rejected"),
        (0, present, "Rejected"),
    ):
        shop.world.setup = now
        shop.clock.pass_s(days * 24 * HOUR_S)
        await forgetting.forget(shop.world)
        assert await shop("refill_status", refill=refill) == {refill: status}


async def test_a_refill_nobody_tells_of_is_asked_later(shop: Shop) -> None:
    """Silence, or a word nobody knows, puts it off, like an order."""
    refill = await refilled(shop)
    for asked, word in enumerate(("what?", None), 1):
        shop.upstream.refill_words = {("alpha", "f1"): word} if word else {}
        shop.clock.pass_s(HOUR_S)
        await polling.poll(shop.world)
        await polling.poll(shop.world)
        assert _refill_calls(shop) == asked
    await shop("refill_status", refill=str(refill))
    assert _refill_calls(shop) == 2  # lost within the ttl
    shop.upstream.broken.add("alpha")
    shop.clock.pass_s(HOUR_S)
    await polling.poll(shop.world)
    (found,) = await shop.store.due_refills("alpha", shop.clock.now_ms() + 10**9, 10)
    assert found.next_check_at_ms > shop.clock.now_ms()
