"""Orders in memory: as they stand on disk, whoever changes them, and not too many."""

import asyncio
from pathlib import Path

import pytest

from aggregator.core.model import Order, State
from aggregator.ports import Opened
from aggregator.store import ScriptedStore, SqliteStore, by_hand, short_transaction
from aggregator.store.hot import BELIEVED_S, Hot
from aggregator.store.tx import ANY, QUERIES, TOUCHING, Tx, touched_by
from tests.core.make import order
from tests.store.builders import CHARGE, HOUR, NOW, POLICY, draft, placed, reading, reseller


async def sold(store: ScriptedStore, name: str = "shop") -> int:
    reseller_id = await store.write(lambda tx: reseller(tx, name, micros=10 * CHARGE))
    made = await store.open_order(draft(reseller_id))
    assert isinstance(made, Opened)
    await store.orders([made.order_id])
    await store.close_attempt(placed(made.order_id, made.attempt_id, f"900{made.order_id}"))
    return made.order_id


async def now(store: ScriptedStore, order_id: int) -> Order:
    return (await store.orders([order_id]))[order_id]


# -- against every store


async def test_what_was_read_is_held(store: ScriptedStore) -> None:
    """The very same row is handed out again, to whoever may see it."""
    order_id = await sold(store)
    one = await now(store, order_id)
    assert await now(store, order_id) is one
    assert store.holds([one])
    assert await store.orders([order_id], one.reseller_id) == {order_id: one}
    assert await store.orders([order_id, order_id + 1], one.reseller_id + 1) == {}


async def test_never_stale_against_our_own_commits(store: ScriptedStore) -> None:
    """After each change that was acknowledged, the changed row is what is read."""
    order_id = await sold(store)
    assert (await now(store, order_id)).state is State.PLACED
    await store.check_later({order_id: NOW + 5})
    assert (await now(store, order_id)).next_check_at_ms == NOW + 5
    await store.apply_statuses([reading(order_id, "Partial", remains=400)], POLICY, NOW + HOUR)
    assert (await now(store, order_id)).state is State.PARTIAL
    before = await now(store, order_id)
    await store.write(lambda tx: by_hand.refund(tx, order_id, 1000, "sorry", NOW))
    assert (await now(store, order_id)).refunded_micros == before.refunded_micros + 1000
    assert not store.holds([before])


async def test_a_change_whose_waiter_hung_up_counts_too(store: ScriptedStore) -> None:
    """The commit happened, though nobody waited for its result."""
    order_id = await sold(store)
    await now(store, order_id)
    hung_up = asyncio.create_task(store.check_later({order_id: NOW + 5}))
    await asyncio.sleep(0)
    hung_up.cancel()
    await asyncio.wait([hung_up])
    await store.check_later({order_id + 1: NOW})  # behind it in the writer's line
    found = await store.rows("SELECT next_check_at_ms FROM orders WHERE id = :id", id=order_id)
    assert (await now(store, order_id)).next_check_at_ms == found[0]["next_check_at_ms"]


async def test_a_read_that_was_overtaken_is_repeated(database: str) -> None:
    """Whoever reads while an order is changed sees it changed, or he would act on what has
    been settled: of the rows in memory too, where he waits for others."""

    class Slow(SqliteStore):
        reads = 0

        async def rows(self, query, /, **params):  # type: ignore[no-untyped-def]
            found = await super().rows(query, **params)
            if query == "orders":
                self.reads += 1
                if self.reads == 1:
                    for order_id in made:
                        await self.check_later({order_id: NOW + 5})
            return found

    store = await Slow.open(Path(database), POLICY)
    try:
        made: list[int] = []
        made = [await sold(store), await sold(store, "other")]
        await now(store, made[0])
        store.reads = 0
        found = await store.orders(made)
        assert {one.next_check_at_ms for one in found.values()} == {NOW + 5}
        assert store.reads == 2
    finally:
        await store.close()


async def test_another_process_s_commits_are_noticed(
    store: ScriptedStore, any_database: str
) -> None:
    """When it is asked whether others have written, everything is read anew."""
    order_id = await sold(store)
    await store.changed_elsewhere()
    one = await now(store, order_id)
    with short_transaction(any_database, POLICY) as tx:
        by_hand.refund(tx, order_id, 1000, "sorry", NOW)
    assert await store.changed_elsewhere()
    assert not store.holds([one])
    assert (await now(store, order_id)).refunded_micros == 1000


