"""What the database remembers of the configurations it was used with.

An account is a provider's URL and key, as fingerprints. The one in use last binds for
good: the ID that a panel gave to an order stays that order's under the provider's name,
and the IDs of another panel would clash with it. One that was replaced binds for another
``BINDS_MS``: a panel that moves today and renews its key tomorrow is another one to an
order of yesterday, but a panel may do the one this year and the other the next.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from aggregator import config
from aggregator.config import Account, Memory, ProviderMemory
from aggregator.core.model import Provider
from aggregator.ports import Setup
from aggregator.store import doubts, lists, meta, revisions
from aggregator.store.tx import Tx

_KEY = "provider/{}/accounts"
BINDS_MS = 30 * 24 * 3_600_000  # far longer than an ended order is asked after


class _Used(NamedTuple):
    """``until_ms``: when it was replaced; None: it has not been."""

    account: Account
    until_ms: int | None = None


def memory(tx: Tx, now_ms: int) -> Memory:
    """What a configuration must agree with."""
    known, opened = _binding(tx, now_ms), lists.open_by_provider(tx)
    named = {name for name in known if lists.has_named_any(tx, name)}
    providers = {
        name: ProviderMemory(opened.get(name, 0), tuple(one.account for one in known.get(name, ())))
        for name in opened.keys() | named
    }
    return Memory(meta.get(tx, meta.CURRENCY), providers)


def in_use(tx: Tx) -> dict[str, Account]:
    """By provider, what the server that was (re)loaded last orders with."""
    return {name: known[-1].account for name, known in _known(tx).items() if known}


def remember(tx: Tx, setup: Setup, now_ms: int) -> None:
    """``setup`` is in use from now on. A provider that is no longer declared exclusive has a
    clean sheet when it is so again."""
    known, bound = _binding(tx, now_ms), memory(tx, now_ms).providers
    for name, provider in setup.providers.items():
        before, now = known.get(name, []), _account(provider)
        if [one.account for one in before[-1:]] != [now]:
            kept = [_ended(one, now_ms) for one in before if one.account != now]
            _keep(tx, name, [*(kept if name in bound else []), _Used(now)])
    shared = [name for name, one in setup.providers.items() if not one.exclusive_account]
    doubts.exclusive_again(tx, shared)
    revisions.add(tx, setup.revision, now_ms)


def _account(provider: Provider) -> Account:
    return Account(config.fingerprint(provider.url), config.fingerprint(provider.key))


def _ended(one: _Used, now_ms: int) -> _Used:
    return one if one.until_ms is not None else one._replace(until_ms=now_ms)


def _binding(tx: Tx, now_ms: int) -> dict[str, list[_Used]]:
    return {
        name: [one for one in known if one.until_ms is None or one.until_ms > now_ms - BINDS_MS]
        for name, known in _known(tx).items()
    }


def _known(tx: Tx) -> dict[str, list[_Used]]:
    """By provider, the one in use last."""
    start, end = _KEY.split("{}")
    return {
        key.removeprefix(start).removesuffix(end): [
            _Used(Account(one["url"], one["key"]), one.get("until_ms")) for one in json.loads(told)
        ]
        for key, told in meta.like(tx, _KEY.format("%")).items()
    }


def _keep(tx: Tx, provider: str, known: Sequence[_Used]) -> None:
    told = [
        {"url": one.account.url, "key": one.account.key, "until_ms": one.until_ms} for one in known
    ]
    meta.put(tx, _KEY.format(provider), json.dumps(told))
