"""Orders that wait: oldest first, one at a time at a provider that was ill, until ``queue_for``."""

from dataclasses import replace

from aggregator.background import queue
from aggregator.core.errors import ErrorClass
from aggregator.core.health import Health
from aggregator.core.model import State
from aggregator.core.outcome import NotSent, Placed, Rejected
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import service, settled, setup

ILL = Health(paused_for=ErrorClass.FUNDS)


async def waiting(shop: Shop, count: int) -> None:
    """Orders in the queue, their only provider paused."""
    shop.upstream.healths["alpha"] = ILL
    for _ in range(count):
        await shop.buy()


async def advanced(shop: Shop) -> list[State]:
    await queue.advance(shop.world)
    await settled(lambda: not shop.world.tasks)
    rows = await shop.store.rows("SELECT state FROM orders ORDER BY id")
    return [State(row["state"]) for row in rows]


async def test_nothing_leaves_while_the_provider_is_ill(shop: Shop) -> None:
    """A paused provider gets nothing."""
    await waiting(shop, 2)
    assert await advanced(shop) == [State.QUEUED, State.QUEUED]
    assert shop.upstream.sent == []


async def test_a_recovered_provider_gets_one_order_first(shop: Shop) -> None:
    """Just back: the oldest is tried alone. Well again: all go."""
    await waiting(shop, 3)
    shop.upstream.healths["alpha"] = Health(strikes=2)
    assert await advanced(shop) == [State.PLACED, State.QUEUED, State.QUEUED]
    shop.upstream.healths["alpha"] = Health()
    assert await advanced(shop) == [State.PLACED] * 3


async def test_a_queued_order_takes_the_new_routes_at_its_old_price(shop: Shop) -> None:
    """Routes are today's; the charge is what it was sold for."""
    await waiting(shop, 1)
    shop.world.setup = setup(replace(service(1, "beta"), rate_micros=5_000_000))
    assert await advanced(shop) == [State.PLACED]
    assert shop.upstream.sent[0].provider == "beta"
    assert await shop.balances() == (MONEY - 1_000_000, 0)


async def test_a_service_no_longer_sold_waits(shop: Shop) -> None:
    """Without a route the order stays where it is, until its time is over."""
    await waiting(shop, 1)
    shop.world.setup = setup(service(2))
    assert await advanced(shop) == [State.QUEUED]


async def test_one_line_does_not_hold_up_another(open_shop: OpenShop) -> None:
    """However many wait for one provider, an order for another one leaves."""
    shop = await open_shop(setup(service(1, "alpha"), service(2, "beta")))
    shop.upstream.healths["alpha"] = shop.upstream.healths["beta"] = ILL
    for _ in range(queue.LOOKED_AT + 5):
        await shop.buy(10)
    await shop.buy(10, service="2")
    del shop.upstream.healths["beta"]
    assert (await advanced(shop))[-1] is State.PLACED


async def test_an_order_that_nobody_takes_lets_the_next_one_try(shop: Shop) -> None:
    """The oldest is refused again and again: the one behind it has its turn."""
    await waiting(shop, 2)
    shop.upstream.healths["alpha"] = Health(strikes=1)
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.AUTH))
    assert await advanced(shop) == [State.QUEUED, State.QUEUED]
    assert await advanced(shop) == [State.QUEUED, State.PLACED]


async def test_a_try_gives_no_more_time(shop: Shop) -> None:
    """An order that was tried and came back waits no longer than it was to wait."""
    await waiting(shop, 1)
    until_ms = (await shop.order()).queued_until_ms
    shop.upstream.healths.clear()
    shop.clock.pass_s(1800)
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.DOWN))
    assert await advanced(shop) == [State.QUEUED]
    assert (await shop.order()).queued_until_ms == until_ms


async def test_nothing_leaves_while_we_stop(shop: Shop) -> None:
    """Between the signal and the end nothing new is sent."""
    await waiting(shop, 1)
    shop.upstream.healths.clear()
    shop.world.stopping = True
    assert await advanced(shop) == [State.QUEUED]
    shop.world.stopping = False


async def test_after_queue_for_the_hold_is_given_back(shop: Shop) -> None:
    """Canceled, and never by a process that has just come up."""
    await waiting(shop, 1)
    shop.clock.pass_s(3600)
    shop.world.started_s = shop.clock.monotonic()
    assert await advanced(shop) == [State.QUEUED]
    shop.clock.pass_s(600)
    assert await advanced(shop) == [State.CANCELED]
    assert await shop.balances() == (MONEY, 0)


async def test_a_refusal_from_the_queue_cancels(open_shop: OpenShop) -> None:
    """The reseller has his ID: an order that ends now is canceled, not rejected."""
    shop = await open_shop()
    await waiting(shop, 1)
    shop.upstream.healths.clear()
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.LINK))
    assert await advanced(shop) == [State.CANCELED]
    assert await shop.balances() == (MONEY, 0)


async def test_what_could_not_leave_waits_on(shop: Shop) -> None:
    """A try from the queue that never left goes back into it, with rows for each try."""
    await waiting(shop, 1)
    shop.upstream.healths.clear()
    shop.upstream.outcomes["alpha"].extend([NotSent("refused"), NotSent("refused"), Placed("5")])
    assert await advanced(shop) == [State.QUEUED]
    assert await advanced(shop) == [State.PLACED]
    assert [one.number for one in await shop.store.attempts(1)] == [1, 2, 3]
