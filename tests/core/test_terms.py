"""What one reseller pays: his own rate, or the list's less his discount."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import pricing, terms
from aggregator.core.model import PriceTerms
from tests.core.make import service

OWN = PriceTerms(100_000, ((1, "0.850"), (7, "2")))


def test_no_terms_no_change() -> None:
    """Without terms a service is sold as the list has it, with its own spelling."""
    listed = service(rate="0.9")
    assert terms.sold(listed, PriceTerms()) is listed
    assert terms.explained(listed, PriceTerms()) == ""


def test_own_rate_is_echoed() -> None:
    """A rate of his own is taken as written, and not discounted further."""
    his = terms.sold(service(), OWN)
    assert (his.rate, his.rate_micros) == ("0.850", 850_000)
    assert terms.explained(service(), OWN) == "a rate of his own; the list says 0.90"


def test_discount_on_the_rest() -> None:
    """What has no rate of its own is discounted."""
    for service_id in (2, 9):
        listed = service(id=service_id)
        his = terms.sold(listed, OWN)
        assert (his.rate, his.rate_micros) == ("0.81", 810_000)
        assert terms.explained(listed, OWN) == "0.90 less 10%"


@given(
    rate=st.integers(0, pricing.MAX_RATE_MICROS),
    ppm=st.integers(0, terms.WHOLE_PPM),
)
def test_never_below_the_agreed(rate: int, ppm: int) -> None:
    """A discounted rate is never below the exact one nor above the list's, and less than
    a step of the wire away from it."""
    listed = service(rate=pricing.exact(rate), rate_micros=rate)
    his = terms.sold(listed, PriceTerms(ppm))
    exact = rate * (terms.WHOLE_PPM - ppm)
    assert exact <= his.rate_micros * terms.WHOLE_PPM
    assert his.rate_micros <= rate
    assert his.rate_micros * terms.WHOLE_PPM < exact + pricing.STEP * terms.WHOLE_PPM
    assert pricing.parse_micros(his.rate) == his.rate_micros


def test_percent() -> None:
    """A discount is written as an operator writes it."""
    assert [terms.percent(ppm) for ppm in (0, 50_000, 125_000, 1, 1_000_000)] == [
        "0%", "5%", "12.5%", "0.0001%", "100%"
    ]  # fmt: skip
