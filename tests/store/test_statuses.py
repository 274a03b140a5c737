"""Status answers applied: figures, states, refunds posted once, children registered once."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from aggregator.core.model import Kind, Order, State
from aggregator.ports import Event, Opened, OrderDraft
from aggregator.store import ScriptedStore, by_hand, lists
from tests.store.builders import (
    CHARGE,
    HOUR,
    NOW,
    POLICY,
    draft,
    dripfeed,
    placed,
    reading,
    reseller,
)


async def sold(
    store: ScriptedStore, order_draft: OrderDraft, upstream_order_id: str = "9001"
) -> int:
    """A placed order's ID."""
    made = await store.open_order(order_draft)
    assert isinstance(made, Opened)
    await store.close_attempt(placed(made.order_id, made.attempt_id, upstream_order_id))
    return made.order_id


async def rich(store: ScriptedStore) -> int:
    return await store.write(lambda tx: reseller(tx, micros=10 * CHARGE))


async def order(store: ScriptedStore, order_id: int) -> Order:
    return (await store.orders([order_id]))[order_id]


async def tell(
    store: ScriptedStore, order_id: int, word: str, asked_at_ms: int = NOW + HOUR, **told: object
) -> list[Event]:
    one = reading(order_id, word, asked_at_ms, **told)
    return await store.apply_statuses([one], POLICY, NOW + HOUR)


async def test_figures_are_kept(store: ScriptedStore) -> None:
    """What the provider says of an order under way is what the store knows then."""
    order_id = await sold(store, draft(await rich(store)))
    assert await tell(store, order_id, "In progress", start_count="3572", remains=157) == []
    now = await order(store, order_id)
    assert (now.state, now.word, now.start_count, now.remains) == (
        State.PLACED,
        "in_progress",
        "3572",
        157,
    )
    assert now.asked_at_ms == NOW + HOUR


