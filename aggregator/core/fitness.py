"""Whether a provider and a route can deliver what we sell, by what the provider says now.

Routing asks the same of one order at the moment of its sale, and goes elsewhere in
silence. Here an operator is told before: every reason, of every route.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from aggregator.core import pricing
from aggregator.core.errors import ErrorClass
from aggregator.core.lifecycle import squash
from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.model import Offer, Provider, Service
from aggregator.core.order_types import TYPES
from aggregator.core.routing import Facts, known_rate, sells_at_loss

# What a service may promise, by the names of its keys.
PROMISES = {"refill": "refill", "cancel": "cancel", "dripfeed": "drip-feed"}


@dataclass(frozen=True, slots=True)
class Finding:
    """``wrong``: to be mended; else only worth knowing."""

    text: str
    wrong: bool = True


NOT_LISTED = Finding("not in their list")
UNLISTED = Finding("cannot be asked for its list", wrong=False)
Offers = Mapping[str, Offer]


def of_provider(
    provider: Provider,
    listed: Offers | Refused | Unreadable | None,
    balance: Balance | Refused | Unreadable,
) -> list[Finding]:
    """What is to be said of a provider who was asked for his list and our balance.

    ``listed`` None: his dialect cannot ask for a list.
    """
    found = [*_silent("its list", listed)]
    if listed is None:
        found.append(UNLISTED)
    elif not isinstance(listed, Refused | Unreadable) and not listed:
        found.append(Finding("lists no service at all"))
    if isinstance(balance, Balance):
        found += _of_balance(provider, balance)
    elif not _not_offered(balance):
        found += [one for one in _silent("the balance", balance) if one not in found]
    return found


def _not_offered(answer: Refused | Unreadable) -> bool:
    return isinstance(answer, Refused) and answer.error_class is ErrorClass.ACTION


def _silent(what: str, answer: object) -> Iterator[Finding]:
    if isinstance(answer, Unreadable):
        yield Finding(f"does not answer: {answer.cause}")
    elif isinstance(answer, Refused) and answer.error_class is ErrorClass.AUTH:
        yield Finding("refuses the key")
    elif isinstance(answer, Refused):
        yield Finding(f"refuses to tell {what}: {answer.error_class}")


def _of_balance(provider: Provider, told: Balance) -> Iterator[Finding]:
    if told.currency is not None and told.currency.upper() != provider.currency:
        yield Finding(f"its currency is {told.currency}, configured is {provider.currency}")
    micros, low = pricing.nearest_micros(told.balance), provider.low_balance_micros
    if micros is not None and low is not None and micros < low:
        yield Finding(f"balance {pricing.exact(micros)} is below low_balance", wrong=False)


def of_route(service: Service, facts: Facts, can: Collection[str]) -> list[Finding]:
    """What is to be said of a route whose provider told his list.

    ``service`` is priced (``routing.priced``); ``can``: which of PROMISES the
    provider's dialect has.
    """
    offer = facts.offer
    if offer is None:
        return [NOT_LISTED]
    return [
        *_of_type(service, offer),
        *_of_limits(service, offer),
        *_of_promises(service, offer, can),
        *_of_margin(service, facts),
    ]


def _of_type(service: Service, offer: Offer) -> Iterator[Finding]:
    if not offer.type:
        yield Finding("their list names no type", wrong=False)
    elif squash(offer.type) != squash(service.type):
        yield Finding(f"is a {offer.type} there")


def _of_limits(service: Service, offer: Offer) -> Iterator[Finding]:
    if TYPES[service.type].per_order:
        return
    if offer.min is not None and offer.min > service.min:
        yield Finding(f"their minimum is {offer.min}, ours {service.min}")
    if offer.max is not None and offer.max < service.max:
        yield Finding(f"their maximum is {offer.max}, ours {service.max}")


def _of_promises(service: Service, offer: Offer, can: Collection[str]) -> Iterator[Finding]:
    for key, name in PROMISES.items():
        if not getattr(service, key):
            continue
        if key not in can:
            yield Finding(f"no {name}: the dialect has none")
        elif getattr(offer, key) is False:
            yield Finding(f"no {name} there")


def _of_margin(service: Service, facts: Facts) -> Iterator[Finding]:
    theirs = known_rate(facts)
    if theirs is None:
        yield Finding("their price is not known", wrong=False)
        return
    ours = pricing.converted(theirs, facts.provider.exchange_rate)
    if ours > service.rate_micros:
        said = f"costs {pricing.exact(ours)}, is sold at {service.rate}"
        yield Finding(said, wrong=sells_at_loss(service, facts))
    listed = facts.offer.rate_micros if facts.offer else None
    if listed and listed != theirs:
        said = f"their list says {pricing.exact(listed)}, the configuration {pricing.exact(theirs)}"
        yield Finding(said, wrong=False)
