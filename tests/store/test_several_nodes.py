"""Several nodes on one PostgreSQL database: one of them wins, and the dead are recovered."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from aggregator.core.errors import ClientError
from aggregator.core.model import State
from aggregator.ports import Opened, Remembered
from aggregator.store import keys, meta, orders, resellers, restoring, short_transaction
from aggregator.store.exceptions import NodesAlive
from aggregator.store.postgres import PostgresStore
from aggregator.store.tx import Tx
from tests.store.builders import (
    CHARGE,
    HOUR,
    NOW,
    POLICY,
    attempt,
    draft,
    placed,
    reading,
    request,
    reseller,
)


async def rich(store: PostgresStore, orders: int = 10) -> int:
    return await store.write(lambda tx: reseller(tx, micros=orders * CHARGE))


def put(key: str) -> Callable[[Tx], None]:
    return lambda tx: meta.put(tx, key, "there")


# -- several nodes ---------------------------------------------------------------


async def test_request_id_at_two_nodes(one: PostgresStore, two: PostgresStore) -> None:
    """Of a request that reaches two nodes at once, many times, one order is opened."""
    alice = await rich(one)
    tries = [
        store.open_order(draft(alice, request=request())) for _ in range(15) for store in (one, two)
    ]
    found = await asyncio.gather(*tries)
    (first,) = [made for made in found if isinstance(made, Opened)]
    others = [made for made in found if isinstance(made, Remembered)]
    assert {made.order_id for made in others} == {first.order_id}
    assert await two.available(alice) == 9 * CHARGE


async def test_money_for_exactly_n_at_two_nodes(one: PostgresStore, two: PostgresStore) -> None:
    """A balance that two nodes spend at once buys as much as it would at one."""
    alice = await rich(one, orders=17)
    tries = [store.open_order(draft(alice)) for _ in range(30) for store in (one, two)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(made, Opened) for made in found) == 17
    assert sum(isinstance(made, ClientError) for made in found) == 43
    assert await one.available(alice) == 0


async def test_statuses_at_two_nodes(one: PostgresStore, two: PostgresStore) -> None:
    """Two nodes that are told the same end, in any order and at once, refund it once."""
    alice = await rich(one)
    for number in range(5):
        made = await one.open_order(draft(alice))
        assert isinstance(made, Opened)
        await two.close_attempt(placed(made.order_id, made.attempt_id, str(number)))
        told = [reading(made.order_id, "Partial", NOW + HOUR, remains=400)] * 4
        told.append(reading(made.order_id, "Canceled", NOW + 2 * HOUR))
        await asyncio.gather(
            one.apply_statuses(told, POLICY, NOW + HOUR),
            two.apply_statuses(told[::-1], POLICY, NOW + HOUR),
        )
        order = (await one.orders([made.order_id]))[made.order_id]
        assert (order.state, order.refunded_micros) == (State.CANCELED, CHARGE)
    assert await one.available(alice) == 10 * CHARGE


async def test_upstream_id_at_two_nodes(one: PostgresStore, two: PostgresStore) -> None:
    """Two nodes whose orders are given one upstream ID at once: one has it, one is in doubt."""
    alice = await rich(one)
    first, second = await one.open_order(draft(alice)), await two.open_order(draft(alice))
    assert isinstance(first, Opened)
    assert isinstance(second, Opened)
    closed = await asyncio.gather(
        one.close_attempt(placed(first.order_id, first.attempt_id, "9001")),
        two.close_attempt(placed(second.order_id, second.attempt_id, "9001")),
    )
    assert {made.state for made in closed} == {State.PLACED, State.IN_DOUBT}


async def test_commits_of_others_are_noticed(one: PostgresStore, two: PostgresStore) -> None:
    """Another node's commit, or a command's, is noticed once; its own and reading are not."""
    await one.changed_elsewhere()
    await one.write(put("a"))
    await two.available(1)
    assert not await one.changed_elsewhere()
    await two.write(put("b"))
    assert await one.changed_elsewhere()
    assert not await one.changed_elsewhere()


async def test_commands_are_noticed(one: PostgresStore, postgres: str) -> None:
    """A command's commit is seen by the server, and noticed once."""
    assert not await one.changed_elsewhere()
    with short_transaction(postgres, POLICY) as tx:
        key = resellers.add(tx, "bob", NOW)
    assert await one.changed_elsewhere()
    assert not await one.changed_elsewhere()
    assert await one.authenticate(keys.hash_key(key)) is not None


