"""``aggregator reseller …``: who may order, his keys, and money that came in or went out."""

from pathlib import Path

import click

from aggregator.cli import output, reseller_import, reseller_keys, reseller_prices
from aggregator.cli.accounts import described, tell
from aggregator.cli.kinds import Amount, Discount, NewName, Scopes
from aggregator.cli.opening import load, now_ms, reading, writing
from aggregator.cli.options import (
    config_option,
    confirm,
    json_option,
    name_argument,
    yes_option,
)
from aggregator.core import terms
from aggregator.core.model import Scope

amount_argument = click.argument("amount", type=Amount())


@click.group()
def reseller() -> None:
    """Resellers: their keys and their money."""


@reseller.command(epilog="Example: aggregator reseller add shop --scopes read,order")
@click.argument("name", type=NewName())
@click.option(
    "--scopes",
    type=Scopes(),
    default=",".join(Scope),
    show_default=True,
    help="What his key may do.",
)
@click.option("--discount", type=Discount(), default=0, help="Off every rate of the list: 5%.")
@config_option
@json_option
def add(
    name: str, scopes: frozenset[Scope], discount: int, config_path: Path, as_json: bool
) -> None:
    """Add a reseller, and print his key: it is shown this once.

    Makes the database where there is none yet.
    """
    from aggregator.store import resellers

    with writing(load(config_path), create=True) as tx:
        key = resellers.add(tx, name, now_ms(), scopes, discount)
    if as_json:
        output.as_json({"reseller": name, "key": key})
    else:
        click.echo(f"{name} may {', '.join(sorted(scopes))}. His key, shown this once:\n{key}")


@reseller.command("list", epilog="Example: aggregator reseller list --json")
@config_option
@json_option
def list_(config_path: Path, as_json: bool) -> None:
    """List resellers with what they can spend and what their open orders hold."""
    from aggregator.store import resellers

    with reading(load(config_path)) as tx:
        accounts = resellers.listed(tx)
    if as_json:
        output.as_json([described(one) for one in accounts])
        return
    rows = (
        (
            one.name,
            output.money(one.available_micros),
            output.money(one.held_micros),
            terms.percent(one.terms.discount_ppm) if one.terms.discount_ppm else "",
            str(len(one.terms.rates) or ""),
            "disabled" if one.disabled else "",
            output.shown(one.created_at_ms),
        )
        for one in accounts
    )
    headings = ("RESELLER", "AVAILABLE", "HELD", "DISCOUNT", "PRICES", "", "ADDED")
    output.table(headings, rows, right="AVAILABLE,HELD,DISCOUNT,PRICES")


@reseller.command(epilog='Example: aggregator reseller credit shop 25 --note "invoice 118"')
@name_argument
@amount_argument
@click.option(
    "--note", default="by hand", show_default=True, help="The reason; it stands in the ledger."
)
@yes_option
@config_option
@json_option
def credit(name: str, amount: int, note: str, yes: bool, config_path: Path, as_json: bool) -> None:
    """Add money that a reseller has paid."""
    from aggregator.store import resellers

    loaded = load(config_path)
    currency = loaded.setup.policy.currency
    confirm(f"Credit {name} with {output.money(amount)} {currency}?", yes)
    with writing(loaded) as tx:
        account = resellers.credit(tx, name, amount, note, now_ms())
    tell(account, currency, as_json)


@reseller.command(epilog='Example: aggregator reseller debit shop 25 --note "paid back"')
@name_argument
@amount_argument
@click.option("--note", required=True, help="The reason; it stands in the ledger.")
@yes_option
@config_option
@json_option
def debit(name: str, amount: int, note: str, yes: bool, config_path: Path, as_json: bool) -> None:
    """Take off money that a reseller was given back."""
    from aggregator.store import resellers

    loaded = load(config_path)
    currency = loaded.setup.policy.currency
    confirm(f"Take {output.money(amount)} {currency} from {name}?", yes)
    with writing(loaded) as tx:
        account = resellers.debit(tx, name, amount, note, now_ms())
    tell(account, currency, as_json)


@reseller.command(epilog="Example: aggregator reseller disable shop")
@name_argument
@config_option
@json_option
def disable(name: str, config_path: Path, as_json: bool) -> None:
    """Let none of a reseller's keys in any more; his orders go on."""
    _set_disabled(config_path, name, True, as_json)


@reseller.command(epilog="Example: aggregator reseller enable shop")
@name_argument
@config_option
@json_option
def enable(name: str, config_path: Path, as_json: bool) -> None:
    """Let a disabled reseller's keys in again."""
    _set_disabled(config_path, name, False, as_json)


def _set_disabled(config_path: Path, name: str, disabled: bool, as_json: bool) -> None:
    from aggregator.store import resellers

    with writing(load(config_path)) as tx:
        resellers.set_disabled(tx, name, disabled)
    if as_json:
        output.as_json({"reseller": name, "disabled": disabled})
    else:
        click.echo(f"{name} is {'disabled' if disabled else 'enabled'}.")


for command in (*reseller_keys.COMMANDS, *reseller_prices.COMMANDS, reseller_import.import_):
    reseller.add_command(command)
