"""What one reseller pays: a rate of his own, or the list's less his discount.

Either stands in place of the service's rate from the start, so that the cost guard,
the charge and the list of services all go by what he really pays.
"""

from bisect import bisect_left
from dataclasses import replace
from decimal import Decimal

from aggregator.core import pricing
from aggregator.core.model import PriceTerms, Service

WHOLE_PPM = 1_000_000


def sold(service: Service, terms: PriceTerms) -> Service:
    """The service at the rate that a reseller of these terms pays.

    A discounted rate has at most 5 decimals, rounded up: never below what was agreed.
    """
    own = own_rate(terms, service.id)
    if own is not None:
        return replace(service, rate=own, rate_micros=pricing.parse_micros(own))
    micros = _discounted(service.rate_micros, terms.discount_ppm)
    if micros == service.rate_micros:
        return service
    return replace(service, rate=pricing.exact(micros), rate_micros=micros)


def own_rate(terms: PriceTerms, service_id: int) -> str | None:
    """As it was written; None where the list's applies."""
    if not terms.rates:
        return None
    at = bisect_left(terms.rates, (service_id, ""))
    found = terms.rates[at : at + 1]
    return found[0][1] if found and found[0][0] == service_id else None


def _discounted(rate_micros: int, discount_ppm: int) -> int:
    exact = -(-rate_micros * (WHOLE_PPM - discount_ppm) // WHOLE_PPM)
    return min(rate_micros, pricing.round_up(exact))


def percent(discount_ppm: int) -> str:
    """``5%``, ``12.5%``."""
    return f"{Decimal(discount_ppm).scaleb(-4).normalize():f}%"


def explained(service: Service, terms: PriceTerms) -> str:
    """Why he pays what he pays for ``service``, which is as the list has it; "" where
    that is the list's rate."""
    if own_rate(terms, service.id) is not None:
        return f"a rate of his own; the list says {service.rate}"
    if terms.discount_ppm:
        return f"{service.rate} less {percent(terms.discount_ppm)}"
    return ""
