"""Nouns of the core with sensible values: a test names only what it is about."""

from decimal import Decimal

from aggregator.core.health import Health
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind, Offer, Order, Provider, Route, Service, State
from aggregator.core.routing import Facts

NOW = 1_750_000_000_000
MINUTE = 60_000
HOUR = 3_600_000


def service(**changes: object) -> Service:
    values: dict[str, object] = {
        "id": 1,
        "name": "Followers",
        "category": "First",
        "type": "Default",
        "rate": "0.90",
        "rate_micros": 900_000,
        "min": 50,
        "max": 10_000,
    }
    return Service(**(values | changes))  # type: ignore[arg-type]


def provider(name: str = "gulf", **changes: object) -> Provider:
    values: dict[str, object] = {
        "url": "https://panel.example/api/v2",
        "key": "k",
        "dialect": "standard",
        "currency": "USD",
    }
    return Provider(name, **(values | changes))  # type: ignore[arg-type]


def offer(rate_micros: int | None = 500_000, **changes: object) -> Offer:
    values: dict[str, object] = {
        "service": "7",
        "name": "theirs",
        "type": "Default",
        "category": "c",
        "rate_micros": rate_micros,
        "min": None,
        "max": None,
    }
    return Offer(**(values | changes))  # type: ignore[arg-type]


def facts(
    name: str = "gulf",
    *,
    cost_micros: int | None = None,
    weight: int = 1,
    health: Health | None = None,
    offers: Offer | None = None,
    offers_dripfeed: bool = True,
    **of_provider: object,
) -> Facts:
    route = Route(name, "7", weight, cost_micros)
    return Facts(route, provider(name, **of_provider), health or Health(), offers, offers_dripfeed)


def order(**changes: object) -> Order:
    """A placed order of 1000 units for 0.9."""
    values: dict[str, object] = {
        "id": 1,
        "reseller_id": 7,
        "service_id": 1,
        "service_type": "Default",
        "kind": Kind.NORMAL,
        "state": State.PLACED,
        "quantity": 1000,
        "units": 1000,
        "rate_micros": 900_000,
        "charge_micros": 900_000,
        "created_at_ms": NOW,
        "provider": "gulf",
        "upstream_service": "7",
        "upstream_order_id": "9001",
        "upstream_cost_micros": 500_000,
    }
    return Order(**(values | changes))  # type: ignore[arg-type]


def dripfeed(**changes: object) -> Order:
    """Ten runs of 100 units."""
    return order(**({"kind": Kind.DRIPFEED, "quantity": 100, "runs": 10, "interval": 5} | changes))


def subscription(**changes: object) -> Order:
    """Ten posts of at most 100 units."""
    values = {"kind": Kind.SUBSCRIPTION, "service_type": "Subscriptions"}
    return order(**(values | {"quantity": 100, "runs": 10} | changes))


def says(word: str, charge: str | None = None, **figures: object) -> OrderStatus:
    """A provider's answer."""
    told = None if charge is None else Decimal(charge)
    return OrderStatus(word, told, **figures)  # type: ignore[arg-type]
