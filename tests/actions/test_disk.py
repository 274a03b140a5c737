"""A disk that refuses: nothing is sent that is not written, nothing known is forgotten."""

from typing import Any

import pytest

from aggregator.actions import placing
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Added
from aggregator.core.model import State
from aggregator.core.outcome import Placed, Rejected
from aggregator.ports import StoreUnavailable
from tests.actions.conftest import MONEY, Shop
from tests.fakes import settled


class Refusing:
    """The shop's store, but the named method fails so many times first."""

    def __init__(self, shop: Shop, method: str, times: int) -> None:
        self._store = shop.store
        self._method = method
        self._left = times
        shop.world.store = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self._left > 0:
            return self._refuse
        return getattr(self._store, name)

    async def _refuse(self, *_: object) -> None:
        self._left -= 1
        raise StoreUnavailable("the disk is full")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between tries is the machine's business, not this test's."""
    monkeypatch.setattr(placing, "DISK_RETRY_S", 0)


async def test_nothing_is_sent_that_could_not_be_written(shop: Shop) -> None:
    """A full disk before transaction 1: the reseller hears of trouble, the provider nothing."""
    Refusing(shop, "open_order", 1)
    with pytest.raises(StoreUnavailable):
        await shop.buy()
    assert shop.upstream.sent == []
    assert await shop.balances() == (MONEY, 0)
    assert await shop.buy() == Added("1")


async def test_what_was_bought_is_kept_until_the_disk_takes_it(shop: Shop) -> None:
    """A full disk after Placed: the outcome stays in memory and is written in the end."""
    Refusing(shop, "close_attempt", 3)
    shop.upstream.outcomes["alpha"].append(Placed("77"))
    assert await shop.buy() == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).upstream_order_id == "77"
    assert len(shop.upstream.sent) == 1


async def test_a_refusal_that_cannot_be_written_becomes_an_id(shop: Shop) -> None:
    """Nobody waits for a disk: he has his ID, and the order is canceled in the end."""
    Refusing(shop, "close_attempt", 2)
    shop.upstream.outcomes["alpha"].append(Rejected(ErrorClass.LINK))
    assert await shop.buy() == Added("1")
    await settled(lambda: not shop.world.tasks)
    assert (await shop.order()).state is State.CANCELED
    assert await shop.balances() == (MONEY, 0)