async def test_partial_is_refunded_once(store: ScriptedStore) -> None:
    """The same Partial told twice, or at once by many, refunds its remainder once."""
    reseller_id = await rich(store)
    order_id = await sold(store, draft(reseller_id))
    await asyncio.gather(*(tell(store, order_id, "Partial", remains=400) for _ in range(5)))
    now = await order(store, order_id)
    assert (now.state, now.refunded_micros) == (State.PARTIAL, CHARGE * 400 // 1000)
    assert await store.available(reseller_id) == 9 * CHARGE + CHARGE * 400 // 1000


async def test_canceled_after_partial_refunds_the_rest(store: ScriptedStore) -> None:
    """Refunds are set to what the order costs in the end, whatever was refunded before."""
    reseller_id = await rich(store)
    order_id = await sold(store, draft(reseller_id))
    await tell(store, order_id, "Partial", remains=400)
    await tell(store, order_id, "Canceled", NOW + 2 * HOUR)
    assert (await order(store, order_id)).state is State.CANCELED
    assert await store.available(reseller_id) == 10 * CHARGE
    story = await store.read(lambda tx: lists.story(tx, order_id))
    assert [(one.kind, one.version) for one in story.transfers] == [
        ("hold", 1),
        ("post", 1),
        ("refund", 1),
        ("refund", 2),
    ]


async def test_older_answer_is_dropped(store: ScriptedStore) -> None:
    """An answer asked before the last applied one changes nothing."""
    order_id = await sold(store, draft(await rich(store)))
    await tell(store, order_id, "Completed", NOW + HOUR)
    await tell(store, order_id, "Canceled", NOW + HOUR - 1)
    assert (await order(store, order_id)).state is State.COMPLETED


async def test_an_order_that_is_known_and_goes_on(store: ScriptedStore) -> None:
    """It comes to stand as if it had been read, whatever the answer is."""
    reseller_id = await rich(store)
    first, second = [await sold(store, draft(reseller_id), one) for one in ("1", "2")]
    figures = {"start_count": "3572", "remains": 157, "charge": Decimal("0.05")}
    for asked_at_ms, word in ((HOUR, "Pending"), (2 * HOUR, "In progress"), (3 * HOUR, "Partial")):
        known = await order(store, second)
        said = [reading(one, word, NOW + asked_at_ms, **figures) for one in (first, second)]
        said[1] = replace(said[1], known=known)
        assert await store.apply_statuses(said, POLICY, NOW + asked_at_ms) == []
        one, other = await order(store, first), await order(store, second)
        own = {"id": first, "upstream_order_id": "1", "params": one.params}
        assert replace(other, **own, next_check_at_ms=one.next_check_at_ms) == one
        assert other.next_check_at_ms == one.next_check_at_ms
    assert one.refunded_micros == CHARGE * 157 // 1000


async def test_what_is_known_may_be_old(store: ScriptedStore) -> None:
    """Where the order has changed since, the answer is settled by the row as it stands."""
    order_id = await sold(store, draft(await rich(store)))
    before = await order(store, order_id)
    await tell(store, order_id, "Canceled")
    late = replace(reading(order_id, "In progress", NOW + 2 * HOUR, remains=5), known=before)
    (alert,) = await store.apply_statuses([late], POLICY, NOW + 2 * HOUR)
    assert alert.kind == "moved_up"
    now = await order(store, order_id)
    assert (now.state, now.refunded_micros) == (State.CANCELED, CHARGE)


async def test_what_is_known_may_have_been_heard_of_later(store: ScriptedStore) -> None:
    """An answer to an older question stays dropped."""
    order_id = await sold(store, draft(await rich(store)))
    before = await order(store, order_id)
    await tell(store, order_id, "In progress", NOW + HOUR, remains=5)
    late = replace(reading(order_id, "Pending", NOW + HOUR - 1, remains=900), known=before)
    assert await store.apply_statuses([late], POLICY, NOW + HOUR) == []
    now = await order(store, order_id)
    assert (now.word, now.remains, now.asked_at_ms) == ("in_progress", 5, NOW + HOUR)


async def test_refund_by_hand_counts(store: ScriptedStore) -> None:
    """What was given back by hand is not given back again by a status."""
    reseller_id = await rich(store)
    order_id = await sold(store, draft(reseller_id))
    await store.write(lambda tx: by_hand.refund(tx, order_id, CHARGE // 2, "sorry", NOW))
    await tell(store, order_id, "Canceled")
    assert await store.available(reseller_id) == 10 * CHARGE


async def test_unknown_word_alerts_and_is_written_down(store: ScriptedStore) -> None:
    """A word nobody knows is an alert and an event, and moves nothing."""
    order_id = await sold(store, draft(await rich(store)))
    (alert,) = await tell(store, order_id, "Frobnicated")
    assert (alert.order_id, alert.kind) == (order_id, "unknown_status")
    story = await store.read(lambda tx: lists.story(tx, order_id))
    assert "unknown_status" in {event.kind for event in story.events}
    assert story.order.state is State.PLACED


async def test_unknown_order_is_ignored(store: ScriptedStore) -> None:
    """A reading of an order that does not exist settles nothing."""
    assert await tell(store, 4711, "Canceled") == []


async def test_one_bad_reading_spoils_no_other(store: ScriptedStore) -> None:
    """An answer that cannot be settled alerts; the others of the batch are applied."""
    reseller_id = await rich(store)
    bad = await sold(store, draft(reseller_id, service_type="No such type"), "1")
    good = await sold(store, draft(reseller_id), "2")
    readings = [reading(bad, "Partial", remains=1), reading(good, "Completed")]
    (alert,) = await store.apply_statuses(readings, POLICY, NOW + HOUR)
    assert (alert.order_id, alert.kind) == (bad, "not_settled")
    assert (await order(store, good)).state is State.COMPLETED
    assert (await order(store, bad)).state is State.PLACED


async def test_check_later(store: ScriptedStore) -> None:
    """An order nobody answered for is due again when it was said to be."""
    order_id = await sold(store, draft(await rich(store)))
    await store.check_later({order_id: NOW + HOUR})
    assert await store.due("gulf", NOW + HOUR - 1, 10) == []
    assert [one.id for one in await store.due("gulf", NOW + HOUR, 10)] == [order_id]
    assert await store.due("owner", NOW + HOUR, 10) == []
    await store.check_later({order_id: None})
    await store.check_later({order_id: NOW})
    assert await store.due("gulf", NOW + HOUR, 10) == []


async def test_what_clients_repeat_is_kept_so_often(store: ScriptedStore) -> None:
    """Of one kind so many events stay of each order; of another, others."""
    order_id = await sold(store, draft(await rich(store)))
    for number in range(5):
        await store.record([Event(order_id, "cancel_asked", {"number": number})], NOW, most=3)
    await store.record([Event(order_id, "refill_lost")], NOW, most=3)
    story = await store.read(lambda tx: lists.story(tx, order_id))
    kinds = [event.kind for event in story.events]
    assert (kinds.count("cancel_asked"), kinds.count("refill_lost")) == (3, 1)


async def test_an_event_is_recorded_once(store: ScriptedStore) -> None:
    """The very same event a second time is no news."""
    event = Event(await sold(store, draft(await rich(store))), "lost", {"provider": "gulf"})
    assert await store.record_once(event, NOW)
    assert not await store.record_once(event, NOW + 1)


# -- children --------------------------------------------------------------------


async def test_children_are_registered_once(store: ScriptedStore) -> None:
    """Runs that the provider names become orders of ours that cost nothing by themselves."""
    reseller_id = await rich(store)
    parent = await sold(store, dripfeed(reseller_id))
    for asked in (NOW + HOUR, NOW + HOUR + 1):
        assert await tell(store, parent, "In progress", asked, children=("71", "72")) == []
    first, second = (await store.children([parent]))[parent]
    assert [first.upstream_order_id, second.upstream_order_id] == ["71", "72"]
    assert (first.charge_micros, first.share_micros, first.units) == (0, CHARGE // 4, 250)
    assert (first.parent_id, first.kind, first.reseller_id) == (parent, Kind.NORMAL, reseller_id)
    assert {one.id for one in await store.due("gulf", NOW + HOUR, 10)} >= {first.id, second.id}


async def test_child_of_another_order_is_left_alone(store: ScriptedStore) -> None:
    """A run that is an order of ours already is not registered again; one alert tells."""
    reseller_id = await rich(store)
    await sold(store, draft(reseller_id), "71")
    parent = await sold(store, dripfeed(reseller_id))
    (alert,) = await tell(store, parent, "In progress", children=("71", "72"))
    assert alert.kind == "child_id_taken"
    assert await tell(store, parent, "In progress", children=("71", "72")) == []
    assert [one.upstream_order_id for one in (await store.children([parent]))[parent]] == ["72"]


async def test_childs_refund_goes_through_its_parent(store: ScriptedStore) -> None:
    """A canceled run gives its share of the parent's charge back, once."""
    reseller_id = await rich(store)
    parent = await sold(store, dripfeed(reseller_id))
    await tell(store, parent, "In progress", children=("71", "72", "73", "74"))
    child = (await store.children([parent]))[parent][0]
    await tell(store, child.id, "Canceled")
    await tell(store, child.id, "Canceled", NOW + 2 * HOUR)
    assert (await order(store, child.id)).state is State.CANCELED
    assert (await order(store, parent)).refunded_micros == CHARGE // 4
    assert await store.available(reseller_id) == 9 * CHARGE + CHARGE // 4


@pytest.mark.parametrize("parent_first", [True, False])
async def test_parent_and_children_in_any_order(store: ScriptedStore, parent_first: bool) -> None:
    """Whoever is told of first, a drip-feed costs what its runs delivered."""
    reseller_id = await rich(store)
    parent = await sold(store, dripfeed(reseller_id))
    await tell(store, parent, "In progress", children=("71", "72"))
    first, second = (await store.children([parent]))[parent]
    told = [
        reading(first.id, "Completed", NOW + 2 * HOUR),
        reading(second.id, "Partial", NOW + 2 * HOUR, remains=125),
    ]
    ended = reading(parent, "Canceled", NOW + 2 * HOUR, children=("71", "72"))
    told = [ended, *told] if parent_first else [*told, ended]
    await store.apply_statuses(told, POLICY, NOW + 2 * HOUR)
    assert (await order(store, parent)).net_charge_micros == CHARGE // 4 + CHARGE // 8
    assert (await order(store, parent)).state is State.CANCELED


async def test_refills_of_a_provider_that_is_gone(store: ScriptedStore) -> None:
    """Those due before then end as rejected, unless their provider is there to be asked."""
    shop = await rich(store)
    refilled = await order(store, await sold(store, draft(shop)))
    old = await store.add_refill(refilled, "f1", NOW)
    young = await store.add_refill(refilled, "f2", NOW + HOUR)
    before_ms = NOW + HOUR
    assert await store.abandon_refills(["gulf"], before_ms) == 0
    assert await store.abandon_refills(["xcel"], before_ms) == 1
    assert await store.abandon_refills([], before_ms) == 0
    found = await store.refills([old, young], shop)
    assert (found[old].status, found[young].status) == ("Rejected", "Pending")
    assert [one.id for one in await store.due_refills("gulf", NOW + 9 * HOUR, 10)] == [young]
