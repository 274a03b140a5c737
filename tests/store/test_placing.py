"""Transactions 1 and 2: money, order, attempt and request ID together, or none of them."""

import asyncio

import pytest

from aggregator.core import errors
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.model import AttemptState, Kind, State
from aggregator.core.outcome import InDoubt, NotSent, Outcome, Placed, Rejected
from aggregator.ports import Opened, Remembered
from aggregator.store import ScriptedStore, by_hand, lists, resellers
from tests.store.builders import (
    CHARGE,
    HOUR,
    NOW,
    POLICY,
    attempt,
    closing,
    draft,
    placed,
    queued,
    reading,
    request,
    reseller,
)


async def rich(store: ScriptedStore, orders: int = 10) -> int:
    """A reseller with money for so many orders; his ID."""
    return await store.write(lambda tx: reseller(tx, micros=orders * CHARGE))


async def opened(store: ScriptedStore, reseller_id: int) -> Opened:
    made = await store.open_order(draft(reseller_id))
    assert isinstance(made, Opened)
    return made


async def state_of(store: ScriptedStore, order_id: int) -> State:
    return (await store.orders([order_id]))[order_id].state


async def held(store: ScriptedStore, name: str = "shop") -> int:
    return (await store.read(lambda tx: resellers.get(tx, name))).held_micros


async def test_transaction_1_writes_everything(store: ScriptedStore) -> None:
    """An opened order stands with its hold, its attempt and all that was sold."""
    reseller_id = await rich(store)
    made = await opened(store, reseller_id)
    order = (await store.orders([made.order_id], reseller_id))[made.order_id]
    (tried,) = await store.attempts(made.order_id)
    assert (order.state, order.units, order.charge_micros) == (State.SENDING, 1000, CHARGE)
    assert order.params["link"] == "https://example.org/p/1"
    assert order.provider is None
    assert (tried.id, tried.number, tried.state) == (made.attempt_id, 1, AttemptState.SENDING)
    assert (tried.boot_id, tried.cost_micros) == ("boot-1", 200_000)
    assert await store.available(reseller_id) == 9 * CHARGE
    assert await held(store) == CHARGE


async def test_order_without_route_is_queued(store: ScriptedStore) -> None:
    """A draft without a first attempt waits in the queue with its money held."""
    reseller_id = await rich(store)
    made = await store.open_order(queued(reseller_id))
    assert isinstance(made, Opened)
    assert made.attempt_id is None
    assert [order.id for order in await store.queued(1, 0, 10)] == [made.order_id]
    assert await held(store) == CHARGE


async def test_insufficient_balance_writes_nothing(store: ScriptedStore) -> None:
    """Without the money there is no order, no hold and no memory of the request."""
    reseller_id = await store.write(lambda tx: reseller(tx, micros=CHARGE - 1))
    with pytest.raises(ClientError, match=errors.INSUFFICIENT_BALANCE):
        await store.open_order(draft(reseller_id, request=request()))
    assert await store.available(reseller_id) == CHARGE - 1
    assert await store.remembered(reseller_id, "req-1") is None
    assert await store.read(lambda tx: list(lists.listed(tx, lists.OrderFilter()))) == []


async def test_disabled_reseller_cannot_order(store: ScriptedStore) -> None:
    """Once disabled, a reseller's money buys nothing."""
    reseller_id = await rich(store)
    await store.write(lambda tx: resellers.set_disabled(tx, "shop", True))
    with pytest.raises(ClientError, match=errors.UNAUTHENTICATED):
        await store.open_order(draft(reseller_id))


async def test_free_order(store: ScriptedStore) -> None:
    """An order for nothing is held, placed and posted like any other."""
    reseller_id = await store.write(reseller)
    made = await store.open_order(draft(reseller_id, charge_micros=0))
    assert isinstance(made, Opened)
    closed = await store.close_attempt(placed(made.order_id, made.attempt_id, "77"))
    assert closed.state is State.PLACED


