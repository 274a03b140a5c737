"""What the database remembers of the configurations it was used with.

An account is a provider's URL and key, as fingerprints. Each that orders may have been
placed with is kept, with the time from which it was in use, for as long as an order that
is as old is asked after: a panel that moves today and renews its key tomorrow is another
one to an order of yesterday.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator import config
from aggregator.config import Account, Memory, ProviderMemory
from aggregator.core.model import Provider
from aggregator.ports import Setup
from aggregator.store import lists, meta, revisions
from aggregator.store.tx import Tx


@dataclass(frozen=True, slots=True)
class _Used:
    """An account, and from when on orders went there."""

    since_ms: int
    account: Account


def memory(tx: Tx) -> Memory:
    """What a configuration must agree with."""
    providers = {
        name: ProviderMemory(
            held.orders,
            tuple(used.account for used in _since(_known(tx, name), held.oldest_ms)),
        )
        for name, held in lists.held_by_provider(tx).items()
    }
    return Memory(meta.get(tx, meta.CURRENCY), providers)


def remember(tx: Tx, setup: Setup, now_ms: int) -> None:
    """``setup`` is in use from now on."""
    known = {name: _known(tx, name) for name in setup.providers}
    now = {name: _account(provider) for name, provider in setup.providers.items()}
    new = [name for name, used in known.items() if not used or used[-1].account != now[name]]
    held = lists.held_by_provider(tx) if new else {}
    for name in new:
        kept = _since(known[name], held[name].oldest_ms) if name in held else []
        _keep(tx, name, [*kept, _Used(now_ms, now[name])])
    revisions.add(tx, setup.revision, now_ms)


def _account(provider: Provider) -> Account:
    return Account(config.fingerprint(provider.url), config.fingerprint(provider.key))


def _known(tx: Tx, provider: str) -> list[_Used]:
    """Oldest first."""
    found = json.loads(meta.get(tx, f"provider/{provider}/accounts") or "[]")
    return [_Used(one["since_ms"], Account(one["url"], one["key"])) for one in found]


def _keep(tx: Tx, provider: str, known: Sequence[_Used]) -> None:
    told = [
        {"since_ms": one.since_ms, "url": one.account.url, "key": one.account.key} for one in known
    ]
    meta.put(tx, f"provider/{provider}/accounts", json.dumps(told))


def _since(known: Sequence[_Used], at_ms: int) -> list[_Used]:
    """Those in use at that time or after it."""
    nexts = [*known[1:], None]  # one too many where none is known: then it is left out
    return [
        one
        for one, after in zip(known, nexts, strict=False)
        if after is None or after.since_ms > at_ms
    ]
