"""A reseller as the commands show him."""

from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.core import terms

if TYPE_CHECKING:
    from aggregator.store.resellers import Account


def described(one: "Account") -> dict[str, object]:
    return {
        "reseller": one.name,
        "available": output.money(one.available_micros),
        "held": output.money(one.held_micros),
        "disabled": one.disabled,
        "created_at": output.moment(one.created_at_ms),
        "discount": terms.percent(one.terms.discount_ppm),
        "prices": {str(service_id): rate for service_id, rate in one.terms.rates},
    }


def tell(account: "Account", currency: str, as_json: bool) -> None:
    """What an account holds after money came or went."""
    if as_json:
        output.as_json(described(account))
        return
    available, held = output.money(account.available_micros), output.money(account.held_micros)
    click.echo(f"{account.name} has {available} {currency} available, {held} held.")
