"""Money as integer micros; ``Decimal`` and text only at the edges.

On the wire money has exactly 5 decimals, so a charge is rounded *up* to a whole
number of them and a refund *down*: the ledger never holds a fraction that a
reseller cannot see. No float enters or leaves this module.
"""

from decimal import Decimal, InvalidOperation

MICROS = 1_000_000
STEP = 10  # micros in the last decimal on the wire
MAX_MICROS = 9_000_000_000_000_000  # stays inside a 64-bit integer after sums
MAX_RATE_MICROS = 999_999_999_999  # above: a sentinel ("999999999999.00"), not a price


def parse_micros(text: str | int | Decimal) -> int:
    """Exact micros of a decimal number; ValueError where it is none.

    Refuses exponents' excess, NaN, infinities, more than 6 decimals, and what
    does not fit.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {str(text)[:40]!r}") from None
    if not number.is_finite():
        raise ValueError("not a finite number")
    if number.adjusted() > 12:
        raise ValueError("number too large")
    micros = number.scaleb(6)
    if micros != micros.to_integral_value():
        raise ValueError("more than 6 decimals")
    return int(micros)


def nearest_micros(number: Decimal | None) -> int | None:
    """Micros of a foreign figure, rounded; None where it is unusable."""
    if number is None or not number.is_finite() or abs(number.adjusted()) > 12:
        return 0 if number is not None and number.is_zero() else None
    return int(number.scaleb(6).to_integral_value())


def wire(micros: int) -> str:
    """Text with exactly 5 decimals, floored: "0.27819"."""
    units, fraction = divmod(abs(micros) // STEP, MICROS // STEP)
    sign = "-" if micros <= -STEP else ""
    return f"{sign}{units}.{fraction:05d}"


def exact(micros: int) -> str:
    """Text without needless zeros, for operators: "12.5"."""
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
    exact_value = micros * exchange_rate
    whole = int(exact_value)
    return whole + 1 if exact_value > whole else whole


def share(charge_micros: int, part: int, whole: int) -> int:
    """The cost of ``part`` of ``whole`` units, rounded up to the wire's step.

    Rounding the cost up rounds the refund (charge minus cost) down.
    """
    if whole <= 0 or part >= whole:
        return charge_micros
    return min(charge_micros, round_up(-(-charge_micros * max(part, 0) // whole)))
