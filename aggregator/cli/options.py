"""Options and arguments that several commands take."""

import sys
from pathlib import Path
from typing import Any

import click

from aggregator.core import pricing

MAX_ID = 10**18 - 1  # as the API takes them

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="AGGREGATOR_CONFIG",
    default="config.yaml",
    show_default=True,
    show_envvar=True,
    help="The configuration.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
order_argument = click.argument("order_id", metavar="ID", type=click.IntRange(1, MAX_ID))


class Amount(click.ParamType[int]):
    """Money of our currency, as micros: more than nothing, at most 5 decimals."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            micros = pricing.parse_micros(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not 0 < micros <= pricing.MAX_MICROS:
            self.fail("must be more than 0, and not astronomic.", param, ctx)
        if micros % pricing.STEP:
            self.fail("has more than 5 decimals, which no balance would ever show.", param, ctx)
        return micros


def confirm(question: str, yes: bool) -> None:
    """Asks before money moves by hand; only a person at a terminal can be asked."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
