"""Who is calling, behind which proxies."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from aggregator.api.addresses import Addresses, Network, network
from tests.api.support import KEY, post, serving

PROXIES = [ip_network(text) for text in ("10.0.0.0/8", "127.0.0.1", "2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.9", "", "192.0.2.9"),
        ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6,198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1 , 10.2.3.4", "198.51.100.1"),
        ("10.0.0.1", "10.9.9.9,10.2.3.4", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1,, 10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("2001:db8::1", "[2001:DB9::7]:4711", "2001:db9::7"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "198.51.100.1", "fe80::1"),
        ("", "198.51.100.1", "198.51.100.1"),
        ("b''", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_rightmost_untrusted_address(peer: str, forwarded: str, client: str) -> None:
    """The client is the first address from the right that is no proxy of ours."""
    assert Addresses(PROXIES).client(peer, forwarded) == client


def test_nobody_trusted() -> None:
    """Without trusted proxies, the header is anybody's claim."""
    addresses = Addresses()
    assert not addresses.trusts_any
    assert addresses.client("127.0.0.1", "198.51.100.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "peer", "untrusted"),
    [
        ((), "127.0.0.1", True),
        ((), "", True),
        ((), "::1", True),
        ((), "192.0.2.9", False),
        (PROXIES, "127.0.0.1", False),
        (PROXIES, "127.0.0.2", True),
    ],
)
def test_a_proxy_that_was_forgotten(
    trusted: tuple[Network, ...], peer: str, untrusted: bool
) -> None:
    """What connects from this machine and is not trusted is told from the rest."""
    assert Addresses(trusted).is_untrusted_loopback(peer) is untrusted


@given(st.text(), st.text())
def test_any_header(peer: str, forwarded: str) -> None:
    """No header makes it raise, and what comes out is always an address."""
    assert network(Addresses(PROXIES).client(peer, forwarded))


def test_the_size_of_somebody() -> None:
    """An IPv6 /64 is one somebody: it is what one subscriber has."""
    assert network("192.0.2.9") == "192.0.2.9"
    assert network("2001:db8:1:2:3::4") == network("2001:db8:1:2::1") == "2001:db8:1:2::/64"


async def test_the_desk_hears_of_the_client() -> None:
    """A key may be bound to addresses: the desk is told whom the request is from."""
    forwarded = post(f"key={KEY}&action=balance", "/api/v2", "X-Forwarded-For: 192.0.2.1")
    for trusted, address in (((), "127.0.0.1"), (("127.0.0.0/8",), "192.0.2.1")):
        async with serving(trusted_proxies=trusted) as house:
            await house.ask(forwarded)
            assert house.desk.addresses == [address]


async def test_a_forgotten_proxy_is_warned_of_once() -> None:
    """Forwarded requests from this machine, whose sender is not trusted, make one warning."""
    forwarded = post("key=k&action=balance", "/api/v2", "X-Forwarded-For: 192.0.2.1")
    for trusted, warnings in (((), 1), (("127.0.0.0/8",), 0)):
        with capture_logs() as lines:
            async with serving(trusted_proxies=trusted) as house:
                for _ in range(3):
                    await house.ask(forwarded)
        assert sum(line["log_level"] == "warning" for line in lines) == warnings
