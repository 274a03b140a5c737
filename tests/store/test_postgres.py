"""PostgreSQL's own: statements, lost connections, COMMITs without an answer."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from aggregator.ports import Opened, StoreUnavailable
from aggregator.store import lists, meta, money, resellers, short_reading, short_transaction
from aggregator.store.exceptions import (
    StatementFailed,
    StoreClosed,
    StoreGone,
    StoreUnsure,
    Unreachable,
)
from aggregator.store.postgres import PostgresStore
from aggregator.store.postgres_tx import converted
from aggregator.store.tx import Tx
from tests.store.builders import (
    CHARGE,
    POLICY,
    draft,
    reseller,
)
from tests.store.conftest import node
from tests.store.relay import Cut, Relay


async def rich(store: PostgresStore, orders: int = 10) -> int:
    return await store.write(lambda tx: reseller(tx, micros=orders * CHARGE))


def put(key: str) -> Callable[[Tx], None]:
    return lambda tx: meta.put(tx, key, "there")


async def there(store: PostgresStore, key: str) -> bool:
    return await store.read(lambda tx: meta.get(tx, key)) is not None


# -- statements ------------------------------------------------------------------


def test_parameters_and_percent_signs() -> None:
    """Statements are converted with what looks like a parameter, or a format, left alone."""
    assert converted("a = :b AND c LIKE 'x%' AND d::text = :e_0") == (
        "a = %(b)s AND c LIKE 'x%%' AND d::text = %(e_0)s"
    )


async def test_sums_are_whole_numbers(one: PostgresStore) -> None:
    """What the database sums comes as an int, as on every kind of database."""
    await rich(one)
    (row,) = await one.read(lambda tx: list(money.statement(tx, resellers.get(tx, "shop").id)))
    assert type(row["available_micros"]) is int


async def test_nul_in_a_providers_words(one: PostgresStore) -> None:
    """A NUL, which PostgreSQL cannot keep, does not stand in the way of an answer."""
    await one.write(lambda tx: meta.put(tx, "word", "a\0b"))
    assert await one.read(lambda tx: meta.get(tx, "word")) == "a\ufffdb"


async def test_long_links_are_found(one: PostgresStore) -> None:
    """The longest links, in the widest characters, can be kept and looked for."""
    link = "https://example.org/" + "".join(chr(0x10000 + number) for number in range(2_028))
    alice = await rich(one)
    made = draft(alice)
    made.purchase.params["link"] = link  # type: ignore[index]
    await one.open_order(made)
    wanted = lists.OrderFilter(link=link)
    assert len(await one.read(lambda tx: list(lists.listed(tx, wanted)))) == 1


async def test_refused_values_stay_out_of_messages(one: PostgresStore) -> None:
    """What the database refuses is named by its constraint, never by what was in the row."""
    secret = "https://example.org/secret"
    alice = await rich(one)
    insert = "INSERT INTO orders SELECT (jsonb_populate_record(o, :change)).* FROM orders o"
    made = await one.open_order(draft(alice))
    assert isinstance(made, Opened)
    change = f'{{"link": "{secret}", "refunded_micros": 999999999}}'
    with pytest.raises(StatementFailed, match="CheckViolation 23514 orders") as told:
        await one.write(lambda tx: tx.run(insert, change=change))
    assert secret not in str(told.value)
    assert "secret" not in repr(told.value)


async def test_readers_cannot_write(one: PostgresStore) -> None:
    """Neither kind of reading can change anything."""
    with pytest.raises(StoreGone, match="read-only"):
        await one.read(put("a"))
    with pytest.raises(StoreGone, match="read-only"):
        await one.rows("set_meta", key="a", value="there")
    assert not await there(one, "a")


async def test_commits_are_durable(one: PostgresStore) -> None:
    """A COMMIT is answered when it is on disk, whatever the database's default is."""
    row = await one.write(lambda tx: tx.one("SELECT current_setting('synchronous_commit') AS now"))
    assert row is not None
    assert row["now"] != "off"


# -- lost connections ------------------------------------------------------------

KILL = "SELECT pg_terminate_backend(pg_backend_pid())"


async def test_connection_lost_once(one: PostgresStore) -> None:
    """A batch whose connection is lost before its COMMIT is run again, and nobody notices."""
    tries: list[None] = []

    def job(tx: Tx) -> int:
        tries.append(None)
        if len(tries) == 1:
            tx.one(KILL)
        meta.put(tx, "a", "there")
        return len(tries)

    assert await one.write(job) == 2
    assert await there(one, "a")
    assert one.trouble is None


