"""What changed in a catalogue, and whether to believe it."""

from dataclasses import replace

import pytest

from aggregator.core.drift import BELIEVED_AFTER_MS, Change, believed, changes, doubt, offer
from aggregator.core.messages import ServiceRow
from aggregator.core.model import Offer
from tests.core.make import NOW
from tests.core.make import offer as offered

WAS = offered(900_000, min=10, max=1000, refill=True)
GONE = replace(WAS, gone_at_ms=NOW)


@pytest.mark.parametrize(("text", "micros"), [("0.90", 900_000), ("free", None), ("NaN", None)])
def test_a_row_becomes_an_offer(text: str, micros: int | None) -> None:
    """A catalogue row keeps what it says; a price that is none is unknown."""
    row = ServiceRow("7", "theirs", "Default", "c", text, 10, 20, refill=True, description="d")
    expected = Offer("7", "theirs", "Default", "c", micros, 10, 20, refill=True, description="d")
    assert offer(row) == expected


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (WAS, []),
        (replace(WAS, description="new"), []),
        (replace(WAS, rate_micros=1_000_000), [("rate", "0.90", "1.00")]),
        (replace(WAS, rate_micros=None), [("rate", "0.90", None)]),
        (replace(WAS, min=20, max=None), [("min", "10", "20"), ("max", "1000", None)]),
        (replace(WAS, type="Package"), [("type", "Default", "Package")]),
        (replace(WAS, name="other"), [("name", "theirs", "other")]),
        (replace(WAS, refill=False), [("refill", "true", "false")]),
        (None, [("service", "theirs", None)]),
        (GONE, [("service", "theirs", None)]),
    ],
)
def test_changes(now: Offer | None, told: list[tuple[str, str | None, str | None]]) -> None:
    """Every field that matters to an order is compared, and told as it reads."""
    assert changes("gulf", WAS, now) == [Change("gulf", "7", *one) for one in told]


def test_a_service_comes_back() -> None:
    """A service that was gone is told like a new one; what never was there is no change."""
    back = [Change("gulf", "7", "service", None, "theirs")]
    assert changes("gulf", GONE, WAS) == changes("gulf", None, WAS) == back
    assert changes("gulf", GONE, GONE) == changes("gulf", None, None) == []


def test_what_matters() -> None:
    """A new name is for show; all else may change how an order fares."""
    assert not Change("gulf", "7", "name", "a", "b").matters
    assert Change("gulf", "7", "rate", "1.00", "2.00").matters


def list_of(count: int, **of_offer: object) -> dict[str, Offer]:
    return {str(number): offered(**of_offer) for number in range(count)}


@pytest.mark.parametrize(
    ("before", "now", "used", "why"),
    [
        ({}, list_of(1), [], ""),
        ({}, {}, [], "it is empty"),
        (list_of(5), {}, [], "it is empty"),
        (list_of(10), list_of(5), [], ""),
        (list_of(11), list_of(5), [], "it has 5 services, and had 11"),
        (list_of(5), list_of(5, rate_micros=0), [], "0 of its services have a price, and 5 had"),
        (list_of(3, rate_micros=None), list_of(2, rate_micros=None), [], ""),
        (list_of(10), list_of(8), ["8", "9"], ""),
        (list_of(10), list_of(7), ["7", "8", "9"], "3 of 3 services that routes lead to"),
        (list_of(10), list_of(7), ["4", "5", "6", "7", "8", "9"], ""),
        (list_of(10), list_of(7), ["7", "8", "x", "y"], ""),
        (list_of(9, rate_micros=900), list_of(9, rate_micros=300), [], "most of its prices are"),
        (list_of(9, rate_micros=900), list_of(9, rate_micros=301), [], ""),
        (list_of(9, rate_micros=900), list_of(9, rate_micros=90_000), [], ""),
        (list_of(9, rate_micros=900), list_of(5, rate_micros=300) | list_of(0), [], "most of"),
        (list_of(4, rate_micros=900), list_of(4, rate_micros=300), [], ""),
        (
            list_of(11, rate_micros=900),
            list_of(11, rate_micros=900) | list_of(5, rate_micros=300),
            [],
            "",
        ),
    ],
)
def test_doubt(before: dict[str, Offer], now: dict[str, Offer], used: list[str], why: str) -> None:
    """An empty list, half of one, one without prices or without what we sell is doubted."""
    found = doubt(before, now, used)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_what_is_told_for_a_day_is_believed() -> None:
    """A short list that lasts is obeyed in the end; an empty one never."""
    assert believed(list_of(1), NOW - BELIEVED_AFTER_MS, NOW)
    assert not believed(list_of(1), NOW - BELIEVED_AFTER_MS + 1, NOW)
    assert not believed({}, NOW - 100 * BELIEVED_AFTER_MS, NOW)
