"""What a configuration would have done with an order that was sold under another one."""

from dataclasses import replace

import pytest

from aggregator.core.model import Kind, Order, PriceTerms, Provider, Service, Strategy
from aggregator.core.replay import Replayed, replay
from aggregator.core.routing import Facts
from tests.core import make

PARAMS = {"link": "https://x.example", "quantity": "1000"}
PROVIDERS = {"gulf": make.provider()}
NONE = PriceTerms()


def sold(**changes: object) -> Order:
    """1000 units for 0.9, placed at gulf, where they cost 0.5."""
    return make.order(**({"params": PARAMS} | changes))


def replayed(
    order: Order,
    service: Service | None,
    *facts: Facts,
    agreed: PriceTerms = NONE,
    providers: dict[str, Provider] = PROVIDERS,
) -> Replayed:
    return replay(order, service, facts, agreed, providers)


def test_nothing_changes() -> None:
    """The same configuration does the same."""
    found = replayed(sold(), make.service(), make.facts(offers=make.offer()))
    assert not found.differs
    assert (found.provider, found.upstream_service) == ("gulf", "7")
    assert (found.charge_micros, found.cost_micros) == (900_000, 500_000)


def test_elsewhere() -> None:
    """A first route that is new takes the order; one that was never placed goes nowhere else."""
    facts = (make.facts("owner", cost_micros=450_000), make.facts(offers=make.offer()))
    found = replayed(sold(), make.service(), *facts)
    assert (found.provider, found.elsewhere, found.costs_more) == ("owner", True, False)
    unplaced = sold(provider=None, upstream_service=None, upstream_cost_micros=None)
    assert not replayed(unplaced, make.service(), *facts).differs


def test_costs_more() -> None:
    """A rate that has risen since is told, and an unknown cost is no higher one."""
    risen = make.facts(offers=make.offer(600_000))
    assert replayed(sold(), make.service(), risen).costs_more
    assert not replayed(sold(), make.service(), make.facts()).costs_more
    gone = replayed(sold(), make.service(), risen, providers={})
    assert (gone.was_cost_micros, gone.costs_more) == (None, False)


def test_charged_otherwise() -> None:
    """Another rate, or other terms of the reseller's, are another charge."""
    dearer = make.service(rate="1.00", rate_micros=1_000_000)
    facts = make.facts(offers=make.offer())
    assert replayed(sold(), dearer, facts).charged_otherwise
    agreed = PriceTerms(rates=((1, "0.90"),))
    assert not replayed(sold(), dearer, facts, agreed=agreed).differs


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (None, "Service not found or inactive"),
        (make.service(enabled=False), "Service not found or inactive"),
        (make.service(max=500), "Quantity must be between 50 and 500"),
        (make.service(rate="0.40", rate_micros=400_000), "costs more than the rate"),
        (make.service(type="Poll"), "Answer number is required"),
    ],
)
def test_refused(service: Service | None, why: str) -> None:
    """What would not be taken is told with the reason."""
    found = replayed(sold(), service, make.facts(offers=make.offer()))
    assert why in found.refused
    assert found.differs
    assert not (found.elsewhere or found.costs_more or found.charged_otherwise)


def test_a_markup_without_a_rate() -> None:
    """A markup on an unknown rate gives no price."""
    from decimal import Decimal

    found = replayed(sold(), make.service(markup=Decimal("0.2")), make.facts())
    assert "no route's price is known" in found.refused


def test_paused_providers() -> None:
    """A provider that the operator paused takes nothing, whatever his health was."""
    assert "paused" in replayed(sold(), make.service(), make.facts(paused=True)).refused


def test_a_lottery() -> None:
    """Of weighted routes the one that was drawn stays, while it may be drawn."""
    service = make.service(strategy=Strategy.WEIGHTED)
    heavy, light = make.facts("owner", weight=99), make.facts("gulf")
    assert not replayed(sold(), service, heavy, light).elsewhere
    assert replayed(sold(provider="third"), service, heavy, light).provider == "owner"


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("Custom Comments", {}),
        ("Mentions Custom List", {}),
        ("SEO", {"quantity": "1000"}),
        ("Default", {"quantity": "1000"}),
    ],
)
def test_what_was_forgotten(kind: str, params: dict[str, str]) -> None:
    """Links and comments that were forgotten by rule change nothing."""
    order = sold(service_type=kind, params=params)
    service = make.service(type=kind)
    offer = make.offer(type=kind)
    assert not replayed(order, service, make.facts(offers=offer)).differs


def test_a_dripfeed() -> None:
    """A drip-feed is replayed as one."""
    params = {"link": "x", "quantity": "100", "runs": "10", "interval": "5"}
    order = replace(make.dripfeed(), params=params)
    service = make.service(dripfeed=True)
    found = replayed(order, service, make.facts(offers=make.offer()))
    assert (order.kind, found.charge_micros) == (Kind.DRIPFEED, 900_000)
    unable = make.facts(offers=make.offer(), offers_dripfeed=False)
    assert "no drip-feed there" in replayed(order, service, unable).refused
