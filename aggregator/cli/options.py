"""Options and arguments that several commands take."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from aggregator.cli.completion import complete_resellers
from aggregator.cli.kinds import MAX_ID, Day
from aggregator.core.ledger import EVER, Period

DAY_MS = 86_400_000

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
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
name_argument = click.argument("name", shell_complete=complete_resellers)
order_argument = click.argument("order_id", metavar="ID", type=click.IntRange(1, MAX_ID))


def period_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--from`` and ``--to``, as one parameter ``period``."""

    @click.option("--from", "from_ms", type=Day(), metavar="DAY", help="From this day on (UTC).")
    @click.option("--to", "to_ms", type=Day(), metavar="DAY", help="Up to this day, included.")
    @wraps(command)
    def with_period(*args: Any, from_ms: int | None, to_ms: int | None, **given: Any) -> None:
        until_ms = EVER.until_ms if to_ms is None else to_ms + DAY_MS
        if (from_ms or 0) >= until_ms:
            raise click.UsageError("--to is before --from.")
        command(*args, period=Period(from_ms or 0, until_ms), **given)

    return with_period


def one_form(as_csv: bool, as_json: bool) -> None:
    if as_csv and as_json:
        raise click.UsageError("Give --csv or --json, not both.")


def confirm(question: str, yes: bool) -> None:
    """Asks before money moves by hand; only a person at a terminal can be asked."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
