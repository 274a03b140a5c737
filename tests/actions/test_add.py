"""``add``: what is written, what is sent, what is answered."""

import asyncio

import pytest

from aggregator.core import errors
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.health import Health
from aggregator.core.messages import Added, Command
from aggregator.core.model import Policy, State, Strategy
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from tests.actions.conftest import MONEY, OpenShop, Shop
from tests.fakes import provider, service, settled, setup


async def test_a_placed_order_is_answered_paid_and_known_upstream(shop: Shop) -> None:
    """Placed: the reseller gets our ID, pays the charge, and we know theirs."""
    shop.upstream.outcomes["alpha"].append(Placed("777"))
    assert await shop.buy(1000) == Added("1")
    await settled(lambda: not shop.world.tasks)
    order = await shop.order()
    assert (order.state, order.provider, order.upstream_order_id) == (State.PLACED, "alpha", "777")
    assert await shop.balances() == (MONEY - 1_000_000, 0)
    assert shop.upstream.sent[0].purchase.params == {
        "link": "https://a.example/p",
        "quantity": "1000",
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"service": "2"}, errors.SERVICE_NOT_FOUND),
        ({"service": "²"}, errors.SERVICE_NOT_FOUND),
        ({"service": "01"}, errors.SERVICE_NOT_FOUND),
        ({"quantity": "9"}, "Quantity must be between 10 and 10000"),
        ({"quantity": "1e3"}, "Quantity must be between 10 and 10000"),
        ({"link": "a\nb"}, errors.INCORRECT_LINK),
        ({"link": "x" * 2049}, errors.INCORRECT_LINK),
        ({"runs": "2"}, "Interval is required"),
    ],
)
async def test_a_bad_request_writes_nothing_and_sends_nothing(
    shop: Shop, changes: dict[str, str], error: str
) -> None:
    """A mistake of the reseller's gets its exact text, and leaves no trace."""
    with pytest.raises(ClientError, match=f"^{error}$"):
        await shop.buy(**changes)
    assert shop.upstream.sent == []
    assert await shop.store.rows("SELECT 1 FROM orders") == []


async def test_without_money_nothing_is_sent(open_shop: OpenShop) -> None:
    """A reseller who cannot pay buys nothing."""
    shop = await open_shop(money=999_999)
    with pytest.raises(ClientError, match="Insufficient balance"):
        await shop.buy(1000)
    assert shop.upstream.sent == []


@pytest.mark.parametrize(
    ("error_class", "text"),
    [
        (ErrorClass.LINK, "Incorrect link"),
        (ErrorClass.DUPLICATE, "You have active order with this link"),
        (ErrorClass.UNKNOWN, "Service temporarily unavailable"),
    ],
)
async def test_some_refusals_end_the_order_at_once(
    open_shop: OpenShop, error_class: ErrorClass, text: str
) -> None:
    """A bad link, a duplicate and unknown words end the order: no other route is tried."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    shop.upstream.outcomes["alpha"].append(Rejected(error_class, "their words"))
    with pytest.raises(ClientError, match=f"^{text}$"):
        await shop.buy()
    assert [one.provider for one in shop.upstream.sent] == ["alpha"]
    assert (await shop.order()).state is State.REJECTED
    assert await shop.balances() == (MONEY, 0)


@pytest.mark.parametrize(
    "outcome",
    [
        Rejected(ErrorClass.QUANTITY),
        Rejected(ErrorClass.SERVICE),
        Rejected(ErrorClass.PARAMS),
        Rejected(ErrorClass.FUNDS),
        Rejected(ErrorClass.AUTH),
        Rejected(ErrorClass.RATE),
        Rejected(ErrorClass.DOWN),
    ],
)
async def test_other_refusals_go_to_the_next_route(open_shop: OpenShop, outcome: Rejected) -> None:
    """What one provider cannot do, the next one may; each try has a row of its own."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    shop.upstream.outcomes["alpha"].append(outcome)
    assert await shop.buy() == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert [one.provider for one in shop.upstream.sent] == ["alpha", "beta"]
    assert [one.provider for one in await shop.store.attempts(1)] == ["alpha", "beta"]
    assert (await shop.order()).provider == "beta"


