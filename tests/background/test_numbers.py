"""What is counted for whoever watches, and the nightly look at the books."""

import re

import pytest

from aggregator.background import Audit, numbers
from aggregator.core.outcome import InDoubt, Placed
from tests.actions.conftest import Shop
from tests.fakes import settled

DAY_S = 24 * 3600
TAMPER = "UPDATE accounts SET available_micros = available_micros"


def shown(shop: Shop) -> set[str]:
    return set(shop.world.metrics.render().decode().splitlines())


def told(shop: Shop, name: str) -> float:
    start = re.compile(rf"aggregator_{name}({{.*alpha.*}})? ")
    (line,) = (line for line in shown(shop) if start.match(line))
    return float(line.split()[1])


async def placed(shop: Shop, *upstream_ids: str) -> None:
    shop.upstream.outcomes["alpha"].extend(Placed(one) for one in upstream_ids)
    for _ in upstream_ids:
        await shop.buy()
    await settled(lambda: not shop.world.tasks)


async def test_open_orders(shop: Shop) -> None:
    """Orders are counted by state, doubts and how old the oldest is."""
    await placed(shop, "1", "2")
    shop.upstream.outcomes["alpha"].append(InDoubt("cut off"))
    await shop.buy()
    await settled(lambda: not shop.world.tasks)
    shop.clock.pass_s(90)
    await numbers.count(shop.world, shop.store)
    assert {
        'aggregator_orders_open{state="placed"} 2.0',
        'aggregator_orders_open{state="in_doubt"} 1.0',
        "aggregator_doubts_open 1.0",
        "aggregator_doubts_oldest_seconds 90.0",
        "aggregator_queue_length 0.0",
        "aggregator_queue_oldest_seconds 0.0",
        'aggregator_provider_usable{provider="alpha"} 1.0',
    } <= shown(shop)


async def test_overdue_orders(shop: Shop) -> None:
    """An order is overdue from when its provider should have been asked on: how many are, for
    how long the longest of them, and on average."""
    await placed(shop, "1")
    order = await shop.order()
    assert order.next_check_at_ms is not None
    await numbers.count(shop.world, shop.store)
    assert told(shop, "status_overdue") == 0
    shop.clock.pass_s((order.next_check_at_ms - shop.clock.now_ms()) / 1000 + 60)
    await numbers.count(shop.world, shop.store)
    assert told(shop, "status_overdue") == 1
    assert told(shop, "status_overdue_oldest_seconds") == pytest.approx(60, abs=1)
    assert told(shop, "status_overdue_mean_seconds") == pytest.approx(60, abs=1)


async def test_sales_and_costs(shop: Shop) -> None:
    """Of a placed order its charge is counted, by provider; its cost where it is known."""
    await placed(shop, "1", "2")
    order = await shop.order()
    line = f'aggregator_sales_total{{provider="alpha"}} {2 * order.charge_micros / 1_000_000}'
    assert line in shown(shop)


async def test_the_books_are_verified_once_a_day(shop: Shop) -> None:
    """Not as soon as the server is up, and not again before a day has gone."""
    audit = Audit(shop.world, shop.store)
    await audit.look()
    assert told(shop, "ledger_verified_seconds") == 0
    shop.clock.pass_s(3600)
    await audit.look()
    first = told(shop, "ledger_verified_seconds")
    assert first == shop.clock.now_ms() / 1000
    shop.clock.pass_s(3600)
    await audit.look()
    assert told(shop, "ledger_verified_seconds") == first
    shop.clock.pass_s(DAY_S)
    await audit.look()
    assert told(shop, "ledger_verified_seconds") == shop.clock.now_ms() / 1000
    assert told(shop, "ledger_violations") == 0


async def test_a_restart_remembers_it(shop: Shop) -> None:
    """Another process shows when it was last, and does not begin anew."""
    shop.clock.pass_s(3600)
    await Audit(shop.world, shop.store).look()
    at = told(shop, "ledger_verified_seconds")
    shop.world.metrics.ledger_verified(0, 0)
    shop.clock.pass_s(60)
    await Audit(shop.world, shop.store).look()
    assert told(shop, "ledger_verified_seconds") == at


async def test_books_that_do_not_balance(shop: Shop) -> None:
    """What is wrong is counted, and alerted with its first lines."""
    rung: list[object] = []
    shop.world.ring = rung.append
    await shop.store.write(lambda tx: tx.run(f"{TAMPER} + 1"))
    shop.clock.pass_s(3600)
    await Audit(shop.world, shop.store).look()
    await shop.store.write(lambda tx: tx.run(f"{TAMPER} - 1"))
    assert told(shop, "ledger_violations") == 1
    (alert,) = rung
    assert isinstance(alert, dict)
    assert (alert["event"], alert["count"], len(alert["first"])) == ("ledger_wrong", 1, 1)
