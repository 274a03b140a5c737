"""``aggregator check --live``: every route held against what its provider says now."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.core import fitness, pricing, routing
from aggregator.core.fitness import Finding
from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.model import Service
from aggregator.core.routing import Facts

if TYPE_CHECKING:
    from aggregator.cli.asking import Listed, Told
    from aggregator.config import Loaded
    from aggregator.ports import Setup


@dataclass(frozen=True, slots=True)
class Judged:
    """A route with all that is to be said of it; ``service`` is None where a markup
    has no rate to go by."""

    offered: Service
    service: Service | None
    facts: Facts
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return not any(one.wrong for one in self.findings)

    @property
    def cost_micros(self) -> int | None:
        """Their rate in our currency."""
        theirs = routing.known_rate(self.facts)
        exchange_rate = self.facts.provider.exchange_rate
        return None if theirs is None else pricing.converted(theirs, exchange_rate)


def checked(loaded: "Loaded", as_json: bool) -> bool:
    """Asks, prints what is to be said, and whether nothing is wrong."""
    from aggregator.cli import asking

    setup = loaded.setup
    names = [name for name, provider in setup.providers.items() if not provider.retired]
    with asking.waiting("Asking the providers …"):
        told = asking.ask(loaded, names)
    accounts = {
        name: fitness.of_provider(setup.providers[name], _listed(setup, name, one), one.balance)
        for name, one in told.items()
    }
    routes = [route for service in _on_sale(setup) for route in _judged(setup, service, told)]
    wrong = [one for found in accounts.values() for one in found if one.wrong]
    ok = not wrong and all(route.ok for route in routes)
    if as_json:
        providers = [_account_json(name, told[name], found) for name, found in accounts.items()]
        found = [_route_json(route) for route in routes]
        output.as_json({"ok": ok, "providers": providers, "routes": found})
    else:
        _show_accounts(told, accounts)
        _show_routes(routes)
        count = sum(not route.ok for route in routes)
        click.echo(f"\n{output.count(len(routes), 'route')}, {count} with something wrong.")
    return ok


def _on_sale(setup: "Setup") -> Iterable[Service]:
    return (service for service in setup.services.values() if service.enabled)


def _judged(setup: "Setup", service: Service, told: "dict[str, Told]") -> Iterable[Judged]:
    offers = {name: one.listed for name, one in told.items() if isinstance(one.listed, dict)}
    facts = setup.facts(service, offers)
    priced = routing.priced(service, facts)
    for one in facts:
        if not one.provider.retired:
            yield Judged(service, priced, one, _findings(setup, priced, one, told))


def _listed(setup: "Setup", provider: str, told: "Told") -> "Listed | None":
    return told.listed if setup.dialect_of(provider).offers("services") else None


def _findings(
    setup: "Setup", priced: Service | None, facts: Facts, told: "dict[str, Told]"
) -> list[Finding]:
    name = facts.provider.name
    listed = _listed(setup, name, told[name])
    if not isinstance(listed, dict):
        return fitness.of_provider(facts.provider, listed, told[name].balance)
    if priced is None:
        missing = [fitness.NOT_LISTED] if facts.offer is None else []
        return [*missing, Finding("no price: the markup has no rate to go by")]
    return fitness.of_route(priced, facts, setup.dialect_of(name).promises)


# -- showing


def _show_accounts(told: "dict[str, Told]", accounts: dict[str, list[Finding]]) -> None:
    rows = (
        (name, _count(told[name]), _balance(told[name]), _said(found))
        for name, found in accounts.items()
    )
    output.table(("PROVIDER", "SERVICES", "BALANCE", "SAID"), rows, "SERVICES,BALANCE", "SAID")
    click.echo()


def _count(told: "Told") -> str:
    return str(len(told.listed)) if isinstance(told.listed, dict) else "–"


def _balance(told: "Told") -> str:
    if isinstance(told.balance, Refused | Unreadable):
        return "–"
    amount = output.money(pricing.nearest_micros(told.balance.balance))
    return f"{amount} {told.balance.currency or ''}".rstrip()


def _said(findings: Iterable[Finding]) -> str:
    return "; ".join(one.text if one.wrong else f"({one.text})" for one in findings) or "ok"


def _show_routes(routes: Iterable[Judged]) -> None:
    headings = ("SERVICE", "NAME", "ROUTE", "COST", "RATE", "SAID")
    rows = (
        (
            str(route.offered.id),
            route.offered.name,
            f"{route.facts.route.provider}/{route.facts.route.service}",
            output.money(route.cost_micros),
            _rate(route),
            _said(route.findings),
        )
        for route in routes
    )
    output.table(headings, rows, right="SERVICE,COST,RATE", free="NAME,SAID")


def _rate(route: Judged) -> str:
    return "–" if route.service is None else route.service.rate


def _account_json(name: str, told: "Told", findings: list[Finding]) -> dict[str, object]:
    known = told.balance if isinstance(told.balance, Balance) else None
    return {
        "provider": name,
        "ok": not any(one.wrong for one in findings),
        "services": len(told.listed) if isinstance(told.listed, dict) else None,
        "balance": None if known is None else str(known.balance),
        "currency": None if known is None else known.currency,
        "findings": _findings_json(findings),
    }


def _route_json(route: Judged) -> dict[str, object]:
    return {
        "service": route.offered.id,
        "provider": route.facts.route.provider,
        "upstream_service": route.facts.route.service,
        "ok": route.ok,
        "cost": None if route.cost_micros is None else pricing.exact(route.cost_micros),
        "rate": None if route.service is None else route.service.rate,
        "findings": _findings_json(route.findings),
    }


def _findings_json(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [{"wrong": one.wrong, "text": one.text} for one in findings]