async def test_money_for_exactly_n(store: ScriptedStore) -> None:
    """Many concurrent orders with money for some: exactly these are opened."""
    reseller_id = await rich(store, orders=17)
    tries = [store.open_order(draft(reseller_id)) for _ in range(100)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Opened) for one in found) == 17
    assert {str(one) for one in found if isinstance(one, Exception)} == {
        errors.INSUFFICIENT_BALANCE
    }
    assert await store.available(reseller_id) == 0


# -- idempotency -----------------------------------------------------------------


async def test_request_id_opens_one_order(store: ScriptedStore) -> None:
    """Concurrent repeats of a request open one order; all others are told which."""
    reseller_id = await rich(store)
    tries = [store.open_order(draft(reseller_id, request=request())) for _ in range(20)]
    found = await asyncio.gather(*tries)
    (first,) = [one for one in found if isinstance(one, Opened)]
    others = [one for one in found if isinstance(one, Remembered)]
    assert {(one.order_id, one.fingerprint) for one in others} == {(first.order_id, "f")}
    assert len(others) == 19
    assert await store.available(reseller_id) == 9 * CHARGE


async def test_request_ids_are_each_resellers_own(store: ScriptedStore) -> None:
    """Two resellers may use the same request ID."""
    shop = await rich(store)
    other = await store.write(lambda tx: reseller(tx, "other", CHARGE))
    for one in (shop, other):
        assert isinstance(await store.open_order(draft(one, request=request())), Opened)


async def test_first_answer_is_remembered(store: ScriptedStore) -> None:
    """A rejected order's error is what every repeat of its request will find."""
    reseller_id = await rich(store)
    made = await store.open_order(draft(reseller_id, request=request()))
    assert isinstance(made, Opened)
    refusal = Rejected(ErrorClass.LINK, "bad link")
    await store.close_attempt(
        closing(
            made.order_id, made.attempt_id, refusal, error=errors.INCORRECT_LINK, answered=False
        )
    )
    found = await store.remembered(reseller_id, "req-1")
    assert found == Remembered(
        made.order_id, Kind.NORMAL, State.REJECTED, "f", errors.INCORRECT_LINK
    )
    assert await store.open_order(draft(reseller_id, request=request())) == found


@pytest.mark.parametrize("read", [True, False])
async def test_a_repeat_during_the_send_gets_the_id(store: ScriptedStore, read: bool) -> None:
    """Once a repeat was told the order's ID, its end is no error any more: it is canceled."""
    reseller_id = await rich(store)
    made = await store.open_order(draft(reseller_id, request=request()))
    assert isinstance(made, Opened)
    for _ in range(2):
        again = (
            await store.remembered(reseller_id, "req-1")
            if read
            else await store.open_order(draft(reseller_id, request=request()))
        )
        assert isinstance(again, Remembered)
        assert (again.order_id, again.state, again.error) == (made.order_id, State.SENDING, None)
    refusal = Rejected(ErrorClass.LINK, "bad link")
    end = {"error": errors.INCORRECT_LINK, "answered": False}
    closed = await store.close_attempt(closing(made.order_id, made.attempt_id, refusal, **end))
    assert closed.state is State.CANCELED
    assert await store.available(reseller_id) == 10 * CHARGE


async def test_requests_are_forgotten_by_age(store: ScriptedStore) -> None:
    """Forgetting drops what is older than asked, and only that; the orders stay."""
    reseller_id = await rich(store)
    await store.open_order(draft(reseller_id, request=request("old"), now_ms=NOW - 1))
    await store.open_order(draft(reseller_id, request=request("new")))
    await store.forget_requests(NOW)
    assert await store.remembered(reseller_id, "old") is None
    assert await store.remembered(reseller_id, "new") is not None
    assert len(await store.orders([1, 2])) == 2


# -- transaction 2 ---------------------------------------------------------------


async def test_placed_posts_the_money(store: ScriptedStore) -> None:
    """A placed order is paid for, knows its provider and will soon be asked after."""
    reseller_id = await rich(store)
    made = await opened(store, reseller_id)
    closed = await store.close_attempt(placed(made.order_id, made.attempt_id, "9001"))
    assert (closed.state, closed.won) == (State.PLACED, True)
    order = (await store.orders([made.order_id]))[made.order_id]
    assert (order.provider, order.upstream_service) == ("gulf", "4021")
    assert (order.upstream_order_id, order.upstream_cost_micros) == ("9001", 200_000)
    assert (order.remains, order.word) == (1000, None)
    assert [one.id for one in await store.due("gulf", NOW + HOUR, 10)] == [made.order_id]
    assert await held(store) == 0
    assert await store.available(reseller_id) == 9 * CHARGE


