"""The kinds of values a configuration holds, each as one function.

Each takes what the YAML said (text, int, Decimal, bool, None, list, dict), gives the
value in the program's own terms, and raises ValueError with what it must be. Text
that came from the environment may stand for any of them, so a number may be text.
"""

import re
import shlex
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from aggregator.config.mistakes import Unfit, did_you_mean, shown
from aggregator.config.settings import Limit
from aggregator.core import pricing
from aggregator.core.order_types import TYPES

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Check = Callable[[object], T]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,30}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|min|h|d)")
_PER_TIME = re.compile(r"([0-9]{1,9})/(s|sec|second|m|min|minute|h|hour|d|day)")
_PERCENT = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,6})?) ?%")
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNIT = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hour": "h", "day": "d"}


def optional(check: Check[T]) -> Check[T | None]:
    """The same, but null (or nothing) is taken as None."""
    return lambda value: None if value is None else check(value)


def _text(value: object, forbidden: re.Pattern[str]) -> str:
    if isinstance(value, bool):
        raise ValueError("must be text: put it in quotes")
    if isinstance(value, int | Decimal):
        return shown(value)
    if not isinstance(value, str):
        raise Unfit("text", value)
    if not value.strip():
        raise ValueError("must not be empty")
    if forbidden.search(value):
        raise ValueError("must not hold control characters")
    return value


def text(value: object) -> str:
    """One line that is not blank; a number is taken as it is written."""
    return _text(value, _CONTROL)


def lines(value: object) -> str:
    """Text that may have several lines."""
    return _text(value, _CONTROL_BUT_LINES)


def name(value: object) -> str:
    """A name of the operator's own, fit for a metric's label and a ledger account."""
    if not _NAME.fullmatch(text(value)):
        raise ValueError("must be letters, digits, '.', '_' and '-', at most 64 of them")
    return text(value)


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    raise Unfit("true or false", value)


def whole(low: int, high: int) -> Check[int]:
    def check(value: object) -> int:
        written = shown(value) if isinstance(value, int) else value
        if isinstance(value, bool) or not isinstance(written, str):
            raise Unfit("a whole number", value)
        if not _WHOLE.fullmatch(written):
            raise Unfit("a whole number", value)
        if not low <= int(written) <= high:
            raise ValueError(f"must be between {low} and {high}")
        return int(written)

    return check


def _written(value: object, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
    """The match of a text or number; else Unfit."""
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    match = pattern.fullmatch(value if isinstance(value, str) else shown(value) if number else "")
    if not match:
        raise Unfit(wanted, value)
    return match


def _ms(unit: str) -> int:
    return _MS[_UNIT.get(unit, unit)]


def duration(low: str, high: str) -> Check[float]:
    """Seconds, from text such as ``500ms``, ``10s``, ``15m``, ``1h`` or ``3d``."""
    least, most = seconds(low), seconds(high)

    def check(value: object) -> float:
        found = seconds(value)
        if not least <= found <= most:
            raise ValueError(f"must be between {low} and {high}")
        return found

    return check


def seconds(value: object) -> float:
    match = _written(value, _DURATION, "a time with its unit, such as 10s, 15m, 1h or 3d")
    return float(Decimal(match[1]) * _ms(match[2]) / 1000)


def per_time(value: object) -> Limit:
    """``20/min``, ``5/s``, ``1000/hour``: so many in each such time."""
    match = _written(value, _PER_TIME, "a number per time, such as 20/min, 5/s or 1000/hour")
    if int(match[1]) < 1:
        raise ValueError("must be at least 1; null means no limit")
    return Limit(int(match[1]), _ms(match[2]) // 1000)


def per_minute(value: object) -> int:
    """A rate, as whole calls a minute, rounded down."""
    limit = per_time(value)
    calls = limit.count * 60 // limit.seconds
    if calls < 1:
        raise ValueError("must be at least 1/min")
    return calls


def money(value: object) -> int:
    """Micros of an amount that is not negative."""
    return pricing.parse_micros(_written(value, _AMOUNT, "an amount, such as 0.90")[0])


def rate(value: object) -> str:
    """The text of a price, as written: ``"0.90"``."""
    if money(value) > pricing.MAX_RATE_MICROS:
        raise ValueError(f"must be at most {pricing.exact(pricing.MAX_RATE_MICROS)}")
    return text(value)


def cost(value: object) -> int:
    """Micros of a price."""
    return pricing.parse_micros(rate(value))


def percent(value: object) -> Decimal:
    """A fraction, from ``20%``: 0.20."""
    return Decimal(_written(value, _PERCENT, "a percentage, such as 20%")[1]) / 100


def exchange_rate(value: object) -> Decimal:
    number = Decimal(_written(value, _AMOUNT, 'a number, such as "1.08"')[0])
    if not number:
        raise ValueError("must be more than 0")
    return number


def currency(value: object) -> str:
    _written(value, _CURRENCY, "a currency's code in capitals, such as USD")
    return text(value)


def choice(kind: type[E]) -> Check[E]:
    words = [member.value for member in kind]

    def check(value: object) -> E:
        if isinstance(value, str) and value in words:
            return kind(value)
        hint = did_you_mean(value, words) if isinstance(value, str) else ""
        raise Unfit(" or ".join(words), value, hint)

    return check


def order_type(value: object) -> str:
    word = text(value)
    if word not in TYPES:
        raise ValueError(f"no type {shown(word)}{did_you_mean(word, TYPES)}")
    return word


def command(value: object) -> tuple[str, ...]:
    """A program and its arguments, from one text (split as a shell would) or a list."""
    if isinstance(value, list):
        words = tuple(text(word) for word in value)
    else:
        try:
            words = tuple(shlex.split(text(value)))
        except ValueError as error:
            raise ValueError(str(error).lower()) from None
    if not words:
        raise ValueError("must name a program")
    return words
