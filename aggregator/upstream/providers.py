"""The providers as they are now: each with its dialect, its gate and its health.

Replaced as a whole by a reload. What a provider has earned survives it: a gate
stays while its limits do, and health stays while address and key do, for a new
key may well be the cure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from aggregator.core.health import Health
from aggregator.core.model import Provider
from aggregator.dialects import Dialect
from aggregator.upstream.gate import Gate
from aggregator.upstream.learned import Learned


@dataclass(slots=True)
class Known:
    """One provider in use. Calls under way keep the one that they began with."""

    provider: Provider
    dialect: Dialect
    gate: Gate
    health: Health = field(default_factory=Health)
    learned: Learned = field(default_factory=Learned)

    @property
    def account(self) -> tuple[str, str]:
        return self.provider.url, self.provider.key


def taken_over(
    before: Mapping[str, Known],
    providers: Mapping[str, Provider],
    dialects: Mapping[str, Dialect],
) -> dict[str, Known]:
    """The set after a reload."""
    return {
        name: _known(before.get(name), provider, dialects[provider.dialect])
        for name, provider in providers.items()
    }


def _known(old: Known | None, provider: Provider, dialect: Dialect) -> Known:
    new = Known(provider, dialect, Gate(provider.concurrency, provider.rate_limit_per_minute))
    if old is not None and old.gate.limits == new.gate.limits:
        new.gate = old.gate
    if old is not None and old.account == new.account:
        new.health, new.learned = old.health, old.learned
    return new


@lru_cache
def is_safe(url: str) -> bool:
    """Whether a key may be sent there: TLS, or no further than this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ip_address(host).is_loopback
    except ValueError:
        return False
