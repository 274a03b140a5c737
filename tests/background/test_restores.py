"""After a restore nothing is sold before what was bought since the backup is found."""

from functools import partial
from typing import Any

import pytest

from aggregator.background import Restores
from aggregator.core.errors import ClientError
from aggregator.core.model import Policy, State
from aggregator.core.restoring import AGAIN_MS, UNDER_WAY, Progress, Stage
from aggregator.store import by_hand, doubts, opening, restores
from aggregator.store.restores import NUMBERED
from aggregator.store.tx import Row
from tests.actions.conftest import OpenShop
from tests.background.doubting import House
from tests.fakes import provider, service, setup


class Restored:
    """A house whose database was put back; ``lost`` orders were bought there since."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.restores = Restores(house.shop.world, house.shop.store)
        self.rung: list[Any] = []
        self.began_at_ms = house.shop.clock.now_ms()
        house.shop.world.ring = self.rung.append

    @classmethod
    async def open(cls, open_shop: OpenShop, lost: int = 5, **alpha: Any) -> "Restored":
        house = await House.open(open_shop, **alpha)
        await house.shop.store.write(
            lambda tx: restores.mark(
                tx,
                opening.reserve_ids,
                {table: opening.last_id(tx, table) for table in NUMBERED},
                house.shop.clock.now_ms(),
            )
        )
        for _ in range(lost):
            house.panel.book(100)
        restored = cls(house)
        await restored.restores.load()
        assert house.shop.world.doubtful.closed
        return restored

    async def search(self, turns: int = 200) -> None:
        for _ in range(turns):
            await self.restores.turn()
            self.house.shop.clock.pass_s(2)

    async def stage(self, name: str = "alpha") -> Progress:
        found: Progress = (await self.house.shop.store.read(restores.progress))[name]
        return found

    async def found(self) -> list[str]:
        rows: list[Row] = list(await self.house.shop.store.read(restores.foundlings))
        return [row["upstream_order_id"] for row in rows]


async def test_all_that_was_bought_since_is_found_before_anything_is_sold(
    open_shop: OpenShop,
) -> None:
    """Until then an order waits in the queue; what was found is told of, once."""
    restored = await Restored.open(open_shop)
    house = restored.house
    waiting = await house.buy(50)
    assert await house.state(waiting) is State.QUEUED
    assert waiting > 1_000_000
    await restored.search()
    assert await restored.found() == [str(number) for number in range(5061, 5066)]
    assert (await restored.stage()).stage is Stage.CHECKING
    assert await house.state(await house.buy(50)) is State.PLACED
    await restored.search(2)
    assert (await restored.stage()).stage is Stage.DONE
    marked = await house.shop.store.read(restores.marked)
    assert marked is not None
    assert marked.ended
    found = [one for one in restored.rung if one["event"] == "restored_orders_found"]
    assert [(one["provider"], one["orders"]) for one in found] == [("alpha", 5)]


async def test_the_first_order_since_shows_what_was_missed(open_shop: OpenShop) -> None:
    """Far above where the head was looked for: found when our next order names the head."""
    restored = await Restored.open(open_shop)
    restored.house.panel.next_id += 40_000
    missed = restored.house.panel.book(100)
    await restored.search()
    assert missed not in await restored.found()
    await restored.house.buy(50)
    await restored.search(500)
    assert missed in await restored.found()
    assert (await restored.stage()).stage is Stage.DONE


async def test_an_order_of_ours_is_no_find(open_shop: OpenShop) -> None:
    """One in doubt stands there under an ID that nobody here knows: it is waited for."""
    restored = await Restored.open(open_shop, lost=1)
    house = restored.house
    await restored.search()
    house.panel.next_id += 40_000
    await house.buy(50)
    await house.doubt(bought=True, quantity=70)
    mine = str(house.panel.next_id - 1)
    house.panel.next_id += 40_000
    await restored.search(600)
    assert (await restored.stage()).stage is Stage.CHECKING
    assert mine not in await restored.found()


async def test_a_shared_account_opens_at_once(open_shop: OpenShop) -> None:
    """It cannot be searched, and so nothing would be gained by waiting; an alert says so."""
    restored = await Restored.open(open_shop, exclusive_account=False)
    await restored.search(1)
    assert (await restored.stage()).stage is Stage.IMPOSSIBLE
    assert "restored_not_searched" in [one["event"] for one in restored.rung]
    await restored.restores.turn()
    assert await restored.house.state(await restored.house.buy(50)) is State.PLACED
    assert restored.house.panel.probes == []


async def test_a_search_that_would_take_too_long_is_left_to_the_operator(
    open_shop: OpenShop,
) -> None:
    """The provider stays closed, with one alert, until he opens it."""
    restored = await Restored.open(open_shop)
    restored.house.shop.clock.pass_s(86_400 * 30)
    await restored.search(3)
    assert [one["event"] for one in restored.rung].count("restored_stays_closed") == 1
    assert await restored.house.state(await restored.house.buy(50)) is State.QUEUED
    now_ms = restored.house.shop.clock.now_ms()
    waive = restored.house.shop.store.write
    assert await waive(lambda tx: restores.waive(tx, "alpha", now_ms))
    assert not await waive(lambda tx: restores.waive(tx, "alpha", now_ms))
    await restored.search(1)
    assert await restored.house.state(await restored.house.buy(50)) is State.PLACED


async def test_orders_of_the_lost_time_are_nobody_elses(open_shop: OpenShop) -> None:
    """Opened unsearched, what stands below our first order since is not asked for."""
    restored = await Restored.open(open_shop, lost=10)
    house = restored.house
    now_ms = house.shop.clock.now_ms()
    await house.shop.store.write(lambda tx: restores.waive(tx, "alpha", now_ms))
    await restored.search(1)
    await house.buy(20)
    near = await house.doubt(bought=True)
    await house.live(1200)
    assert await house.state(near) is State.IN_DOUBT
    assert "too few orders there before it" in await house.reasons(near)
    far = await house.doubt(bought=True, quantity=70)
    await house.live(1200)
    assert await house.state(far) is State.PLACED
    assert "account_not_exclusive" not in [one["event"] for one in restored.rung]


async def test_what_a_person_named_proves_nothing(open_shop: OpenShop) -> None:
    """An ID that an operator gave a doubt, and be it wrong, is no bound of our own orders."""
    house = await House.open(open_shop, past=5)
    doubt = await house.doubt(bought=True)
    await house.shop.store.write(lambda tx: by_hand.resolve_placed(tx, doubt, "7", "typed", 1))
    past = await house.shop.store.read(
        lambda tx: doubts.past(tx, "alpha", None, refills_since_ms=0, adds=50, recent=50)
    )
    assert [number for _, number in past.first_ids] == [str(5001 + n) for n in range(5)]
    assert [row["upstream_order_id"] for row in past.recent] == [
        "5005",
        "5004",
        "5003",
        "5002",
        "5001",
    ]


async def test_a_panel_that_says_no_is_left_alone_for_a_while(open_shop: OpenShop) -> None:
    """After 429 nothing is asked for a quarter of an hour; then the search goes on."""
    restored = await Restored.open(open_shop)
    restored.house.panel.halt = "429"
    await restored.search(20)
    assert len(restored.house.panel.probes) == 1
    assert (await restored.stage()).why.startswith("halted: 429")
    await restored.search(1)
    assert restored.house.shop.world.doubtful.closed["alpha"].startswith("halted: 429")
    restored.house.panel.halt = ""
    restored.house.shop.clock.pass_s(AGAIN_MS / 1000)
    await restored.search(1)
    assert await restored.stage() == Progress(Stage.SCANNING, UNDER_WAY, restored.began_at_ms)
    await restored.search()
    assert len(await restored.found()) == 5


async def test_a_restart_in_the_middle_begins_anew(open_shop: OpenShop) -> None:
    """Closed from the first moment on, and all is found once more, but told of once."""
    restored = await Restored.open(open_shop)
    await restored.search(2)
    restored.restores = Restores(restored.house.shop.world, restored.house.shop.store)
    await restored.restores.load()
    assert "alpha" in restored.house.shop.world.doubtful.closed
    await restored.search()
    assert len(await restored.found()) == 5


async def test_what_was_open_is_never_sent_again(open_shop: OpenShop) -> None:
    """A doubt is left to a person, and what was queued is canceled and given back."""
    house = await House.open(open_shop)
    doubt = await house.doubt(bought=True)
    house.shop.world.doubtful.closed = {"alpha": "a test"}
    queued = await house.buy(50)
    await house.shop.store.write(
        lambda tx: restores.mark(tx, opening.reserve_ids, dict.fromkeys(NUMBERED, 100), 1)
    )
    assert (await house.order(doubt)).needs_person
    assert await house.state(queued) is State.CANCELED
    assert (await house.shop.balances())[1] == (await house.order(doubt)).charge_micros


async def test_without_a_queue_an_order_is_refused(open_shop: OpenShop) -> None:
    """``queue_for: 0s``: while nothing is sold there, the reseller hears so."""
    policy = Policy(queue_for_s=0)
    shop = await open_shop(setup(service(), policy=policy, providers=[provider("alpha")]))
    shop.world.doubtful.closed = {"alpha": "a test"}
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert not shop.world.takes_orders("alpha")


async def test_a_database_that_was_never_restored(open_shop: OpenShop) -> None:
    """Has nothing to look for, and closes nobody."""
    shop = await open_shop()
    await Restores(shop.world, shop.store).load()
    assert shop.world.doubtful.closed == {}


async def test_what_another_node_ended_is_open_here_too(open_shop: OpenShop) -> None:
    """A node that does not lead sees only that the search is over, and sells there again."""
    restored = await Restored.open(open_shop)
    shop = restored.house.shop
    for name in shop.world.setup.providers:
        await shop.store.write(partial(restores.waive, provider=name, now_ms=1))
    await shop.store.write(restores.end)
    await restored.restores.turn()
    assert shop.world.doubtful.closed == {}
    assert await restored.house.state(await restored.house.buy(50)) is State.PLACED


async def test_a_provider_that_comes_back_is_searched_then(open_shop: OpenShop) -> None:
    """It was not configured while the others were searched: it is closed when it returns."""
    restored = await Restored.open(open_shop)
    world = restored.house.shop.world
    both = world.setup
    world.setup = setup(service(), providers=[provider("beta")])
    await restored.search(3)
    marked = await restored.house.shop.store.read(restores.marked)
    assert marked is not None
    assert marked.ended
    world.setup = both
    await restored.restores.turn()
    assert list(world.doubtful.closed) == ["alpha"]
    await restored.search()
    assert await restored.found() == [str(number) for number in range(5061, 5066)]
    assert world.doubtful.closed == {}
