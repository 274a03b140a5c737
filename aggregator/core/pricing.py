"""Money as integer micros; ``Decimal`` and text only at the edges.

On the wire money has exactly 5 decimals, so a charge is rounded *up* to a whole
number of them and a refund *down*: the ledger never holds a fraction that a
reseller cannot see. No float enters or leaves this module.
"""

from decimal import Decimal, InvalidOperation
from typing import Final

MICROS = 1_000_000
STEP = 10  # micros in the last decimal on the wire
MAX_MICROS = 9_000_000_000_000_000  # stays inside a 64-bit integer after sums
MAX_THEIRS_MICROS = 10**18  # theirs may be worth little each; one figure still fits
MAX_RATE_MICROS = 999_999_999_999  # of ours; above: a sentinel ("999999999999.00"), not a price

_MICRO: Final = Decimal("0.000001")
_MAX_OURS: Final = Decimal(MAX_MICROS // MICROS)
_MAX_THEIRS: Final = Decimal(MAX_THEIRS_MICROS // MICROS)


def parse_micros(text: str | int | Decimal) -> int:
    """Exact micros of a decimal number; ValueError where it is none.

    Refuses NaN, infinities, more than 6 decimals, and what does not fit.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {str(text)[:40]!r}") from None
    if not number.is_finite():
        raise ValueError("not a finite number")
    if not -_MAX_OURS <= number <= _MAX_OURS:
        raise ValueError("number too large")
    rounded = number.quantize(_MICRO)
    if rounded != number:
        raise ValueError("more than 6 decimals")
    return int(rounded.scaleb(6))


def nearest_micros(number: Decimal | None) -> int | None:
    """Micros of a foreign figure, rounded; None where it is unusable."""
    if number is None or not number.is_finite() or not -_MAX_THEIRS <= number <= _MAX_THEIRS:
        return None
    return int(number.quantize(_MICRO).scaleb(6))


def wire(micros: int) -> str:
    """Text with exactly 5 decimals, the sixth cut off: "0.27819"."""
    units, fraction = divmod(abs(micros) // STEP, MICROS // STEP)
    sign = "-" if micros <= -STEP else ""
    return f"{sign}{units}.{fraction:05d}"


def exact(micros: int) -> str:
    """Every digit that counts, and at least two decimals: "12.50", "0.000001"."""
    units, fraction = divmod(abs(micros), MICROS)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{units}.{digits}"


def price(rate_micros: int, units: int, *, per_order: bool) -> int:
    """What ``units`` cost at a rate, exact, before any rounding to the wire.

    Rounded up to a whole micro: used for costs, and as the first half of ``charge``.
    """
    if per_order:
        return rate_micros * units
    return -(-rate_micros * units // 1000)


def round_up(micros: int) -> int:
    return -(-micros // STEP) * STEP


def round_down(micros: int) -> int:
    return micros // STEP * STEP


def charge(rate_micros: int, units: int, *, per_order: bool) -> int:
    """What the reseller pays, in micros, rounded up to 5 decimals."""
    return round_up(price(rate_micros, units, per_order=per_order))


def converted(micros: int, exchange_rate: Decimal) -> int:
    """A provider's money in ours, rounded up: a cost is never understated."""
    return exchanged(micros, exchange_rate.as_integer_ratio())


def exchanged(micros: int, rate: tuple[int, int]) -> int:
    """The same by a rate that is a ratio: no context's precision cuts it."""
    times, by = rate
    return -(-micros * times // by)


def share(charge_micros: int, part: int, whole: int) -> int:
    """The cost of ``part`` of ``whole`` units, rounded up to the wire's step.

    Rounding the cost up rounds the refund (charge minus cost) down.
    """
    if whole <= 0 or part >= whole:
        return charge_micros
    return min(charge_micros, round_up(-(-charge_micros * max(part, 0) // whole)))
