"""Addresses and URLs: where we listen, whom we trust, whom we call.

Each function takes a value of the YAML and raises ValueError with what it must be.
A URL is never quoted: an operator may have put a key or a password into it.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from aggregator.config.mistakes import shown
from aggregator.config.settings import Address, Network, Tcp, Unix
from aggregator.config.values import text

RESERVED = frozenset({"", "/healthz", "/readyz", "/metrics", "/console"})

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*)):([0-9]{1,5})")
_FACE = re.compile(r"(/[A-Za-z0-9_~.-]+)+/?|/")
_LONGEST_SOCKET = 107  # bytes in sockaddr_un


def address(value: object) -> Address:
    """``host:port``, ``[::1]:port`` or ``unix:/path``."""
    written = text(value)
    if written.startswith("unix:/"):
        if len(written[5:].encode()) > _LONGEST_SOCKET:
            raise ValueError(f"a socket's path has at most {_LONGEST_SOCKET} bytes")
        return Unix(written[5:])
    match = _LISTEN.fullmatch(written)
    if not match or int(match[3]) > 65535 or (match[1] and not _ip(match[1])):
        wanted = 'host:port, "[::1]:port" or unix:/path'
        raise ValueError(f"must be {wanted}, not {shown(value)}")
    return Tcp(match[1] or match[2], int(match[3]))


def local_address(value: object) -> Address:
    """An address that nobody but this machine can reach."""
    found = address(value)
    if isinstance(found, Tcp) and not is_loopback(found.host):
        raise ValueError("must be loopback (127.0.0.1, ::1, localhost) or unix:/path")
    return found


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    found = _ip(host)
    return found.is_loopback if found else host.lower() == "localhost"


def network(value: object) -> Network:
    """An IP address or a range of them in CIDR notation."""
    written = text(value)
    try:
        found = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise ValueError(f"must be an IP address or a range of them, not {shown(value)}") from None
    if "/" in written and not _ip(written.partition("/")[0]) == found.network_address:
        raise ValueError(f"must begin where the range begins: {found}")
    return found


def api_url(value: object) -> str:
    """The URL of a provider's API: https, or http to this machine."""
    written = text(value)
    parts = _split(written)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL, such as https://panel.example/api/v2")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    if "?" in written or "#" in written:
        raise ValueError("must not hold a '?' or a '#'; the key goes into 'key'")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https://: over http:// anyone on the way reads the key")
    return written


def _split(written: str) -> SplitResult:
    try:
        parts = urlsplit(written)
        _ = parts.port  # raises where it is none
    except ValueError:
        raise ValueError("must be a URL; its host or port is wrong") from None
    if any(character.isspace() or character == "\\" for character in written):
        raise ValueError("must be a URL without spaces and backslashes")
    return parts


def database(value: object) -> str:
    """A path or a ``postgresql://`` URL; which, says its beginning."""
    written = text(value)
    scheme = written.partition("://")[0] if "://" in written else ""
    if scheme not in ("", "postgresql"):
        raise ValueError("must be a path (SQLite) or begin with postgresql://")
    if written.startswith((":memory:", "file:")):
        raise ValueError("must be a path: what is not on disk is lost with the process")
    return written


def face(path: str) -> str:
    """A face's path without its trailing slash."""
    if not _FACE.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("must be a path such as /api/v2: letters, digits, '_', '~', '.', '-'")
    bare = path.rstrip("/")
    if bare in RESERVED or bare.startswith("/console/"):
        raise ValueError("is taken by a page of ours: choose another path, such as /api/v2")
    return bare
