"""What a provider's service would be as one of ours, and why not."""

from decimal import Decimal

import pytest

from aggregator.core.importing import Draft, Terms, draft
from aggregator.core.order_types import TYPES
from tests.core import make

ALL = frozenset({"refill", "cancel", "dripfeed"})


def drafted(rate_micros: int | None = 450_000, *, fixed: bool = False, **offer: object) -> Draft:
    limits: dict[str, object] = {"min": 50, "max": 10_000}
    terms = Terms(Decimal("0.20"), "20%", ALL, fixed=fixed)
    return draft(make.offer(rate_micros, **(limits | offer)), terms)


def test_a_plain_service() -> None:
    """Name, category, type, price and limits, in that order, and no reason against it."""
    found = drafted(name="Followers <b>HQ</b>", category="Instagram &amp; more")
    assert found.values == {
        "name": "Followers HQ",
        "category": "Instagram & more",
        "type": "Default",
        "markup": "20%",
        "min": 50,
        "max": 10_000,
    }
    assert list(found.values)[:3] == ["name", "category", "type"]
    assert (found.reason, found.notes) == ("", ())


def test_nameless() -> None:
    """A name of nothing but tags and a category of nothing get words of ours."""
    found = drafted(name="<br>", category="")
    assert (found.values["name"], found.values["category"]) == ("Service 7", "Other")


def test_fixed_rates() -> None:
    """A fixed rate is today's, in our currency, with the markup, rounded up."""
    assert drafted(fixed=True).values["rate"] == "0.54"
    terms = Terms(Decimal("0.20"), "20%", ALL, Decimal("1.08"), fixed=True)
    assert draft(make.offer(333_333, max=9), terms).values["rate"] == "0.432"


@pytest.mark.parametrize(
    ("rate_micros", "reason"),
    [
        (0, "a price of 0 is none"),
        (999_999_999_999_000_000, "a price of 999999999999 is none"),
        (None, "no price that can be read"),
    ],
)
def test_placeholder_prices(rate_micros: int | None, reason: str) -> None:
    """A price that is a placeholder is a reason, and nothing is reckoned from it."""
    found = drafted(rate_micros)
    assert found.reason == reason
    assert not {"rate", "markup"} & found.values.keys()


@pytest.mark.parametrize("name", TYPES)
def test_types(name: str) -> None:
    """Every type is known, in the spellings of other engines too."""
    assert drafted(type=name).values["type"] == name
    assert drafted(type=name.lower().replace(" ", "_")).values["type"] == name


def test_unknown_types() -> None:
    """A type that nobody knows is named; one that is not told is the plain one."""
    odd = drafted(type="SEO<i>2</i>")
    assert (odd.values["type"], odd.reason) == ("SEO2", "unknown type 'SEO2'")
    assert drafted(type="").values["type"] == "Default"
    assert "looks like a package" in drafted(type="", min=1, max=1).reason


def test_limits() -> None:
    """A missing minimum is 1; a maximum that is missing or too small is a reason."""
    assert drafted(min=None).values["min"] == 1
    assert drafted(min=None).notes == ("their minimum is not told",)
    assert drafted(min=0).notes == ("their minimum is 0",)
    assert drafted(max=None).reason == "no maximum"
    assert drafted(min=100, max=50).reason == "their minimum 100 is above their maximum 50"


def test_endless_maximum() -> None:
    """More than can be counted, or charged at a fixed rate, is cut, with a note."""
    assert drafted(max=10**15).values["max"] == 10**12
    dear = drafted(800_000_000_000, fixed=True, max=2_147_483_647)
    assert dear.values["max"] == 9_375_000
    assert dear.notes == ("their maximum is 2147483647",)


def test_packages() -> None:
    """Packages are sold as one, whatever limits their list gives them."""
    found = drafted(type="Package", min=1, max=1)
    assert (found.values["min"], found.values["max"], found.notes) == (1, 1, ())
    assert drafted(type="Package", min=5, max=2).reason == ""
    assert drafted(type="Package").notes == ("their limits 50 to 10000, sold as one",)


def test_promises() -> None:
    """Only what their list has, their dialect can, and the type allows is promised."""
    all_told = {"refill": True, "cancel": True, "dripfeed": True}
    assert drafted(**all_told).values.keys() >= ALL
    assert "dripfeed" not in drafted(type="Poll", **all_told).values
    assert "dripfeed" not in drafted(type="strange", **all_told).values
    assert not ALL & drafted(refill=False).values.keys()
    mute = Terms(Decimal(0), "0%", frozenset())
    assert not ALL & draft(make.offer(max=9, **all_told), mute).values.keys()
