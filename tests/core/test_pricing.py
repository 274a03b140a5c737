"""Money: integers inside, 5 decimals outside, roundings that favour nobody by accident."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import pricing
from aggregator.core.pricing import MAX_MICROS, MAX_THEIRS_MICROS, STEP

rates = st.integers(0, pricing.MAX_RATE_MICROS)
units = st.integers(1, 10**10)
sums = st.integers(0, MAX_MICROS)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0.90", 900_000),
        ("12", 12_000_000),
        (7, 7_000_000),
        (Decimal("0.000001"), 1),
        ("-1.5", -1_500_000),
        ("0.1000000000000000000000000000000000000000", 100_000),
        ("0E+50", 0),
        ("9e9", MAX_MICROS),
    ],
)
def test_parse(text: str | int | Decimal, micros: int) -> None:
    """A decimal number is read exactly."""
    assert pricing.parse_micros(text) == micros


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a number"),
        ("1,5", "not a number"),
        ("$1", "not a number"),
        ("1e999999999999999999999", "not a number"),
        ("NaN", "finite"),
        ("sNaN", "finite"),
        ("-Infinity", "finite"),
        ("9000000000.000001", "too large"),
        ("-9000000001", "too large"),
        ("1e999999", "too large"),
        ("0.0000001", "6 decimals"),
        ("1.00000000000000000000000000000000001", "6 decimals"),
        ("1e-400000", "6 decimals"),
    ],
)
def test_parse_refuses(text: str, why: str) -> None:
    """What is no exact count of micros that fits is refused, and said why."""
    with pytest.raises(ValueError, match=why):
        pricing.parse_micros(text)


@pytest.mark.parametrize(
    ("number", "micros"),
    [
        (None, None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (Decimal("1e13"), None),
        (Decimal("-1e400000"), None),
        (Decimal("0.12345678901"), 123_457),
        (Decimal("1e-13"), 0),
        (Decimal("0E+99"), 0),
        (Decimal("-2.5"), -2_500_000),
        (Decimal("999999999999.00"), 999_999_999_999_000_000),
    ],
)
def test_nearest(number: Decimal | None, micros: int | None) -> None:
    """A foreign figure is rounded to micros, or is None where no bank would write it."""
    assert pricing.nearest_micros(number) == micros


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_nearest_never_raises(number: Decimal) -> None:
    """Whatever number a provider writes, its micros fit 64 bits or there are none."""
    micros = pricing.nearest_micros(number)
    assert micros is None or abs(micros) <= MAX_THEIRS_MICROS < 2**63


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (278_190, "0.27819"),
        (100_842_929, "100.84292"),
        (9, "0.00000"),
        (-9, "0.00000"),
        (-10, "-0.00001"),
        (-1_500_000, "-1.50000"),
    ],
)
def test_wire(micros: int, text: str) -> None:
    """On the wire money has exactly 5 decimals, what is beyond them cut off."""
    assert pricing.wire(micros) == text


@given(sums)
def test_wire_is_a_floor(micros: int) -> None:
    """Reading back what the wire shows gives the amount, rounded down to its step."""
    text = pricing.wire(micros)
    assert len(text.partition(".")[2]) == 5
    assert pricing.parse_micros(text) == pricing.round_down(micros)


@pytest.mark.parametrize(
    ("micros", "text"),
    [(12_500_000, "12.50"), (1, "0.000001"), (0, "0.00"), (-250_000, "-0.25")],
)
def test_exact(micros: int, text: str) -> None:
    """An operator sees every digit that counts, and at least two decimals."""
    assert pricing.exact(micros) == text


@given(st.integers(-MAX_MICROS, MAX_MICROS))
def test_exact_loses_nothing(micros: int) -> None:
    """What an operator sees is read back as the same amount."""
    assert pricing.parse_micros(pricing.exact(micros)) == micros


@pytest.mark.parametrize(
    ("rate", "count", "per_order", "charge"),
    [
        (900_000, 1000, False, 900_000),
        (900_000, 50, False, 45_000),
        (900_001, 1, False, 910),
        (1, 1, False, 10),
        (0, 10_000, False, 0),
        (5_000_001, 1, True, 5_000_010),
        (999_999_999_999, 9_999_999, False, 9_999_998_999_990_010),  # beyond what a float holds
    ],
)
def test_charge(rate: int, count: int, per_order: bool, charge: int) -> None:
    """A charge is the rate per 1000 units, or per order, rounded up to the wire's step."""
    assert pricing.charge(rate, count, per_order=per_order) == charge


@given(rates, units, st.booleans())
def test_charge_is_the_least_that_covers(rate: int, count: int, per_order: bool) -> None:
    """A charge shows on the wire exactly, covers the exact price, and by less than a step."""
    price = Fraction(rate * count, 1 if per_order else 1000)
    charge = pricing.charge(rate, count, per_order=per_order)
    assert charge % STEP == 0
    assert 0 <= charge - price < STEP
    assert 0 <= pricing.price(rate, count, per_order=per_order) - price < 1


@given(sums)
def test_rounding(micros: int) -> None:
    """Up and down are the nearest steps on either side."""
    down, up = pricing.round_down(micros), pricing.round_up(micros)
    assert down <= micros <= up
    assert up - down in (0, STEP)
    assert down % STEP == up % STEP == 0


@given(
    st.integers(0, MAX_THEIRS_MICROS),
    st.decimals("0.000000001", "100000", places=30, allow_nan=False),
)
def test_converted(micros: int, exchange_rate: Decimal) -> None:
    """A cost in our money is exact, rounded up by less than a micro."""
    ours = micros * Fraction(exchange_rate)
    assert 0 <= pricing.converted(micros, exchange_rate) - ours < 1


charges = sums.map(pricing.round_down)


@given(charges, st.integers(-5, 10**6), st.integers(1, 10**6))
def test_share_is_bounded(charge: int, part: int, whole: int) -> None:
    """A share lies between nothing and the charge, and covers its exact part by less than a step.

    So the refund, which is the rest, is rounded down.
    """
    share = pricing.share(charge, part, whole)
    exact = charge * min(max(Fraction(part, whole), Fraction(0)), Fraction(1))
    assert 0 <= share - exact < STEP
    assert 0 <= share <= charge
    assert (charge - share) % STEP == 0


@given(charges, st.integers(-5, 10**6), st.integers(-5, 10**6), st.integers(1, 10**6))
def test_share_is_monotone(charge: int, one: int, other: int, whole: int) -> None:
    """More delivered never costs less."""
    less, more = sorted((one, other))
    assert pricing.share(charge, less, whole) <= pricing.share(charge, more, whole)


@given(sums, st.integers(-5, 5), st.integers(-5, 0))
def test_share_of_nothing(charge: int, part: int, whole: int) -> None:
    """Where the whole is unknown the charge stays as it is."""
    assert pricing.share(charge, part, whole) == charge


@given(sums)
def test_share_of_all(charge: int) -> None:
    """All of it costs the charge, whole steps or not; none of it costs nothing."""
    assert pricing.share(charge, 3, 3) == charge
    assert pricing.share(charge, 0, 3) == 0