async def test_next_route_gets_a_new_attempt(store: ScriptedStore) -> None:
    """After a refusal the order goes on sending, under a new attempt, its hold kept."""
    made = await opened(store, await rich(store))
    refusal = closing(
        made.order_id, made.attempt_id, Rejected(ErrorClass.FUNDS, "no"), next=attempt("owner")
    )
    closed = await store.close_attempt(refusal)
    first, second = await store.attempts(made.order_id)
    assert (closed.state, closed.attempt_id) == (State.SENDING, second.id)
    assert (first.state, first.cause) == (AttemptState.REJECTED, "funds: no")
    assert (second.provider, second.number) == ("owner", 2)
    assert await held(store) == CHARGE


async def test_queued_after_refusal_and_started_again(store: ScriptedStore) -> None:
    """An order without a usable route waits with its hold, and is started only once."""
    made = await opened(store, await rich(store))
    unsent = closing(made.order_id, made.attempt_id, NotSent("refused"), queued_until_ms=NOW + HOUR)
    assert (await store.close_attempt(unsent)).state is State.QUEUED
    assert await held(store) == CHARGE
    starts = await asyncio.gather(
        *(store.start_queued(made.order_id, attempt("owner"), NOW + 2) for _ in range(3))
    )
    assert sum(one is not None for one in starts) == 1
    assert await state_of(store, made.order_id) is State.SENDING
    assert not await store.cancel_queued(made.order_id, "too late", NOW)


async def test_queued_order_is_canceled_with_its_money(store: ScriptedStore) -> None:
    """Canceling in the queue gives all of the hold back, once."""
    reseller_id = await rich(store)
    made = await store.open_order(queued(reseller_id))
    assert isinstance(made, Opened)
    done = [await store.cancel_queued(made.order_id, "asked", NOW) for _ in range(2)]
    assert done == [True, False]
    assert await store.available(reseller_id) == 10 * CHARGE
    assert (await store.orders([made.order_id]))[made.order_id].ended_at_ms == NOW


@pytest.mark.parametrize(("answered", "state"), [(False, State.REJECTED), (True, State.CANCELED)])
async def test_end_without_placing_gives_back(
    store: ScriptedStore, answered: bool, state: State
) -> None:
    """Rejected where the reseller is told the error, canceled where he has his ID."""
    reseller_id = await rich(store)
    made = await opened(store, reseller_id)
    refusal = Rejected(ErrorClass.LINK)
    closed = await store.close_attempt(
        closing(made.order_id, made.attempt_id, refusal, error="Incorrect link", answered=answered)
    )
    assert closed.state is state
    assert await store.available(reseller_id) == 10 * CHARGE


async def test_doubt_keeps_the_hold(store: ScriptedStore) -> None:
    """An order in doubt keeps its money bound and its attempt open."""
    made = await opened(store, await rich(store))
    closed = await store.close_attempt(closing(made.order_id, made.attempt_id, InDoubt("cut")))
    assert closed.state is State.IN_DOUBT
    (tried,) = await store.attempts(made.order_id)
    assert (tried.state, tried.cause) == (AttemptState.IN_DOUBT, "cut")
    assert await held(store) == CHARGE


async def test_late_yes_settles_a_doubt(store: ScriptedStore) -> None:
    """A Placed that arrives after the doubt closes it; the money is posted."""
    made = await opened(store, await rich(store))
    await store.close_attempt(closing(made.order_id, made.attempt_id, InDoubt("slow")))
    closed = await store.close_attempt(placed(made.order_id, made.attempt_id, "9001"))
    assert (closed.state, closed.won) == (State.PLACED, True)
    assert await held(store) == 0


