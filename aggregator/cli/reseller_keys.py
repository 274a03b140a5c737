"""The commands of ``aggregator reseller`` about his keys."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import output
from aggregator.cli.accounts import described
from aggregator.cli.kinds import Amount, Duration, Networks
from aggregator.cli.opening import load, now_ms, reading, writing
from aggregator.cli.options import config_option, json_option, name_argument
from aggregator.cli.reseller_prices import below_cost, warn_of
from aggregator.core.model import Network

if TYPE_CHECKING:
    from aggregator.store.keys import Key
    from aggregator.store.tx import Tx


@click.command("rotate-key", epilog="Example: aggregator reseller rotate-key shop --overlap 3d")
@name_argument
@click.option(
    "--overlap", type=Duration(), default="24h", show_default=True, help="How long both work."
)
@click.option("--now", is_flag=True, help="The old key ends at once: --overlap 0s.")
@config_option
@json_option
def rotate_key(name: str, overlap: float, now: bool, config_path: Path, as_json: bool) -> None:
    """Print a new key, shown this once; the old one goes on working for a while.

    The new key may do what the old one may. A still older one ends at once.
    """
    from aggregator.store import keys, resellers

    at_ms = now_ms()
    until_ms = at_ms if now else at_ms + int(overlap * 1000)
    with writing(load(config_path)) as tx:
        key = keys.rotate(tx, resellers.get(tx, name).id, until_ms, at_ms)
    if as_json:
        until = output.moment(until_ms)
        output.as_json({"reseller": name, "key": key, "old_key_until": until})
    else:
        old = "has ended" if until_ms == at_ms else f"works until {output.shown(until_ms)} UTC"
        click.echo(f"The new key of {name}, shown this once; the old one {old}:\n{key}")


@click.command("end-old-key", epilog="Example: aggregator reseller end-old-key shop")
@name_argument
@config_option
@json_option
def end_old_key(name: str, config_path: Path, as_json: bool) -> None:
    """End a reseller's old key now, after a rotation; the new one stays."""
    from aggregator.store import keys, resellers

    with writing(load(config_path)) as tx:
        keys.end_old(tx, resellers.get(tx, name).id, now_ms())
    _tell(config_path, name, f"The old key of {name} has ended.", as_json)


@click.command(epilog="Example: aggregator reseller allow shop --address 203.0.113.7")
@name_argument
@click.option(
    "--address", "addresses", type=Networks(), multiple=True, help="Or a range; may be repeated."
)
@click.option("--anywhere", is_flag=True, help="From every address again.")
@config_option
@json_option
def allow(
    name: str, addresses: tuple[Network, ...], anywhere: bool, config_path: Path, as_json: bool
) -> None:
    """Let a reseller's keys be used from these addresses only, in place of those before.

    From elsewhere they are answered like keys that do not exist.
    """
    from aggregator.store import keys, resellers

    if bool(addresses) is anywhere:
        raise click.UsageError("Give either --address, as often as needed, or --anywhere.")
    with writing(load(config_path)) as tx:
        keys.set_addresses(tx, resellers.get(tx, name).id, addresses, now_ms())
    where = ", ".join(map(str, addresses)) or "anywhere"
    _tell(config_path, name, f"The keys of {name} work from {where}.", as_json)


@click.command(epilog="Example: aggregator reseller cap shop 250")
@name_argument
@click.argument("amount", type=Amount(), required=False)
@click.option("--clear", is_flag=True, help="As much as there is again.")
@config_option
@json_option
def cap(name: str, amount: int | None, clear: bool, config_path: Path, as_json: bool) -> None:
    """Let a reseller's keys spend at most AMOUNT on one day (UTC), today included.

    An order beyond it is answered `Insufficient balance`. What comes to nothing counts
    no more; what is refunded later does.
    """
    from aggregator.store import keys, resellers

    if (amount is None) is not clear:
        raise click.UsageError("Give either an AMOUNT or --clear.")
    with writing(load(config_path)) as tx:
        keys.set_daily_cap(tx, resellers.get(tx, name).id, amount, now_ms())
    most = "what there is" if amount is None else f"at most {output.money(amount)} a day"
    _tell(config_path, name, f"The keys of {name} spend {most}.", as_json)


@click.command(epilog="Example: aggregator reseller show shop")
@name_argument
@config_option
@json_option
def show(name: str, config_path: Path, as_json: bool) -> None:
    """Show all that is agreed with a reseller: money, prices, keys.

    It warns of routes that cost more than he pays: his orders do not use them.
    """
    _tell(config_path, name, "", as_json)


def _tell(config_path: Path, name: str, said: str, as_json: bool) -> None:
    """What was done, if anything; or the whole reseller, for programs always."""
    from aggregator.store import resellers

    at_ms, loaded = now_ms(), load(config_path)
    with reading(loaded) as tx:
        account = resellers.get(tx, name)
        lost = below_cost(loaded, tx, account.terms)
        facts = {**described(account), "below_cost": lost, **_keys(tx, account.id, at_ms)}
    if as_json:
        output.as_json(facts)
    elif said:
        click.echo(said)
    else:
        _print(facts)
        warn_of(lost)


def _keys(tx: "Tx", reseller_id: int, at_ms: int) -> dict[str, Any]:
    from aggregator.store import keys, money

    return {
        "spent_today": output.money(money.spent(tx, reseller_id, money.day_of(at_ms))),
        "keys": [_described(one) for one in keys.of_reseller(tx, reseller_id, at_ms)],
    }


def _described(one: "Key") -> dict[str, object]:
    cap_micros = one.daily_cap_micros
    return {
        "key": one.label,
        "scopes": sorted(one.scopes),
        "addresses": [str(network) for network in one.addresses],
        "daily_cap": None if cap_micros is None else output.money(cap_micros),
        "created_at": output.moment(one.created_at_ms),
        "ends_at": None if one.ends_at_ms is None else output.moment(one.ends_at_ms),
    }


def _print(facts: dict[str, Any]) -> None:
    state = "disabled" if facts["disabled"] else "enabled"
    click.echo(f"{facts['reseller']} is {state}, since {facts['created_at']}.")
    click.echo(f"  available   {facts['available']}")
    click.echo(f"  held        {facts['held']}")
    click.echo(f"  discount    {facts['discount']}")
    for service_id, rate in facts["prices"].items():
        click.echo(f"  service {service_id:<3} {rate}, a rate of his own")
    click.echo()
    headings = ("KEY", "MAY", "FROM", "A DAY", "SPENT TODAY", "ADDED", "ENDS")
    rows = (
        (
            one["key"],
            ", ".join(one["scopes"]),
            ", ".join(one["addresses"]) or "anywhere",
            output.maybe(one["daily_cap"]),
            "–" if one["daily_cap"] is None else facts["spent_today"],
            one["created_at"][:10],
            (one["ends_at"] or "–")[:16].replace("T", " "),
        )
        for one in facts["keys"]
    )
    output.table(headings, rows, free="MAY,FROM")


COMMANDS = (show, rotate_key, end_old_key, allow, cap)
