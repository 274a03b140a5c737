"""The kinds of values on the command line: what is not exactly so is refused."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import click

from aggregator.cli.output import FORMULA
from aggregator.core import pricing
from aggregator.core.model import Network, Scope

MAX_ID = 10**18 - 1  # as the API takes them
_NAME_MAX = 64
_KEY = re.compile(r"[!-~]{16,256}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,30})?", re.ASCII)
_RATE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,5})?", re.ASCII)  # below any sentinel
_UPSTREAM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?) ?%", re.ASCII)


class Amount(click.ParamType[int]):
    """Money of our currency, as micros: more than nothing, unless it may be ``zero``; at
    most 5 decimals."""

    name = "amount"

    def __init__(self, *, zero: bool = False) -> None:
        self.least = 0 if zero else 1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not _DECIMAL.fullmatch(value):  # what Decimal would read: "1e3", "1_000", "٣"
            self.fail(f"{value!r} is no amount, such as 12.50.", param, ctx)
        try:
            micros = pricing.parse_micros(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not self.least <= micros <= pricing.MAX_MICROS:
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


class Scopes(click.ParamType[frozenset[Scope]]):
    """A comma list of scopes."""

    name = "scopes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[Scope]:
        if isinstance(value, frozenset):
            return value
        words = [word for part in value.split(",") if (word := part.strip())]
        if not words or set(words) - set(Scope):
            self.fail(f"{value!r} is no comma list of {', '.join(Scope)}.", param, ctx)
        return frozenset(Scope(word) for word in words)


class NewName(click.ParamType[str]):
    """A name that can be typed again: printable, no blanks at its ends, and nothing before
    it that makes it an option or, in a table, a formula."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        name = str(value)
        if not (0 < len(name) <= _NAME_MAX and name.isprintable() and name == name.strip()):
            self.fail(f"must be 1 to {_NAME_MAX} printable characters.", param, ctx)
        if name.startswith(FORMULA):
            self.fail("must not begin with =, +, - or @.", param, ctx)
        return name


class Networks(click.ParamType[Network]):
    """An address or a range of them."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Network:
        try:
            return ip_network(value)
        except ValueError:
            self.fail(f"{value!r} is no address or range, such as 10.0.0.0/8.", param, ctx)


class NewKey(click.ParamType[str]):
    """An API key that somebody has already. It is never quoted."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _KEY.fullmatch(value):
            self.fail("must be 16 to 256 printable ASCII characters without blanks.", param, ctx)
        return str(value)


class Markup(click.ParamType[tuple[str, Decimal]]):
    """``20%``: as it was written, and as a fraction."""

    name = "percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Decimal]:
        from aggregator.config.values import percent

        written = str(value).replace(" ", "")
        try:
            return written, percent(written)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Url(click.ParamType[str]):
    """The URL of an API, by the rules of the configuration."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from aggregator.config.network import api_url

        try:
            return api_url(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class UpstreamId(click.ParamType[str]):
    """An order's ID as a panel gave it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _UPSTREAM_ID.fullmatch(value):
            self.fail(f"{value!r} is no ID: letters, digits, '-' and '_'.", param, ctx)
        return str(value)
