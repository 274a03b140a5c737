"""The numbers that somebody watching wants to see, into the metrics."""

from aggregator.actions import World
from aggregator.core.model import State
from aggregator.ports import Setup
from aggregator.store import ScriptedStore, lists
from aggregator.store.lists import Overdue
from aggregator.store.tx import Tx


async def count(world: World, database: ScriptedStore) -> None:
    """To be called every few seconds: nothing here walks through ended orders."""
    now_ms, setup = world.clock.now_ms(), world.setup
    await _count_orders(world, database, now_ms)
    overdue = await database.read(lambda tx: overdue_by_provider(tx, setup, now_ms))
    for name, provider in setup.providers.items():
        late = overdue[name]
        world.metrics.overdue(name, late.count, late.oldest_ms / 1000, late.mean_ms / 1000)
        health = world.upstream.health(name)
        world.metrics.provider_usable(name, provider.takes_orders and health.usable(now_ms))
        if health.balance_micros is not None:
            world.metrics.provider_balance(name, health.balance_micros / 1_000_000)


def overdue_by_provider(tx: Tx, setup: Setup, now_ms: int) -> dict[str, Overdue]:
    return {name: lists.overdue(tx, name, now_ms) for name in setup.providers}


async def _count_orders(world: World, database: ScriptedStore, now_ms: int) -> None:
    metrics, numbers = world.metrics, await database.numbers()
    by_state = {state.value: orders for state, orders in numbers.by_state.items()}
    metrics.orders_open(by_state, numbers.needs_person)
    metrics.doubts_open(numbers.by_state[State.IN_DOUBT], _age_s(numbers.oldest_doubt_ms, now_ms))
    metrics.queue_length(numbers.by_state[State.QUEUED], _age_s(numbers.oldest_queued_ms, now_ms))


def _age_s(since_ms: int | None, now_ms: int) -> float:
    return 0.0 if since_ms is None else (now_ms - since_ms) / 1000
