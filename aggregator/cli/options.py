"""Options and arguments that several commands take."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any

import click

from aggregator.core import pricing
from aggregator.core.ledger import EVER, Period

DAY_MS = 86_400_000
MAX_ID = 10**18 - 1  # as the API takes them
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,30})?", re.ASCII)
_RATE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,5})?", re.ASCII)  # below any sentinel
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?) ?%", re.ASCII)

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
name_argument = click.argument("name")
order_argument = click.argument("order_id", metavar="ID", type=click.IntRange(1, MAX_ID))


class Amount(click.ParamType[int]):
    """Money of our currency, as micros: more than nothing, at most 5 decimals."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not _DECIMAL.fullmatch(value):  # what Decimal would read: "1e3", "1_000", "٣"
            self.fail(f"{value!r} is no amount, such as 12.50.", param, ctx)
        try:
            micros = pricing.parse_micros(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not 0 < micros <= pricing.MAX_MICROS:
            self.fail("must be more than 0, and not astronomic.", param, ctx)
        if micros % pricing.STEP:
            self.fail("has more than 5 decimals, which no balance would ever show.", param, ctx)
        return micros


class Discount(click.ParamType[int]):
    """A percentage from 0% to 100%, as millionths."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _PERCENT.fullmatch(value)
        if found is None or Decimal(found[1]) > 100:
            self.fail(f"{value!r} is no percentage from 0% to 100%, such as 5%.", param, ctx)
        return int(Decimal(found[1]).scaleb(4))


class Rate(click.ParamType[str]):
    """A rate as it will be echoed: at most 5 decimals."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _RATE.fullmatch(value):
            self.fail(f"{value!r} is no rate, such as 0.80, of at most 5 decimals.", param, ctx)
        return str(value)


class Duration(click.ParamType[float]):
    """Seconds, of a time as the configuration has it: ``24h``."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        from aggregator.config import values

        try:
            return values.duration("0s", "366d")(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Day(click.ParamType[int]):
    """The moment at which a day begins in UTC, in milliseconds."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            if not _DAY.fullmatch(value):
                raise ValueError
            day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value!r} is no day, such as 2026-01-31.", param, ctx)
        return int(day.timestamp()) * 1000


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