async def test_known_orders_cost_no_read(database: str) -> None:
    """What is in memory is answered without the database."""

    class Counting(SqliteStore):
        reads = 0

        async def rows(self, query, /, **params):  # type: ignore[no-untyped-def]
            self.reads += 1
            return await super().rows(query, **params)

    store = await Counting.open(Path(database), POLICY)
    try:
        order_id = await sold(store)
        await now(store, order_id)
        reads = store.reads
        for _ in range(10):
            await now(store, order_id)
        assert store.reads == reads
    finally:
        await store.close()


# -- by itself


class Watch:
    s = 0.0

    def __call__(self) -> float:
        return self.s


def kept(hot: Hot, *ids: int) -> dict[int, Order]:
    orders = {one: order(id=one) for one in ids}
    with hot.reading() as under_way:
        hot.keep(under_way, orders)
    return orders


def test_it_is_bounded() -> None:
    """The order that was asked for longest ago goes first."""
    hot = Hot(3)
    kept(hot, 1, 2, 3)
    hot.found([1])
    kept(hot, 4)
    assert list(hot.found([1, 2, 3, 4])) == [1, 3, 4]


def test_nothing_is_kept_where_nobody_watches() -> None:
    """A command's store holds nothing: it never learns what others write."""
    hot = Hot(0)
    kept(hot, 1)
    assert hot.found([1]) == {}


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_read_that_was_overtaken_keeps_nothing(all_of_them: bool) -> None:
    """It may have seen what stood there before; what did not change, it may keep."""
    hot = Hot(10)
    with hot.reading() as under_way:
        if all_of_them:
            hot.asked(changed=True)
        else:
            hot.drop([1])
        hot.keep(under_way, {1: order(id=1), 2: order(id=2)})
    assert list(hot.found([1, 2])) == ([] if all_of_them else [2])


def test_it_is_not_believed_for_ever() -> None:
    """Where nobody could ask what others have written, the database is read."""
    watch = Watch()
    hot = Hot(10, watch)
    orders = kept(hot, 1)
    watch.s = BELIEVED_S
    assert hot.found([1]) == orders
    hot.asked(changed=False)
    watch.s += BELIEVED_S + 1
    assert not hot.holds([orders[1]])
    assert hot.found([1]) == {}
    hot.asked(changed=False)
    assert hot.found([1]) == {}


def test_the_revision_tells_of_every_change() -> None:
    """It stays while all that is here stands, and is another one as soon as any of it has
    changed, has gone or is not believed any more."""
    watch = Watch()
    hot = Hot(2, watch)
    kept(hot, 1, 2)
    seen = [hot.revision]
    hot.drop([7])
    kept(hot, 1)
    hot.asked(changed=False)
    assert hot.revision == seen[0]
    for change in (
        lambda: hot.drop([1]),
        lambda: kept(hot, 3, 4),
        lambda: hot.asked(changed=True),
        lambda: setattr(watch, "s", BELIEVED_S + 1),
    ):
        change()
        seen.append(hot.revision)
    assert len(set(seen)) == len(seen)


def test_every_change_of_an_order_says_of_which() -> None:
    """A statement that changes orders names them by a parameter, or stands for any of them."""
    changing = {name for name, sql in QUERIES.items() if "UPDATE orders" in sql}
    assert set(TOUCHING) == changing
    assert touched_by("check_later", {"ids": [1, 2]}) == [1, 2]
    assert touched_by("order_sending", {"order_id": 3}) == [3]
    assert touched_by("doubts_to_a_person", {}) == (ANY,)


def test_a_change_of_nobody_knows_which_drops_all() -> None:
    """Rather nothing in memory than anything old."""
    hot = Hot(10)
    kept(hot, 1, 2)
    hot.drop([ANY])
    assert hot.found([1, 2]) == {}


def test_a_transaction_notes_what_it_touches(tx: Tx) -> None:
    """Also where the statement finds nothing to change."""
    tx.run("check_later", ids=[1, 2], next_check_at_ms=5)
    tx.one(
        "order_ended", order_id=3, from_state="queued", to_state="canceled", error=None, now_ms=1
    )
    assert tx.touched == {1, 2, 3}
