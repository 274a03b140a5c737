"""From a provider's list to services of ours: what each would say, and why not to sell it.

Catalogues are written by hand, by many hands: placeholder prices, limits the wrong way
round, names full of HTML, types that nobody else has. What cannot be sold as it stands
is left out with its reason, never bent until it fits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from aggregator.core import pricing
from aggregator.core.lifecycle import squash
from aggregator.core.model import Offer
from aggregator.core.order_types import LARGEST_QUANTITY, TYPES
from aggregator.core.plaintext import plain_text

_TYPES = {squash(name): name for name in TYPES}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a provider's services are to be sold.

    ``markup`` is a fraction, ``markup_text`` as it is written ("20%"). ``fixed``: as
    the rate of today rather than one that follows theirs. ``promises``: which of
    ``refill``, ``cancel`` and ``dripfeed`` the provider's dialect has.
    """

    markup: Decimal
    markup_text: str
    promises: frozenset[str]
    exchange_rate: Decimal = Decimal(1)
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A service to be. ``values``: its keys in the order in which they are written.

    ``notes``: what differs from their list. ``reason``: why it cannot be sold, or "".
    """

    offer: Offer
    values: Mapping[str, str | int | bool]
    notes: tuple[str, ...] = ()
    reason: str = ""


def draft(offer: Offer, terms: Terms) -> Draft:
    """Never raises, whatever the offer says."""
    notes: list[str] = []
    name = _TYPES.get(squash(offer.type or "Default"))
    values: dict[str, str | int | bool] = {
        "name": plain_text(offer.name) or f"Service {offer.service}",
        "category": plain_text(offer.category) or "Other",
        "type": name or plain_text(offer.type),
    }
    ours = _our_rate(offer, terms)
    if ours is not None:
        values |= _price(ours, terms)
    limits = _limits(offer, name, ours if terms.fixed else None, notes)
    values |= limits | dict.fromkeys(_promised(offer, name, terms), True)
    reason = "; ".join(_reasons(offer, name, ours, limits))
    return Draft(offer, values, tuple(notes), reason)


def _our_rate(offer: Offer, terms: Terms) -> int | None:
    """What it sells at, in micros; None where their price is not one."""
    if not offer.rate_micros:
        return None
    rate = terms.exchange_rate * (1 + terms.markup)
    ours = pricing.round_up(pricing.converted(offer.rate_micros, rate))
    return ours if ours <= pricing.MAX_RATE_MICROS else None


def _price(ours: int, terms: Terms) -> Mapping[str, str]:
    return {"rate": pricing.exact(ours)} if terms.fixed else {"markup": terms.markup_text}


def _limits(
    offer: Offer, type_: str | None, fixed_micros: int | None, notes: list[str]
) -> dict[str, int]:
    if type_ is not None and TYPES[type_].per_order:
        if (offer.min, offer.max) != (1, 1):
            notes.append(f"their limits {offer.min} to {offer.max}, sold as one")
        return {"min": 1, "max": 1}
    if not offer.min:
        notes.append(f"their minimum is {offer.min}".replace("None", "not told"))
    limits = {"min": offer.min or 1}
    if offer.max is not None:
        limits["max"] = min(offer.max, _most(fixed_micros))
        if limits["max"] < offer.max:
            notes.append(f"their maximum is {offer.max}")
    return limits


def _most(fixed_micros: int | None) -> int:
    """The largest quantity whose charge can still be counted."""
    if fixed_micros is None:
        return LARGEST_QUANTITY
    return min(LARGEST_QUANTITY, pricing.MAX_MICROS * 1000 // fixed_micros)


def _promised(offer: Offer, type_: str | None, terms: Terms) -> Iterator[str]:
    """What their list says it has, their dialect can, and its type allows."""
    for key in ("refill", "cancel", "dripfeed"):
        fits = key != "dripfeed" or (type_ is not None and TYPES[type_].dripfeed)
        if getattr(offer, key) and key in terms.promises and fits:
            yield key


def _reasons(
    offer: Offer, type_: str | None, ours: int | None, limits: Mapping[str, int]
) -> Iterator[str]:
    if type_ is None:
        yield f"unknown type {plain_text(offer.type)!r}"
    if not offer.type and offer.min == offer.max == 1:
        yield "their list names no type, and it looks like a package"
    if offer.rate_micros is None:
        yield "no price that can be read"
    elif ours is None:
        price = pricing.exact(offer.rate_micros)
        yield f"a price of {price.rstrip('0').rstrip('.')} is none"
    if "max" not in limits:
        yield "no maximum"
    elif limits["min"] > limits["max"]:
        yield f"their minimum {offer.min} is above their maximum {offer.max}"
