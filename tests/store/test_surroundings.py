"""Keys, refills, events and numbers: what stands around the orders."""

from functools import partial

import pytest

from aggregator.core.model import Scope, State
from aggregator.ports import Event, Opened, RefillReading
from aggregator.store import ScriptedStore, keys, lists, meta, money, resellers, revisions
from aggregator.store.exceptions import NameTaken, NoSuchReseller, NotEnough
from aggregator.store.tx import Tx
from tests.store.builders import CHARGE, HOUR, NOW, draft, placed, queued, reseller

FOREVER = 10**14


def shop(tx: Tx) -> int:
    return resellers.get(tx, "shop").id


def known(tx: Tx, key: str, now_ms: int = NOW) -> bool:
    return keys.authenticate(tx, keys.hash_key(key), now_ms) is not None


# -- keys ------------------------------------------------------------------------


async def test_key_tells_who_is_asking(store: ScriptedStore) -> None:
    """A key's hash finds its reseller and its scopes; another key finds nobody."""
    key = await store.write(lambda tx: resellers.add(tx, "shop", NOW, [Scope.READ, Scope.ORDER]))
    found = await store.authenticate(keys.hash_key(key))
    assert found is not None
    assert found.name == "shop"
    assert found.scopes == {Scope.READ, Scope.ORDER}
    assert await store.authenticate(keys.hash_key(key + "x")) is None


async def test_rotated_key_overlaps(store: ScriptedStore) -> None:
    """After a rotation the old key works until its end, with the same scopes as the new."""
    old = await store.write(lambda tx: resellers.add(tx, "shop", NOW, [Scope.READ]))
    new = await store.write(lambda tx: keys.rotate(tx, shop(tx), FOREVER, NOW))
    for key in (old, new):
        found = await store.authenticate(keys.hash_key(key))
        assert found is not None
        assert found.scopes == {Scope.READ}


def test_two_keys_overlap_at_most(tx: Tx) -> None:
    """A second rotation ends the key that was already on its way out."""
    first = resellers.add(tx, "shop", NOW)
    second = keys.rotate(tx, shop(tx), NOW + HOUR, NOW)
    third = keys.rotate(tx, shop(tx), NOW + HOUR, NOW)
    assert [known(tx, key) for key in (first, second, third)] == [False, True, True]
    assert [known(tx, key, NOW + HOUR) for key in (first, second, third)] == [False, False, True]


async def test_disabled_reseller_is_nobody(store: ScriptedStore) -> None:
    """A disabled reseller's keys stop working, and work again once he is enabled."""
    key = await store.write(lambda tx: resellers.add(tx, "shop", NOW))
    for disabled in (True, False):
        await store.write(partial(resellers.set_disabled, name="shop", disabled=disabled))
        found = await store.authenticate(keys.hash_key(key))
        assert (found is None) is disabled


def test_keys_are_random_and_only_hashed(tx: Tx) -> None:
    """A key has 256 bits, no two are alike, and the database holds none of them."""
    given = {resellers.add(tx, f"reseller {number}", NOW) for number in range(50)}
    assert len(given) == 50
    assert {len(bytes.fromhex(key)) for key in given} == {32}
    stored = {bytes(row["key_hash"]) for row in tx.all("SELECT key_hash FROM api_keys")}
    assert stored == {keys.hash_key(key) for key in given}


# -- resellers -------------------------------------------------------------------


def test_credit_and_debit(tx: Tx) -> None:
    """Money comes and goes by hand, each with its note on the statement."""
    reseller(tx)
    assert resellers.credit(tx, "shop", 500, "bank", NOW).available_micros == 500
    assert resellers.debit(tx, "shop", 200, "payout", NOW).available_micros == 300
    told = [
        (row["kind"], row["note"], row["available_micros"])
        for row in list(money.statement(tx, resellers.get(tx, "shop").id))
    ]
    assert told == [("credit", "bank", 500), ("debit", "payout", -200)]


def test_debit_never_below_zero(tx: Tx) -> None:
    """More than is available cannot be taken, and the refusal tells how much there is."""
    reseller(tx, micros=1_500_000)
    with pytest.raises(NotEnough, match=r"shop has 1\.50 available, which is less than 2\.00"):
        resellers.debit(tx, "shop", 2_000_000, "payout", NOW)
    assert resellers.get(tx, "shop").available_micros == 1_500_000


def test_names_are_unique(tx: Tx) -> None:
    """Two resellers cannot share a name, and one who is not there is named in the refusal."""
    reseller(tx)
    with pytest.raises(NameTaken, match="'shop'"):
        reseller(tx)
    with pytest.raises(NoSuchReseller, match="'other'"):
        resellers.get(tx, "other")
    assert [one.name for one in resellers.listed(tx)] == ["shop"]


