"""What a key may do by the operator's word: from where, and how much a day."""

from ipaddress import ip_network

import pytest

from aggregator.core.errors import ClientError
from aggregator.core.messages import Balance
from aggregator.store import keys
from tests.actions.conftest import Shop


async def test_a_foreign_address_is_told_nothing(shop: Shop) -> None:
    """From elsewhere a key is answered like one that does not exist, whatever is asked."""
    allowed = [ip_network("192.0.2.0/24")]
    await shop.store.write(lambda tx: keys.set_addresses(tx, 1, allowed, shop.clock.now_ms()))
    for address, welcome in (("192.0.2.200", True), ("192.0.3.1", False), ("::1", False)):
        shop.address = address
        if welcome:
            assert isinstance(await shop("balance"), Balance)
            continue
        for action in ("balance", "nonsense"):
            with pytest.raises(ClientError, match=r"^Unauthenticated$"):
                await shop(action)


async def test_a_cap_counts_from_the_moment_it_is_set(shop: Shop) -> None:
    """Also while the server still remembers the key without it."""
    await shop("balance")
    await shop.store.write(lambda tx: keys.set_daily_cap(tx, 1, 1_000_000, shop.clock.now_ms()))
    await shop.buy(1000)
    with pytest.raises(ClientError, match="Insufficient balance"):
        await shop.buy(1000)
    shop.desk.forget()
    with pytest.raises(ClientError, match="Insufficient balance"):
        await shop.buy(1000)


async def test_a_cap_holds_until_midnight(shop: Shop) -> None:
    """An order beyond the day's cap is refused like one that cannot be paid, and nothing
    is sent; tomorrow he may buy again."""
    await shop.store.write(lambda tx: keys.set_daily_cap(tx, 1, 2_500_000, shop.clock.now_ms()))
    await shop.buy(1000)
    await shop.buy(1000)
    for request_id in (None, "again"):
        with pytest.raises(ClientError, match="Insufficient balance"):
            await shop("add", request_id, service="1", link="https://a.example/p", quantity="1000")
    assert len(shop.upstream.sent) == 2
    await shop.buy(500)
    shop.clock.pass_s(86_400)
    await shop.buy(1000)
    assert len(shop.upstream.sent) == 4
