"""The commands of ``aggregator reseller`` about what he pays."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.accounts import described
from aggregator.cli.kinds import MAX_ID, Discount, Rate
from aggregator.cli.opening import load, reading, writing
from aggregator.cli.options import config_option, json_option, name_argument
from aggregator.core import routing, terms
from aggregator.core.model import Offer, PriceTerms, Service

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.ports import Setup
    from aggregator.store.resellers import Account
    from aggregator.store.tx import Tx

Catalogue = Mapping[str, Mapping[str, Offer]]


@click.command(epilog="Example: aggregator reseller discount shop 5%")
@name_argument
@click.argument("percentage", type=Discount())
@config_option
@json_option
def discount(name: str, percentage: int, config_path: Path, as_json: bool) -> None:
    """Sell to a reseller at PERCENTAGE below the rates of the list; 0% ends it.

    It is for orders from now on. Services that have a price of his own keep that.
    """
    from aggregator.store import resellers

    loaded = load(config_path)
    with writing(loaded) as tx:
        account = resellers.set_discount(tx, name, percentage)
    _told(loaded, account, f"{name} pays {terms.percent(percentage)} less", as_json)


@click.command(epilog="Example: aggregator reseller price shop 17 0.80")
@name_argument
@click.argument("service", type=click.IntRange(1, MAX_ID))
@click.argument("rate", type=Rate(), required=False)
@click.option("--clear", is_flag=True, help="He pays the rate of the list again.")
@config_option
@json_option
def price(
    name: str, service: int, rate: str | None, clear: bool, config_path: Path, as_json: bool
) -> None:
    """Sell SERVICE to a reseller at a RATE of his own, from now on.

    The rate is per 1000, or per order for packages, and is not discounted further.
    """
    from aggregator.store import resellers

    if (rate is None) is not clear:
        raise click.UsageError("Give either a RATE or --clear.")
    loaded = load(config_path)
    if rate is not None and service not in loaded.setup.services:
        raise click.ClickException(f"There is no service {service} in {config_path}.")
    with writing(loaded) as tx:
        account = resellers.set_price(tx, name, service, rate)
    what = f"{name} pays {rate or 'the rate of the list'} for service {service}"
    _told(loaded, account, what, as_json)


def _told(loaded: "Loaded", account: "Account", what: str, as_json: bool) -> None:
    """What he pays now, and which routes that keeps his orders from."""
    with reading(loaded) as tx:
        lost = below_cost(loaded, tx, account.terms)
    if as_json:
        output.as_json({**described(account), "below_cost": lost})
        return
    click.echo(f"{what}.")
    warn_of(lost)


def below_cost(loaded: "Loaded", tx: "Tx", agreed: PriceTerms) -> list[dict[str, object]]:
    """The routes that his orders will not use for what he pays, by service."""
    from aggregator.store import catalogue

    known = catalogue.offers(tx, loaded.setup.routed())
    return [
        {"service": service.id, "route": route}
        for service in loaded.setup.services.values()
        for route in _below_cost(loaded.setup, known, service, agreed)
    ]


def warn_of(lost: Sequence[Mapping[str, object]]) -> None:
    for one in lost:
        said = f"warning: service {one['service']} costs more than he pays at {one['route']}"
        click.echo(f"{said}, which his orders will not use.", err=True)


def _below_cost(
    setup: "Setup", known: Catalogue, service: Service, agreed: PriceTerms
) -> Iterator[str]:
    """The routes that serve it at the rate of the list, but not at his."""
    facts = setup.facts(service, known)
    listed = routing.priced(service, facts)
    if listed is None or not service.enabled:
        return
    his = terms.sold(listed, agreed)
    for one in facts:
        if routing.sells_at_loss(his, one) and not routing.sells_at_loss(listed, one):
            yield f"{one.route.provider}/{one.route.service}"


COMMANDS = (discount, price)
