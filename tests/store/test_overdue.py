"""Which orders their provider should have been asked after by now, on every store."""

from aggregator.core.outcome import Placed
from aggregator.ports import Opened
from aggregator.store import ScriptedStore, lists
from aggregator.store.lists import Overdue
from aggregator.store.verify import verify
from tests.store.builders import NOW, POLICY, closing, draft, reading, reseller

LATER = NOW + 10_000


async def seen(store: ScriptedStore, provider: str) -> Overdue:
    return await store.read(lambda tx: lists.overdue(tx, provider, LATER))


async def test_overdue_by_provider(store: ScriptedStore) -> None:
    """Open orders past their time are counted, with the longest and the mean; others are not."""
    shop = await store.write(lambda tx: reseller(tx, micros=10**9))
    for number in range(4):
        opened = await store.open_order(draft(shop))
        assert isinstance(opened, Opened)
        await store.close_attempt(closing(opened.order_id, opened.attempt_id, Placed(str(number))))
    await store.check_later({1: NOW, 2: LATER - 1_000, 3: LATER + 1, 4: NOW})
    await store.apply_statuses([reading(4, "Completed")], POLICY, NOW)
    await store.check_later({4: NOW})

    assert await seen(store, "gulf") == Overdue(2, 10_000, 5_500)
    assert await seen(store, "owner") == Overdue(0, 0, 0)
    assert await store.read(verify) == []
