"""What the database remembers of the configurations it was used with.

An account is a provider's URL and key, as fingerprints. All that orders may have been
placed with are kept, for good: the ID that a panel gave to an order stays that order's
under the provider's name, and the IDs of another panel would clash with it. So a panel
that moves today and renews its key tomorrow is another one to an order of yesterday.
"""

import json
from collections.abc import Sequence

from aggregator import config
from aggregator.config import Account, Memory, ProviderMemory
from aggregator.core.model import Provider
from aggregator.ports import Setup
from aggregator.store import doubts, lists, meta, revisions
from aggregator.store.tx import Tx

_KEY = "provider/{}/accounts"


def memory(tx: Tx) -> Memory:
    """What a configuration must agree with."""
    known, opened = _known(tx), lists.open_by_provider(tx)
    named = {name for name in known if lists.has_named_any(tx, name)}
    providers = {
        name: ProviderMemory(opened.get(name, 0), tuple(known.get(name, ())))
        for name in opened.keys() | named
    }
    return Memory(meta.get(tx, meta.CURRENCY), providers)


def in_use(tx: Tx) -> dict[str, Account]:
    """By provider, what the server that was (re)loaded last orders with."""
    return {name: known[-1] for name, known in _known(tx).items() if known}


def remember(tx: Tx, setup: Setup, now_ms: int) -> None:
    """``setup`` is in use from now on. A provider that is no longer declared exclusive has a
    clean sheet when it is so again."""
    known, bound = _known(tx), memory(tx).providers
    for name, provider in setup.providers.items():
        before, now = known.get(name, []), _account(provider)
        if before[-1:] != [now]:
            kept = [one for one in before if one != now] if name in bound else []
            _keep(tx, name, [*kept, now])
    shared = [name for name, one in setup.providers.items() if not one.exclusive_account]
    doubts.exclusive_again(tx, shared)
    revisions.add(tx, setup.revision, now_ms)


def _account(provider: Provider) -> Account:
    return Account(config.fingerprint(provider.url), config.fingerprint(provider.key))


def _known(tx: Tx) -> dict[str, list[Account]]:
    """By provider, the one in use last."""
    start, end = _KEY.split("{}")
    return {
        key.removeprefix(start).removesuffix(end): [
            Account(one["url"], one["key"]) for one in json.loads(told)
        ]
        for key, told in meta.like(tx, _KEY.format("%")).items()
    }


def _keep(tx: Tx, provider: str, known: Sequence[Account]) -> None:
    told = [{"url": one.url, "key": one.key} for one in known]
    meta.put(tx, _KEY.format(provider), json.dumps(told))
