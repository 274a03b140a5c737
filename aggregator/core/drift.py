"""What differs between two readings of a provider's catalogue, and whether to believe it.

A panel with trouble of its own tells an empty list, or half of one, more often than
it closes half of its shop, and prices in another currency more often than it gives
everything away. Such a reading is not believed: the one before stays, until
every reading of a whole day has told the like.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from aggregator.core import pricing
from aggregator.core.messages import ServiceRow
from aggregator.core.model import Offer

BELIEVED_AFTER_MS = 86_400_000
FORGOTTEN_AFTER_MS = 90 * 86_400_000  # a service that is gone, and that no route leads to
MISSING_AT_ONCE = 3  # services of ours: fewer may well have been closed
CHEAPER_AT_ONCE = 5  # services: fewer may well be on sale
CHEAPER = 3  # times, half of them or more: another currency, or a slip of the point

SERVICE: Final = "service"  # the field of a change that is a whole service, come or gone
_FIELDS = ("name", "type", "rate", "min", "max", "refill", "cancel", "dripfeed")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a provider changed about one of its services.

    ``field`` is "name", "type", "rate" (per 1000, its currency), "min", "max", "refill",
    "cancel", "dripfeed", or "service", whose ``old`` or ``new`` is its name. None: it
    told nothing, or there was no such service.
    """

    provider: str
    service: str
    field: str
    old: str | None
    new: str | None

    @property
    def matters(self) -> bool:
        """Whether an order may fare otherwise; panels rename their services for show."""
        return self.field != "name"


def offer(row: ServiceRow) -> Offer:
    """A catalogue row with its price in micros; None where that is not one."""
    try:
        rate = pricing.nearest_micros(Decimal(row.rate))
    except InvalidOperation:
        rate = None
    return Offer(
        service=row.service,
        name=row.name,
        type=row.type,
        category=row.category,
        rate_micros=rate,
        min=row.min,
        max=row.max,
        refill=row.refill,
        cancel=row.cancel,
        dripfeed=row.dripfeed,
        description=row.description,
    )


def changes(provider: str, before: Offer | None, now: Offer | None) -> list[Change]:
    """``before`` and ``now`` are of one service; None, or one that is gone: not there."""
    was = None if before is None or before.gone else before
    new = None if now is None or now.gone else now
    if was is not None and new is not None:
        told = ((name, _text(was, name), _text(new, name)) for name in _FIELDS)
        return [Change(provider, new.service, *one) for one in told if one[1] != one[2]]
    if was is not None:
        return [Change(provider, was.service, SERVICE, was.name, None)]
    return [] if new is None else [Change(provider, new.service, SERVICE, None, new.name)]


def _text(one: Offer, field: str) -> str | None:
    value = one.rate_micros if field == "rate" else getattr(one, field)
    if value is None or field in ("name", "type"):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return pricing.exact(value) if field == "rate" else str(value)


def doubt(before: Mapping[str, Offer], now: Mapping[str, Offer], used: Collection[str] = ()) -> str:
    """Why the reading ``now`` should not be believed; empty: it should.

    ``before`` holds what the catalogue had so far, services that are gone left out.
    ``used``: services of this provider that routes of ours lead to.
    """
    if not now:
        return "it is empty"
    if 2 * len(now) < len(before):
        return f"it has {len(now)} services, and had {len(before)}"
    priced, had = _priced(now), _priced(before)
    if 2 * priced < had:
        return f"{priced} of its services have a price, and {had} had one"
    ours = [service for service in used if service in before]
    missing = [service for service in ours if service not in now]
    if len(missing) >= MISSING_AT_ONCE and 2 * len(missing) > len(ours):
        return f"{len(missing)} of {len(ours)} services that routes lead to are missing in it"
    if _much_cheaper(before, now):
        return f"most of its prices are at least {CHEAPER} times lower than they were"
    return ""


def _much_cheaper(before: Mapping[str, Offer], now: Mapping[str, Offer]) -> bool:
    """Dearer ones are believed at once: to go on selling at the old price could cost."""
    rates = [
        (one.rate_micros, now[service].rate_micros)
        for service, one in before.items()
        if service in now
    ]
    known = [(old, new) for old, new in rates if old and new and old > 0 and new > 0]
    fell = sum(CHEAPER * new <= old for old, new in known)
    return fell >= CHEAPER_AT_ONCE and 2 * fell >= len(known)


def _priced(offers: Mapping[str, Offer]) -> int:
    return sum(bool(one.rate_micros and one.rate_micros > 0) for one in offers.values())


def believed(now: Mapping[str, Offer], doubted_since_ms: int, now_ms: int) -> bool:
    """Whether a reading is obeyed after all, for it has been told for so long."""
    return bool(now) and now_ms - doubted_since_ms >= BELIEVED_AFTER_MS
