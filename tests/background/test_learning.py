"""What was learned outlives a restart."""

from aggregator.background.learning import Learning
from aggregator.core.halving import Limit
from tests.actions.conftest import Shop

LIMITS = {"alpha": {"status": Limit(25, 5)}, "beta": {}}


async def test_what_was_learned_is_kept(shop: Shop) -> None:
    """The sizes of batches and how long services take; what is known by now counts more."""
    world, upstream = shop.world, shop.upstream
    learning = Learning(world)
    await learning.look()
    world.asking.durations = {1: 3000, 2: 5000}
    upstream.learned = LIMITS
    await learning.look()
    await learning.look()
    world.asking.durations = {2: 7000}
    upstream.learned = {}
    await Learning(world).look()
    assert world.asking.durations == {1: 3000, 2: 7000}
    assert upstream.learned == {"alpha": {"status": Limit(25, 5)}}


async def test_nothing_is_written_where_nothing_is_new(shop: Shop) -> None:
    """The database is left alone while nothing was learned."""
    await Learning(shop.world).look()
    assert await shop.store.recall("durations") is None
