"""``aggregator ledger profit``: what was earned, and on what."""

from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import output
from aggregator.cli.opening import load, reading
from aggregator.cli.options import (
    config_option,
    csv_option,
    json_option,
    one_form,
    period_options,
)
from aggregator.core.ledger import Period

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.core.profit import Profit, Taking

_GROUPS: dict[str, Callable[["Taking"], Hashable]] = {
    "provider": lambda one: one.provider,
    "service": lambda one: one.service_id,
    "day": lambda one: output.moment(one.at_ms)[:10],
}
_COLUMNS = ("orders", "charged", "refunded", "cost", "losses", "profit", "unknown_cost")


@click.command(
    epilog="""\b
Examples:
  aggregator ledger profit --by service
  aggregator ledger profit --by day --from 2026-01-01 --to 2026-01-31 --csv > january.csv"""
)
@click.option(
    "--by", type=click.Choice(list(_GROUPS)), default="provider", show_default=True, help="Groups."
)
@period_options
@csv_option
@config_option
@json_option
def profit(by: str, period: Period, as_csv: bool, config_path: Path, as_json: bool) -> None:
    """Print what was charged, less refunds, providers' costs and losses.

    A sale, a refund and a loss count on their own days (UTC); an order's cost on the day
    of its sale, as it is known by now: the provider's word, else its price. Orders whose
    cost nobody knows are counted as UNKNOWN COST, and then the profit is less than it says.
    """
    one_form(as_csv, as_json)
    loaded = load(config_path)
    lines = list(_lines(loaded, by, period))
    currency = loaded.setup.policy.currency
    if as_csv:
        output.as_csv((by, *_COLUMNS), (line.values() for line in lines))
    elif as_json:
        *groups, whole = lines
        del whole[by]
        output.as_json({"by": by, "currency": currency, "groups": groups, "total": whole})
    else:
        headings = [one.upper().replace("_", " ") for one in (by, *_COLUMNS)]
        rows = ([output.maybe(cell) for cell in line.values()] for line in lines)
        output.table(headings, rows, right=",".join(headings[1:]))
        click.echo(f"\nIn {currency}, at today's exchange rates.")


def _lines(loaded: "Loaded", by: str, period: Period) -> Iterator[dict[str, Any]]:
    """A line for each group, and one for all of them."""
    from aggregator.core import profit as sums
    from aggregator.store import money

    rates = {name: one.exchange_rate for name, one in loaded.setup.providers.items()}
    with reading(loaded) as tx:
        found = sums.tally(money.takings(tx, period), _GROUPS[by], rates)
    for group in sorted(found, key=lambda one: (one is None, one)):
        yield _described(by, group, found[group])
    yield _described(by, "total", sums.total(found.values()))


def _described(by: str, group: Hashable, one: "Profit") -> dict[str, Any]:
    return {
        by: group,
        "orders": one.orders,
        "charged": output.money(one.charged_micros),
        "refunded": output.money(one.refunded_micros),
        "cost": output.money(one.cost_micros),
        "losses": output.money(one.loss_micros),
        "profit": output.money(one.micros),
        "unknown_cost": one.unknown,
    }
