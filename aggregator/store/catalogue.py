"""The providers' lists of services, as last read, and what changed in them.

A list may have tens of thousands of services, and a transaction that writes them all
would keep every order waiting. So a reading is saved in steps: ``compared`` finds out
in a reading transaction what differs, which mostly is next to nothing; ``saved`` writes
a piece of that, each service together with its changes; ``ended`` writes when the list
was read. Each service is whole at any time, and whoever needs the whole list at once
loads it when the last step is done.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from aggregator.core import drift
from aggregator.core.drift import Change
from aggregator.core.model import Offer
from aggregator.store import meta, rows
from aggregator.store.tx import Row, Tx

CHANGES_KEPT = 10_000  # of a provider
PIECE = 100  # services to a transaction
_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Compared:
    """``differing``: services to be written, or forgotten; those that routes lead to last,
    so that their changes are the newest. ``first``: nothing was known before."""

    doubt: str
    differing: Sequence[str]
    first: bool


@dataclass(frozen=True, slots=True)
class Changed:
    at_ms: int
    change: Change


def catalogue(tx: Tx) -> dict[str, dict[str, Offer]]:
    """provider -> its service ID -> what it offers; without what is gone."""
    return _by_provider(tx.all("catalogue"))


def of_provider(tx: Tx, provider: str) -> dict[str, Offer]:
    """Its service ID -> what it offers; with what is gone (``Offer.gone``)."""
    found = tx.all("catalogue_of_provider", provider=provider)
    return {row["service"]: rows.offer(row) for row in found}


def offers(tx: Tx, wanted: Mapping[str, Collection[str]]) -> dict[str, dict[str, Offer]]:
    """Those of ``wanted`` (provider -> services) that are known; with what is gone."""
    found: list[Row] = []
    for provider, services in wanted.items():
        for piece in pieces(sorted(services), _ASKED_AT_ONCE):
            found += tx.all("offers", provider=provider, services=piece)
    return _by_provider(found)


def _by_provider(found: Iterable[Row]) -> dict[str, dict[str, Offer]]:
    known: dict[str, dict[str, Offer]] = {}
    for row in found:
        known.setdefault(row["provider"], {})[row["service"]] = rows.offer(row)
    return known


def pieces(services: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (services[start : start + size] for start in range(0, len(services), size))


def read_at_ms(tx: Tx, provider: str) -> int | None:
    """When a provider's catalogue was last read, and believed."""
    text = meta.get(tx, f"catalogue/{provider}/read_at_ms")
    return None if text is None else int(text)


# -- saving a reading


def compared(
    tx: Tx, provider: str, now: Mapping[str, Offer], used: Collection[str], now_ms: int
) -> Compared:
    stored = of_provider(tx, provider)
    there = {service: one for service, one in stored.items() if not one.gone}
    differing = [service for service, one in now.items() if stored.get(service) != one]
    differing += there.keys() - now.keys()
    differing += [
        service
        for service in stored.keys() - now.keys() - set(used)
        if _is_forgotten(stored[service], now_ms)
    ]
    differing.sort(key=lambda service: (service in used, service))
    return Compared(drift.doubt(there, now, used), differing, not stored)


def _is_forgotten(one: Offer, now_ms: int) -> bool:
    return one.gone_at_ms is not None and now_ms - one.gone_at_ms >= drift.FORGOTTEN_AFTER_MS


def saved(
    tx: Tx,
    provider: str,
    services: Sequence[str],
    now: Mapping[str, Offer],
    now_ms: int,
    *,
    noted: bool = True,
) -> list[Change]:
    """Writes these ``services``; the changes, which are written down if ``noted``.

    What stands there is read anew: another server may have saved the same reading.
    """
    found: list[Change] = []
    known = offers(tx, {provider: services}).get(provider, {})
    for service in services:
        before, new = known.get(service), now.get(service)
        if before is not None and new is None:
            if before.gone:
                if _is_forgotten(before, now_ms):
                    tx.run("drop_offer", provider=provider, service=service)
                continue
            new = replace(before, gone_at_ms=now_ms)
        if new is not None and new != before:
            tx.run("save_offer", provider=provider, now_ms=now_ms, **rows.offer_params(new))
            found += drift.changes(provider, before, new)
    if not noted:
        return []
    for one in found:
        _note(tx, one, now_ms)
    return found


def _note(tx: Tx, one: Change, now_ms: int) -> None:
    tx.run(
        "insert_change",
        now_ms=now_ms,
        provider=one.provider,
        service=one.service,
        field=one.field,
        old=one.old,
        new=one.new,
    )


def ended(tx: Tx, provider: str, now_ms: int) -> None:
    """The whole reading is saved, and was believed."""
    meta.put(tx, f"catalogue/{provider}/read_at_ms", str(now_ms))
    meta.put(tx, f"catalogue/{provider}/doubted_since_ms", "")
    tx.run("forget_changes", provider=provider, kept=CHANGES_KEPT)


def doubted(tx: Tx, provider: str, now_ms: int) -> int:
    """Since when every reading has been doubted, this one included."""
    key = f"catalogue/{provider}/doubted_since_ms"
    since = meta.get(tx, key)
    if not since:
        meta.put(tx, key, str(now_ms))
    return int(since or now_ms)


def changes(tx: Tx, provider: str, since_ms: int = 0, limit: int = 1000) -> list[Changed]:
    """What the provider changed since then, newest first."""
    return [
        Changed(
            row["at_ms"],
            Change(row["provider"], row["service"], row["field"], row["old"], row["new"]),
        )
        for row in tx.all("changes", provider=provider, since_ms=since_ms, limit=limit)
    ]
