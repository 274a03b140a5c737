"""The providers' lists of services, as last read."""

from collections.abc import Iterable, Sequence

from aggregator.core.model import Offer
from aggregator.store import meta, rows
from aggregator.store.tx import Row, Tx


def save_catalogue(tx: Tx, provider: str, offers: Sequence[Offer], now_ms: int) -> None:
    """Replaces a provider's offers. Only what differs is written: mostly nothing does."""
    stored = tx.all("catalogue_of_provider", provider=provider)
    before = {row["service"]: rows.offer(row) for row in stored}
    now = {offer.service: offer for offer in offers}
    for service in before.keys() - now.keys():
        tx.run("drop_offer", provider=provider, service=service)
    for service, offer in now.items():
        if before.get(service) != offer:
            tx.run("save_offer", provider=provider, now_ms=now_ms, **rows.offer_params(offer))
    meta.put(tx, f"catalogue/{provider}/read_at_ms", str(now_ms))


def by_provider(found: Iterable[Row]) -> dict[str, dict[str, Offer]]:
    offers: dict[str, dict[str, Offer]] = {}
    for row in found:
        offers.setdefault(row["provider"], {})[row["service"]] = rows.offer(row)
    return offers


def catalogue(tx: Tx) -> dict[str, dict[str, Offer]]:
    """provider -> its service ID -> what it offers."""
    return by_provider(tx.all("catalogue"))


def read_at_ms(tx: Tx, provider: str) -> int | None:
    """When a provider's catalogue was last read."""
    text = meta.get(tx, f"catalogue/{provider}/read_at_ms")
    return None if text is None else int(text)
