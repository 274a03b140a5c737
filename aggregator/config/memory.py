"""What the database remembers, held against a new configuration.

An order is bound to the panel that took it: the name of its provider is all that
leads back there, and with the ID it has there it is known for good. So a provider may
change its URL (the panel moved) or its key (it was renewed), but not both, at once or
one after the other, as soon as it has named an order of ours: another panel, whose IDs
may be the same ones, wants another name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from aggregator.config.mistakes import Mistake, shown
from aggregator.core.model import Provider
from aggregator.ports import Setup


@dataclass(frozen=True, slots=True)
class Account:
    """Where orders are placed and with which key, both as a ``fingerprint``."""

    url: str
    key: str


def fingerprint(text: str) -> str:
    """16 hex digits of SHA-256: tells whether a URL or a key is still the same one."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ProviderMemory:
    """Of one that has orders, if only ended ones. ``open_orders`` counts those it holds:
    sending, in doubt and placed. (A queued order is bound to no provider: it takes the
    routes of the day.) ``accounts``: those that orders may have been placed with."""

    open_orders: int
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """``currency`` is None in a new database."""

    currency: str | None = None
    providers: Mapping[str, ProviderMemory] = field(default_factory=dict)


def check_against_memory(setup: Setup, memory: Memory) -> list[Mistake]:
    """What the database forbids; without file and line, which ``Loaded.locate`` adds."""
    found: list[Mistake] = []
    if memory.currency not in (None, setup.policy.currency):
        message = (
            f"the database is kept in {memory.currency}: amounts cannot change their currency,"
            " so another one needs a database of its own"
        )
        found.append(Mistake("", None, ("currency",), message))
    problems = (_problem(setup, *known) for known in sorted(memory.providers.items()))
    return found + [problem for problem in problems if problem is not None]


def _problem(setup: Setup, name: str, remembered: ProviderMemory) -> Mistake | None:
    provider = setup.providers.get(name)
    if provider is None:
        if not remembered.open_orders:
            return None
        message = f"{shown(name)} has {_orders(remembered)}: put it back, with retired: true"
        return Mistake("", None, ("providers",), message)
    if any(is_another(provider, account) for account in remembered.accounts):
        since = " since the first of them was sold" if len(remembered.accounts) > 1 else ""
        message = (
            f"url and key have both changed, and it has {_orders(remembered)}{since}: give the"
            " new panel another name, and keep the old one as it was, with retired: true"
        )
        return Mistake("", None, ("providers", name), message)
    return None


def _orders(remembered: ProviderMemory) -> str:
    count = remembered.open_orders
    return f"{count} open order{'s' * (count != 1)}" if count else "orders of its own"


def is_another(provider: Provider, account: Account) -> bool:
    """Whether an order placed with ``account`` stands at some other panel."""
    return fingerprint(provider.url) != account.url and fingerprint(provider.key) != account.key