# -- refills ---------------------------------------------------------------------


async def sold(store: ScriptedStore, upstream_order_id: str = "9001") -> int:
    reseller_id = await store.write(lambda tx: reseller(tx, micros=CHARGE))
    made = await store.open_order(draft(reseller_id))
    assert isinstance(made, Opened)
    await store.close_attempt(placed(made.order_id, made.attempt_id, upstream_order_id))
    return made.order_id


async def test_refill_has_an_id_of_ours(store: ScriptedStore) -> None:
    """A refill named again for the same order is the same refill."""
    order_id = await sold(store)
    order = (await store.orders([order_id]))[order_id]
    first = await store.add_refill(order, "5", NOW)
    again = await store.add_refill(order, "5", NOW + 1)
    other = await store.add_refill(order, "6", NOW + 1)
    assert first == again != other
    found = await store.refills([first, other, 99], order.reseller_id)
    assert {one.upstream_refill_id for one in found.values()} == {"5", "6"}
    assert found[first].status == "Pending"
    assert await store.refills([first], order.reseller_id + 1) == {}


async def test_refill_readings_by_the_time_of_asking(store: ScriptedStore) -> None:
    """An answer asked before the last applied one is dropped."""
    order_id = await sold(store)
    order = (await store.orders([order_id]))[order_id]
    refill_id = await store.add_refill(order, "5", NOW)
    await store.apply_refills([RefillReading(refill_id, "Completed", NOW + 2)])
    await store.apply_refills([RefillReading(refill_id, "In progress", NOW + 1)])
    await store.apply_refills([RefillReading(refill_id, None, NOW + 3, NOW + 4)])
    found = await store.refills([refill_id], order.reseller_id)
    assert (found[refill_id].status, found[refill_id].asked_at_ms) == ("Completed", NOW + 2)


# -- meta, events, numbers -------------------------------------------


def test_meta_remembers(tx: Tx) -> None:
    """What was put last is what is got; what never was is None."""
    assert meta.get(tx, "provider/gulf/url") is None
    meta.put(tx, "provider/gulf/url", "one")
    meta.put(tx, "provider/gulf/url", "two")
    assert meta.get(tx, "provider/gulf/url") == "two"


async def test_events_tell_the_story(store: ScriptedStore) -> None:
    """Events are kept in order, with their details."""
    order_id = await sold(store)
    await store.record([Event(order_id, "refill_lost", {"cause": "timeout"})], NOW)
    story = await store.read(lambda tx: lists.story(tx, order_id))
    assert [(one.kind, one.detail) for one in story.events] == [
        ("opened", {"why": "gulf: chosen"}),
        ("refill_lost", {"cause": "timeout"}),
    ]


async def test_numbers_of_open_orders(store: ScriptedStore) -> None:
    """Open orders are counted by state and by provider, and the oldest is known."""
    reseller_id = await store.write(lambda tx: reseller(tx, micros=10 * CHARGE))
    await store.open_order(queued(reseller_id, now_ms=NOW + 5))
    await store.open_order(queued(reseller_id, now_ms=NOW + 3))
    made = await store.open_order(draft(reseller_id))
    assert isinstance(made, Opened)
    numbers = await store.numbers()
    assert numbers.by_state[State.QUEUED] == 2
    assert numbers.by_state[State.SENDING] == 1
    assert numbers.by_state[State.PLACED] == 0
    assert (numbers.oldest_queued_ms, numbers.oldest_doubt_ms) == (NOW + 3, None)
    assert await store.read(lists.open_by_provider) == {"gulf": 1}
    await store.close_attempt(placed(made.order_id, made.attempt_id, "1"))
    assert await store.read(lists.open_by_provider) == {"gulf": 1}
    ended = "UPDATE orders SET state = 'completed', ended_at_ms = 1"
    await store.write(lambda tx: tx.run(f"{ended} WHERE state = 'placed'"))
    assert await store.read(lists.open_by_provider) == {}


def test_revisions(tx: Tx) -> None:
    """It is known from when on a revision was in use; the newest are kept."""
    for at_ms, revision in enumerate(["a", "a", "b", "a"]):
        revisions.add(tx, revision, at_ms)
    found = [revisions.since_ms(tx, "a", at_ms) for at_ms in range(5)]
    assert found == [0, 0, 0, 3, 3]
    assert revisions.since_ms(tx, "c", 9) is None
    tx.run("forget_revisions", kept=1)
    assert [revisions.since_ms(tx, one, 9) for one in "ab"] == [3, None]
