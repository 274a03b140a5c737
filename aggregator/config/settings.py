"""What the configuration says about the server itself: plain values, no reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Tcp:
    """Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = Tcp | Unix


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in each ``seconds``."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    per_key: Limit | None = None
    per_address: Limit | None = None
    failed_auth: Limit | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What only the server and the commands need, not the actions.

    ``database`` is a ``postgresql://`` URL or the absolute path of an SQLite file;
    ``faces`` maps paths without a trailing slash to names of dialects;
    ``admin_listen`` None: no such pages; ``alert_command`` is a program and its
    arguments. What may hold a secret is left out of the repr.
    """

    listen: Address
    admin_listen: Address | None
    admin_token: str | None = field(repr=False)
    database: str = field(repr=False)
    trusted_proxies: tuple[Network, ...]
    limits: Limits
    alert_command: tuple[str, ...] | None = field(repr=False)
    faces: Mapping[str, str]