@pytest.mark.parametrize("late", [Rejected(ErrorClass.LINK), NotSent("no"), InDoubt("again")])
async def test_late_no_settles_no_doubt(store: ScriptedStore, late: Outcome) -> None:
    """Nothing but a Placed closes a doubt: all else loses."""
    made = await opened(store, await rich(store))
    await store.close_attempt(closing(made.order_id, made.attempt_id, InDoubt("slow")))
    closed = await store.close_attempt(closing(made.order_id, made.attempt_id, late))
    assert (closed.state, closed.won) == (State.IN_DOUBT, False)


async def test_upstream_id_of_another_order_is_a_doubt(store: ScriptedStore) -> None:
    """An upstream order belongs to one order: a second claim to it leaves us in doubt."""
    reseller_id = await rich(store)
    first, second = await opened(store, reseller_id), await opened(store, reseller_id)
    await store.close_attempt(placed(first.order_id, first.attempt_id, "9001"))
    closed = await store.close_attempt(placed(second.order_id, second.attempt_id, "9001"))
    assert (closed.state, closed.won) == (State.IN_DOUBT, True)
    assert await held(store) == CHARGE
    again = await store.close_attempt(placed(second.order_id, second.attempt_id, "9001"))
    assert again.state is State.IN_DOUBT


async def test_sequences_have_their_own_ids(store: ScriptedStore) -> None:
    """The same number in another of a provider's sequences is another order."""
    reseller_id = await rich(store)
    first, second = await opened(store, reseller_id), await opened(store, reseller_id)
    await store.close_attempt(placed(first.order_id, first.attempt_id, "9001"))
    other = Placed("9001", Kind.DRIPFEED)
    closed = await store.close_attempt(closing(second.order_id, second.attempt_id, other))
    assert closed.state is State.PLACED


async def test_late_orphan_is_told(store: ScriptedStore) -> None:
    """A Placed for an attempt settled as not placed changes nothing but is written down."""
    reseller_id = await rich(store)
    made = await opened(store, reseller_id)
    await store.close_attempt(closing(made.order_id, made.attempt_id, InDoubt("cut")))
    await store.write(lambda tx: by_hand.resolve_not_placed(tx, made.order_id, "asked them", NOW))
    closed = await store.close_attempt(placed(made.order_id, made.attempt_id, "9001"))
    assert (closed.state, closed.won) == (State.CANCELED, False)
    story = await store.read(lambda tx: lists.story(tx, made.order_id))
    (late,) = [event for event in story.events if event.kind == "late_placed"]
    assert (late.detail["upstream_order_id"], late.detail["provider"]) == ("9001", "gulf")
    assert await store.available(reseller_id) == 10 * CHARGE


async def test_recovery_doubts_what_the_dead_were_sending(store: ScriptedStore) -> None:
    """At start every order that another process was sending is in doubt, ours is not."""
    reseller_id = await rich(store)
    dead = await opened(store, reseller_id)
    alive = await store.open_order(draft(reseller_id, first=attempt(boot_id="boot-2")))
    assert await store.recover("boot-2", NOW) == [dead.order_id]
    assert await store.recover("boot-2", NOW) == []
    assert await state_of(store, dead.order_id) is State.IN_DOUBT
    assert await state_of(store, alive.order_id) is State.SENDING


async def test_orders_are_shown_to_their_owner_only(store: ScriptedStore) -> None:
    """Foreign and absent orders are alike: not there."""
    shop = await rich(store)
    other = await store.write(lambda tx: reseller(tx, "other"))
    made = await opened(store, shop)
    assert await store.orders([made.order_id, 10**17], other) == {}
    assert set(await store.orders([made.order_id, 10**17], shop)) == {made.order_id}
    assert await store.orders([], shop) == {}


async def test_canceled_queue_never_settles(store: ScriptedStore) -> None:
    """A status cannot give money back for an order that was never placed."""
    reseller_id = await rich(store)
    made = await store.open_order(queued(reseller_id))
    await store.cancel_queued(made.order_id, "asked", NOW)
    assert await store.apply_statuses([reading(made.order_id, "Canceled")], POLICY, NOW) == []
    assert await store.available(reseller_id) == 10 * CHARGE