@pytest.mark.parametrize("error_class", [ErrorClass.QUANTITY, ErrorClass.SERVICE])
async def test_with_no_route_left_a_route_s_fault_ends_the_order(
    shop: Shop, error_class: ErrorClass
) -> None:
    """Where the only route cannot serve the order, it ends as unavailable."""
    shop.upstream.outcomes["alpha"].append(Rejected(error_class))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert await shop.balances() == (MONEY, 0)


@pytest.mark.parametrize(
    "outcome",
    [Rejected(ErrorClass.FUNDS), Rejected(ErrorClass.AUTH), Rejected(ErrorClass.DOWN)],
)
async def test_with_no_route_left_a_provider_s_trouble_queues_the_order(
    shop: Shop, outcome: Rejected
) -> None:
    """Trouble of the provider's is no error of the reseller's: he has his ID, it waits."""
    shop.upstream.outcomes["alpha"].append(outcome)
    assert await shop.buy() == Added("1")
    assert (await shop.order()).state is State.QUEUED
    assert await shop.balances() == (MONEY - 1_000_000, 1_000_000)


async def test_a_route_that_could_be_waited_for_is(open_shop: OpenShop) -> None:
    """One provider cannot, the other is only paused: the order waits for that one."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    shop.upstream.healths["beta"] = Health(paused_for=ErrorClass.FUNDS)
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.SERVICE))
    assert await shop.buy() == Added("1")
    assert (await shop.order()).state is State.QUEUED


async def test_a_route_that_fell_ill_meanwhile_is_not_taken(open_shop: OpenShop) -> None:
    """The next route is looked at again before anything is sent there."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow, Rejected(ErrorClass.DOWN)])
    buying = asyncio.create_task(shop.buy())
    await settled(lambda: bool(shop.upstream.sent))
    shop.upstream.healths["beta"] = Health(paused_for=ErrorClass.AUTH)
    slow.set()
    await buying
    assert [one.provider for one in shop.upstream.sent] == ["alpha"]


async def test_an_order_made_into_something_else_is_a_doubt(shop: Shop) -> None:
    """A drip-feed that the provider calls normal: a person has to look."""
    from aggregator.core.model import Kind

    shop.upstream.outcomes["alpha"].append(Placed("5", Kind.NORMAL))
    await shop.buy(100, runs="3", interval="10")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).state is State.IN_DOUBT


async def test_a_number_of_theirs_is_one_order(shop: Shop) -> None:
    """Where the panel has one sequence of IDs, a drip-feed cannot have a normal order's."""
    shop.upstream.outcomes["alpha"].extend([Placed("5"), Placed("5")])
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    await shop.buy(100, runs="3", interval="10")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order(2)).state is State.IN_DOUBT


async def test_with_queueing_off_the_same_trouble_ends_it(open_shop: OpenShop) -> None:
    """``queue_for: 0s``: nothing waits."""
    shop = await open_shop(setup(policy=Policy(queue_for_s=0)))
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.DOWN))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert (await shop.order()).state is State.REJECTED


