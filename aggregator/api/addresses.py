"""Who is calling: the peer, or whom a trusted proxy says it speaks for."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

LOOPBACK = "127.0.0.1"
_REMEMBERED = 4096


class Addresses:
    """``trusted``: where the proxies are whose word is believed."""

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self.trusts_any = bool(self._trusted)
        self.client = lru_cache(_REMEMBERED)(self._client)

    def _client(self, peer: str, forwarded: str = "") -> str:
        """The rightmost untrusted address of ``X-Forwarded-For`` and the peer after it.

        Everything left of it is what the client wrote himself. ``peer`` is "" on a
        unix socket, which counts as loopback. An entry that is no address ends the
        search: the proxy that passed it on is the best that is known.
        """
        client = _address(peer) or LOOPBACK
        for hop in reversed(forwarded.split(",")):
            if not self._is_trusted(client):
                break
            address = _address(hop.strip())
            if address is None:
                break
            client = address
        return client

    def is_untrusted_loopback(self, peer: str) -> bool:
        """Whether a proxy on this machine, if it is one, is not believed."""
        address = _address(peer) or LOOPBACK
        return ip_address(address).is_loopback and not self._is_trusted(address)

    def _is_trusted(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)


def _address(text: str) -> str | None:
    """The canonical address, without port, brackets and zone; None if it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


@lru_cache(_REMEMBERED)
def network(address: str) -> str:
    """What one somebody is limited by: an IPv4 address, or an IPv6 /64."""
    if ":" not in address:
        return address
    return str(ip_network((address, 64), strict=False))