async def test_connection_lost_every_time(one: PostgresStore) -> None:
    """Where no try ends well, nothing was written, and it may be tried again."""

    def job(tx: Tx) -> None:
        meta.put(tx, "a", "there")
        tx.one(KILL)

    with pytest.raises(StoreGone) as told:
        await one.write(job)
    assert isinstance(told.value, StoreUnavailable)
    assert one.trouble is not None
    assert not await there(one, "a")
    await one.write(put("b"))
    assert one.trouble is None


async def test_stale_readers_are_replaced(one: PostgresStore) -> None:
    """A reading connection that was lost while idle is replaced without anybody noticing."""
    alice = await rich(one)
    await one.available(alice)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    mine = " AND query LIKE '%available_micros%' AND application_name = 'aggregator'"
    await one.write(lambda tx: tx.all(others + mine))
    assert await one.available(alice) == 10 * CHARGE


@pytest.fixture
def relay(postgres: str) -> Iterator[Relay]:
    made = Relay(postgres)
    try:
        yield made
    finally:
        made.close()


async def test_unanswered_commit_that_was_carried_out(relay: Relay) -> None:
    """A COMMIT whose answer is lost is found to be there, and its results are handed out."""
    async with node(relay.url) as store:
        alice = await rich(store)
        relay.cut = Cut.AFTER
        made = await store.open_order(draft(alice))
        assert isinstance(made, Opened)
        assert relay.was_cut.is_set()
        assert await store.available(alice) == 9 * CHARGE
        assert set(await store.orders([made.order_id])) == {made.order_id}
        assert store.trouble is None


async def test_commit_that_did_not_arrive(relay: Relay) -> None:
    """A COMMIT that is lost on its way is found not to be there: nothing was written."""
    async with node(relay.url) as store:
        alice = await rich(store)
        relay.cut = Cut.BEFORE
        with pytest.raises(StoreGone):
            await store.open_order(draft(alice))
        assert relay.was_cut.is_set()
        assert await store.available(alice) == 10 * CHARGE
        assert isinstance(await store.open_order(draft(alice)), Opened)


async def test_nobody_left_to_ask(relay: Relay) -> None:
    """Closed before it could learn of a COMMIT's outcome, the store says that it is unsure."""
    store = await PostgresStore.open(relay.url, POLICY)
    alice = await rich(store)
    relay.cut, relay.refuse_after_cut = Cut.AFTER, True
    opening = asyncio.ensure_future(store.open_order(draft(alice)))
    await asyncio.to_thread(relay.was_cut.wait)
    await store.close()
    with pytest.raises(StoreUnsure, match="may be there or not"):
        await opening


async def test_command_is_unsure(relay: Relay, one: PostgresStore) -> None:
    """A command whose COMMIT was not answered says that its work may be there or not."""
    with pytest.raises(StoreUnsure), short_transaction(relay.url, POLICY) as tx:
        relay.cut = Cut.AFTER
        put("a")(tx)
    assert await there(one, "a")


async def test_closed_store(postgres: str) -> None:
    """Once closed, a store neither reads nor writes nor sends."""
    async with node(postgres) as store:
        assert store.may_send()
    assert not store.may_send()
    with pytest.raises(StoreClosed):
        await store.write(put("a"))
    with pytest.raises(StoreClosed):
        await store.available(1)


async def test_no_server() -> None:
    """Where no server is, that is told, without the password of the URL."""
    url = "postgresql://me:hunter2@127.0.0.1:1/shop"
    with pytest.raises(Unreachable, match=r"me@127\.0\.0\.1:1/shop cannot be opened") as told:
        await PostgresStore.open(url, POLICY)
    with pytest.raises(Unreachable) as also_told, short_reading(url, POLICY):
        pass
    assert "hunter2" not in str(told.value) + str(also_told.value)


@pytest.mark.parametrize("broken", ["hunter%2", "hunter 2", "hunter2@h/d?nonsense="])
def test_unreadable_urls(broken: str) -> None:
    """A URL that cannot be read is refused without quoting a piece of it."""
    url = f"postgresql://me:{broken}@db/shop"
    told_so = pytest.raises(Unreachable, match="its URL cannot be read")
    with told_so as told, short_reading(url, POLICY):
        pass
    assert "hunter" not in repr(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
