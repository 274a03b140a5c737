"""A daily cap: never more than it on a day, whatever happens at once."""

import asyncio
from ipaddress import ip_network

import pytest

from aggregator.core.errors import INSUFFICIENT_BALANCE, ClientError, ErrorClass
from aggregator.core.model import State
from aggregator.core.outcome import Placed, Rejected
from aggregator.ports import Opened
from aggregator.store import ScriptedStore, attempts, by_hand, keys, money, orders
from aggregator.store.tx import Tx
from tests.store.builders import CHARGE, NOW, closing, draft, reseller

DAY = money.day_of(NOW)
TOMORROW = (DAY + 1) * money.DAY_MS
NO = Rejected(ErrorClass.LINK, "bad link")


def buy(tx: Tx, shop: int, cap: int | None, **changes: object) -> Opened:
    keys.set_daily_cap(tx, shop, cap, NOW)
    opened = orders.open_order(tx, draft(shop, **changes))
    assert isinstance(opened, Opened)
    return opened


def refuses(tx: Tx, shop: int, cap: int, **changes: object) -> bool:
    try:
        buy(tx, shop, cap, **changes)
    except ClientError as error:
        assert str(error) == INSUFFICIENT_BALANCE
        return True
    return False


def test_up_to_the_cap_and_no_further(tx: Tx) -> None:
    """Charges up to exactly the cap are taken; the next day begins anew, at midnight UTC."""
    shop = reseller(tx, micros=100 * CHARGE)
    for _ in range(3):
        buy(tx, shop, 3 * CHARGE)
    assert refuses(tx, shop, 3 * CHARGE)
    assert refuses(tx, shop, 3 * CHARGE, now_ms=TOMORROW - 1)
    assert money.spent(tx, shop, DAY) == 3 * CHARGE
    assert not refuses(tx, shop, 3 * CHARGE, now_ms=TOMORROW)


def test_one_charge_over_the_cap(tx: Tx) -> None:
    """The day's first order is held to the cap like any other."""
    shop = reseller(tx, micros=100 * CHARGE)
    assert refuses(tx, shop, CHARGE - 1)
    assert money.spent(tx, shop, DAY) == 0


def test_what_comes_to_nothing_counts_no_more(tx: Tx) -> None:
    """An order that was never bought gives its share of the day back; a refund does not."""
    shop = reseller(tx, micros=100 * CHARGE)
    one = buy(tx, shop, 2 * CHARGE)
    two = buy(tx, shop, 2 * CHARGE)
    closed = attempts.close_attempt(tx, closing(one.order_id, one.attempt_id, NO, error="x"))
    assert closed.state is State.CANCELED
    attempts.close_attempt(tx, closing(two.order_id, two.attempt_id, Placed("1")))
    by_hand.refund(tx, two.order_id, None, "goodwill", NOW)
    assert money.spent(tx, shop, DAY) == CHARGE
    buy(tx, shop, 2 * CHARGE)
    assert refuses(tx, shop, 2 * CHARGE)


def test_a_cap_set_at_noon_counts_the_morning(tx: Tx) -> None:
    """What was spent before the cap was set is counted once, and given back once."""
    shop = reseller(tx, micros=5000 * CHARGE)
    buy(tx, shop, None, now_ms=NOW - money.DAY_MS)
    first, *_ = [buy(tx, shop, None) for _ in range(1200)]
    for _ in range(2):
        keys.set_daily_cap(tx, shop, 1300 * CHARGE, NOW)
        assert money.spent(tx, shop, DAY) == 1200 * CHARGE
    attempts.close_attempt(tx, closing(first.order_id, first.attempt_id, NO, error="x"))
    assert money.spent(tx, shop, DAY) == 1199 * CHARGE


def test_what_cannot_be_paid_is_not_spent(tx: Tx) -> None:
    """An order that there is no money for leaves the day as it was."""
    shop = reseller(tx, micros=CHARGE - 1)
    assert refuses(tx, shop, 5 * CHARGE)
    assert money.spent(tx, shop, DAY) == 0


async def test_fifty_at_once(store: ScriptedStore) -> None:
    """Of fifty orders at once exactly those that the cap has room for are taken."""
    shop = await store.write(lambda tx: reseller(tx, micros=100 * CHARGE))
    cap = 7 * CHARGE + CHARGE // 2
    await store.write(lambda tx: keys.set_daily_cap(tx, shop, cap, NOW))
    found = await asyncio.gather(
        *(store.open_order(draft(shop)) for _ in range(50)), return_exceptions=True
    )
    taken = [one for one in found if isinstance(one, Opened)]
    refused = [str(one) for one in found if isinstance(one, ClientError)]
    assert (len(taken), refused) == (7, [INSUFFICIENT_BALANCE] * 43)
    assert await store.available(shop) == 93 * CHARGE


@pytest.mark.parametrize("end", [NOW, NOW + 1])
def test_limits_travel_with_a_rotation(tx: Tx, end: int) -> None:
    """A new key may do what the old one may; while both work, what is set is set for both."""
    shop = reseller(tx, micros=5 * CHARGE)
    keys.set_addresses(tx, shop, [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")], NOW)
    keys.set_daily_cap(tx, shop, CHARGE, NOW)
    found = keys.authenticate(tx, keys.hash_key(keys.rotate(tx, shop, end, NOW)), NOW)
    assert found is not None
    assert {one.daily_cap_micros for one in keys.of_reseller(tx, shop, NOW)} == {CHARGE}
    orders.open_order(tx, draft(shop))
    with pytest.raises(ClientError, match=INSUFFICIENT_BALANCE):
        orders.open_order(tx, draft(shop))
    assert found.may_call_from("10.9.9.9")
    assert found.may_call_from("2001:db8::7")
    assert not found.may_call_from("192.0.2.1")
    keys.set_daily_cap(tx, shop, None, NOW)
    keys.set_addresses(tx, shop, [], NOW)
    known = keys.of_reseller(tx, shop, NOW)
    assert len(known) == 1 + (end > NOW)
    assert {(one.addresses, one.daily_cap_micros) for one in known} == {((), None)}
    assert len({one.label for one in known}) == len(known)