async def test_what_never_left_is_sent_again_but_not_for_ever(open_shop: OpenShop) -> None:
    """NotSent: the same route once more, then the next; every send has its own row."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    shop.upstream.outcomes["alpha"].extend([NotSent("refused"), NotSent("refused")])
    assert await shop.buy() == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert [one.provider for one in shop.upstream.sent] == ["alpha", "alpha", "beta"]
    assert [one.state for one in await shop.store.attempts(1)] == ["not_sent", "not_sent", "placed"]


async def test_a_doubt_is_never_sent_again(open_shop: OpenShop) -> None:
    """InDoubt: the reseller has his ID, the hold stays, and no route is tried any more."""
    shop = await open_shop(setup(service(1, "alpha", "beta")))
    shop.upstream.outcomes["alpha"].append(InDoubt("cut off"))
    assert await shop.buy() == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert len(shop.upstream.sent) == 1
    assert (await shop.order()).state is State.IN_DOUBT
    assert await shop.balances() == (MONEY - 1_000_000, 1_000_000)
    status = await shop("status", order="1")
    assert status["1"].word == "Pending"


async def test_their_order_id_twice_is_a_doubt(shop: Shop) -> None:
    """A provider that names an order we already have is not believed."""
    shop.upstream.outcomes["alpha"].extend([Placed("5"), Placed("5")])
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    assert await shop.buy() == Added("2")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order(2)).state is State.IN_DOUBT


async def test_a_slow_provider_costs_the_reseller_answer_within_only(
    open_shop: OpenShop,
) -> None:
    """After ``answer_within`` the ID is given; a refusal that comes later cancels the order."""
    shop = await open_shop(setup(policy=Policy(answer_within_s=0.01)))
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow, Rejected(ErrorClass.LINK)])
    assert await shop.buy() == Added("1")
    assert (await shop.order()).state is State.SENDING
    slow.set()
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).state is State.CANCELED
    assert await shop.balances() == (MONEY, 0)


async def test_a_reseller_who_hangs_up_stops_nothing(shop: Shop) -> None:
    """The order is carried to its outcome whoever waits for it."""
    slow = asyncio.Event()
    shop.upstream.outcomes["alpha"].extend([slow, Placed("5")])
    request = asyncio.create_task(shop.buy())
    await settled(lambda: bool(shop.upstream.sent))
    request.cancel()
    slow.set()
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).upstream_order_id == "5"


async def test_a_paused_provider_gets_no_order(open_shop: OpenShop) -> None:
    """Health: with its only provider paused, an order waits without being sent."""
    shop = await open_shop()
    shop.upstream.healths["alpha"] = Health(paused_for=ErrorClass.FUNDS)
    assert await shop.buy() == Added("1")
    assert shop.upstream.sent == []
    assert (await shop.order()).state is State.QUEUED


async def test_an_operator_s_pause_turns_orders_away(open_shop: OpenShop) -> None:
    """``paused: true`` on the only provider: unavailable, and nothing is written."""
    shop = await open_shop(setup(providers=[provider("alpha", paused=True)]))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert await shop.store.rows("SELECT 1 FROM orders") == []


async def test_a_markup_is_priced_from_the_first_route(open_shop: OpenShop) -> None:
    """``markup``: the charge follows the provider's rate; unknown, it cannot be sold."""
    from decimal import Decimal

    from aggregator.core.model import Route

    priced = service(1, markup=Decimal("0.2"), rate="0", rate_micros=0)
    with_cost = service(
        2,
        markup=Decimal("0.2"),
        rate="0",
        rate_micros=0,
        routes=(Route("alpha", "9", cost_micros=2_000_000),),
    )
    shop = await open_shop(setup(priced, with_cost))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy(service="1")
    await shop.buy(1000, service="2")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).charge_micros == 2_400_000
    assert [row.rate for row in await shop("services")] == ["2.40"]


async def test_weighted_routes_share_the_orders(open_shop: OpenShop) -> None:
    """The strategy is asked: with these draws the second route goes first."""
    shop = await open_shop(setup(service(1, "alpha", "beta", strategy=Strategy.WEIGHTED)))
    draws = iter([0.1, 0.9])
    shop.world.draw = lambda: next(draws)
    await shop.buy()
    assert shop.upstream.sent[0].provider == "beta"


async def test_scopes_are_kept(shop: Shop) -> None:
    """A key without the scope may not; an unknown key is nobody; the action must exist."""
    from aggregator.core.model import Scope
    from aggregator.store import resellers

    key = await shop.store.write(
        lambda tx: resellers.add(tx, "reader", shop.clock.now_ms(), {Scope.READ})
    )
    with pytest.raises(ClientError, match=errors.NO_PERMISSION):
        await shop.desk.carry_out(key, Command("add", {}), None, "127.0.0.1")
    for wrong in (None, "", "nobody's", key + "x", "\ud800"):
        with pytest.raises(ClientError, match="Unauthenticated"):
            await shop.desk.carry_out(wrong, Command("balance", {}), None, "127.0.0.1")
    with pytest.raises(ClientError, match="Unknown action"):
        await shop("packages")
