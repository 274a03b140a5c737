"""What the database remembers, held against a new configuration."""

from collections.abc import Callable

import pytest

from aggregator.config import (
    Account,
    Loaded,
    Memory,
    ProviderMemory,
    check_against_memory,
    fingerprint,
)
from tests.config.conftest import GOOD, Loads

URL = "https://gulf.example/api/v2"


def remembered(
    open_orders: int = 2, url: str = URL, key: str = "s3cret", name: str = "gulf"
) -> Memory:
    account = Account(fingerprint(url), fingerprint(key))
    return Memory("USD", {name: ProviderMemory(open_orders, (account,))})


def said(loaded: Loaded, memory: Memory) -> list[str]:
    found = check_against_memory(loaded.setup, memory)
    return [str(mistake) for mistake in loaded.locate(found)]


@pytest.mark.parametrize(
    "memory",
    [
        Memory(),
        remembered(),
        remembered(url="https://moved.example/api"),
        remembered(key="renewed"),
        Memory("USD", {"gulf": ProviderMemory(0, ())}),
        remembered(open_orders=0, name="gone"),
    ],
)
def test_what_may_change(loads: Loads, memory: Memory) -> None:
    """A new database, another URL or another key, and anything at all without orders."""
    assert said(loads(GOOD), memory) == []


def test_another_currency(loads: Loads) -> None:
    """The database keeps its currency."""
    (line,) = said(loads(f"# mine\ncurrency: EUR\n{GOOD}"), Memory("USD"))
    assert line.startswith("config.yaml:2: currency: the database is kept in USD")


def test_a_provider_that_is_gone(loads: Loads) -> None:
    """A provider with open orders may not be removed; the count is named."""
    assert said(loads(GOOD), remembered(name="owner", open_orders=1)) == [
        "config.yaml:1: providers: 'owner' has 1 open order: put it back, with retired: true"
    ]


def test_another_panel_under_the_same_name(loads: Loads) -> None:
    """URL and key may not both change while orders are open; neither key is shown."""
    (line,) = said(loads(GOOD), remembered(url="https://old.example", key="old"))
    assert line.startswith(
        "config.yaml:2: providers.gulf: url and key have both changed, and it has 2 open orders"
    )
    assert "s3cret" not in line


def test_another_panel_after_all_has_ended(loads: Loads) -> None:
    """Nor once all of its orders have ended: their IDs stay theirs under its name."""
    (line,) = said(loads(GOOD), remembered(open_orders=0, url="https://old.example", key="old"))
    assert line.endswith(
        "url and key have both changed, and it has orders of its own: give the new panel"
        " another name, and keep the old one as it was, with retired: true"
    )


def test_another_panel_step_by_step(loads: Loads) -> None:
    """Nor one after the other, while an order of the first account is open."""
    first = Account(fingerprint("https://old.example"), fingerprint("old"))
    moved = Account(fingerprint(URL), fingerprint("old"))
    memory = Memory("USD", {"gulf": ProviderMemory(2, (first, moved))})
    (line,) = said(loads(GOOD), memory)
    assert "it has 2 open orders since the first of them was sold" in line
    assert said(loads(GOOD), Memory("USD", {"gulf": ProviderMemory(2, (moved,))})) == []


def test_a_fingerprint_is_short_and_stable() -> None:
    """The same text has the same fingerprint, in every process."""
    check: Callable[[str], str] = fingerprint
    assert check("x") == "2d711642b726b044"