async def test_a_hanging_node_keeps_nobody_for_ever(one: PostgresStore) -> None:
    """The server takes the turn away from a node that does nothing with it."""
    row = await one.write(
        lambda tx: tx.one("SELECT current_setting('idle_in_transaction_session_timeout') AS most")
    )
    assert row is not None
    assert row["most"] == "15s"


# -- who is alive ----------------------------------------------------------------


def silence(url: str, store: PostgresStore) -> None:
    """As if a node had not been heard of for an hour."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE boots SET heartbeat = heartbeat - INTERVAL '1 hour' WHERE boot_id = %s",
            [store.boot_id],
        )


async def sending(store: PostgresStore, reseller_id: int) -> int:
    """An order that the node is sending."""
    made = await store.open_order(draft(reseller_id, first=attempt(boot_id=store.boot_id)))
    assert isinstance(made, Opened)
    return made.order_id


async def test_only_the_silent_are_recovered(
    one: PostgresStore, two: PostgresStore, postgres: str
) -> None:
    """What a living node is sending is left alone; once it is silent, that is in doubt."""
    alice = await rich(one)
    ours, theirs = await sending(one, alice), await sending(two, alice)
    assert await one.recover(one.boot_id, NOW) == []
    silence(postgres, two)
    assert await one.recover(one.boot_id, NOW) == [theirs]
    assert await one.recover(one.boot_id, NOW) == []
    states = {key: found.state for key, found in (await one.orders([ours, theirs])).items()}
    assert states == {ours: State.SENDING, theirs: State.IN_DOUBT}


async def test_the_oldest_living_node_leads(
    one: PostgresStore, two: PostgresStore, postgres: str
) -> None:
    """One leads; when it falls silent, or can no longer be sure of itself, another does."""
    assert [await store.leads() for store in (one, two)] == [True, False]
    silence(postgres, one)
    assert [await store.leads() for store in (one, two)] == [False, True]


async def test_a_node_that_left_is_dead_at_once(one: PostgresStore, postgres: str) -> None:
    """What a node that ended in order left open need not wait for its silence."""
    alice = await rich(one)
    other = await PostgresStore.open(postgres, POLICY)
    left_open = await sending(other, alice)
    await other.close()
    assert await one.recover(one.boot_id, NOW) == [left_open]


async def test_who_was_away_judges_nobody(
    one: PostgresStore, two: PostgresStore, postgres: str
) -> None:
    """A node that has not watched for long enough takes nobody for dead by itself."""
    await sending(two, await rich(one))
    silence(postgres, two)
    assert await one.recover_others(NOW) == []


# -- put back from a backup ------------------------------------------------------


def test_a_database_put_back_on_a_server(postgres: str) -> None:
    """Its IDs jump by a million, twice if it is done twice; a server must not be running."""
    with short_transaction(postgres, POLICY) as tx:
        alice = reseller(tx, micros=10 * CHARGE)
        doubt = orders.open_order(tx, draft(alice))
    assert isinstance(doubt, Opened)
    marked = restoring.mark_on_postgres(postgres, POLICY, NOW)
    assert (marked.next_order_id, marked.doubts) == (doubt.order_id + 1_000_001, [doubt.order_id])
    with short_transaction(postgres, POLICY) as tx:
        made = orders.open_order(tx, draft(alice))
    assert isinstance(made, Opened)
    assert made.order_id == marked.next_order_id
    assert (
        restoring.mark_on_postgres(postgres, POLICY, NOW).next_order_id == made.order_id + 1_000_001
    )


async def test_nothing_is_marked_under_a_running_server(one: PostgresStore, postgres: str) -> None:
    """It would go on from what it has in memory."""
    with pytest.raises(NodesAlive):
        restoring.mark_on_postgres(postgres, POLICY, NOW)
