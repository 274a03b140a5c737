"""What the server does at its start about orders that died with its predecessor."""

import time
from dataclasses import replace

from aggregator.core.model import State
from aggregator.store import open_store
from benchmarks.house import CHARGE, House, opened
from tests.store.builders import attempt, draft


async def _died_sending(house: House) -> None:
    """Transaction 1 of a process that went no further."""
    house.credit(CHARGE)
    store = await open_store(house.database, house.loaded.setup.policy)
    first = replace(attempt("panel"), boot_id="the dead")
    now_ms = time.time_ns() // 1_000_000
    await store.open_order(draft(1, charge_micros=CHARGE, first=first, now_ms=now_ms))
    await store.close()


async def test_what_a_dead_process_was_sending_is_in_doubt_and_not_sent() -> None:
    """After a crash between the two transactions the hold stays and nothing is sent again."""
    async with opened() as house:
        async with house.serving():
            pass  # the predecessor, whose last order comes now
        await _died_sending(house)
        async with house.serving() as world:
            order = (await world.store.orders([1]))[1]
        assert order.state is State.IN_DOUBT
        assert house.look("SELECT held_micros FROM accounts")[0]["held_micros"] == CHARGE
        assert house.panel.log() == []
        assert house.verified() == []
