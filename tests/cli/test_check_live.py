"""`aggregator check --live`: every route against what its provider says now."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aggregator.sandbox import KEY, Fault, PanelSettings, Rule, SandboxServer, builtin_dialect, item
from tests.cli.support import Desk

DEAD = {"url": "http://127.0.0.1:9/api/v2", "key": "k"}


@pytest.fixture
async def panel() -> AsyncIterator[SandboxServer]:
    """A panel with a service that fits and one that does not."""
    catalogue = (
        item(1, "Followers", rate="0.90"),
        item(2, "Likes", rate="2", limits=(100, 500), refill=False),
    )
    settings = PanelSettings(catalogue=catalogue)
    async with SandboxServer(builtin_dialect("standard"), settings) as server:
        yield server


def at(panel: SandboxServer, **changes: Any) -> dict[str, Any]:
    return {"url": panel.url, "key": KEY, **changes}


def service(*routes: tuple[str, int], **changes: Any) -> dict[str, Any]:
    return {
        "name": "Followers",
        "category": "Demo",
        "rate": "1.20",
        "min": 10,
        "max": 10_000,
        "routes": [{"provider": name, "service": theirs} for name, theirs in routes],
        **changes,
    }


async def told(desk: Desk, status: int) -> Any:
    return await asyncio.to_thread(desk.json, "check", "--live", status=status)


async def test_all_is_well(desk: Desk, panel: SandboxServer) -> None:
    """Where every route fits, the exit status is 0 and every row says ok."""
    desk.configure(providers={"gulf": at(panel)}, services={1: service(("gulf", 1))})
    answer = await told(desk, 0)
    assert answer["ok"]
    (provider,) = answer["providers"]
    assert (provider["services"], provider["currency"]) == (2, "USD")
    (route,) = answer["routes"]
    assert (route["cost"], route["rate"], route["findings"]) == ("0.90", "1.20", [])
    shown = await asyncio.to_thread(desk.run, "check", "--live")
    assert "1 route, 0 with something wrong" in shown.stdout


async def test_a_route_that_does_not_fit(desk: Desk, panel: SandboxServer) -> None:
    """Limits, refill and the margin are each told, and the exit status is 1."""
    desk.configure(providers={"gulf": at(panel)}, services={1: service(("gulf", 2), refill=True)})
    (route,) = (await told(desk, 1))["routes"]
    assert [one["text"] for one in route["findings"]] == [
        "their minimum is 100, ours 10",
        "their maximum is 500, ours 10000",
        "no refill there",
        "costs 2.00, is sold at 1.20",
    ]


async def test_one_dead_provider_spoils_no_others_row(desk: Desk, panel: SandboxServer) -> None:
    """Each provider's routes are judged by his own answers."""
    desk.configure(
        providers={"gulf": at(panel), "dead": DEAD, "wrong": at(panel, key="stale")},
        services={1: service(("dead", 1), ("gulf", 1), ("wrong", 1), ("gulf", 77))},
    )
    answer = await told(desk, 1)
    said = [[one["text"] for one in route["findings"]] for route in answer["routes"]]
    assert said == [
        ["does not answer: no connection"],
        [],
        ["refuses the key"],
        ["not in their list"],
    ]
    ok = {one["provider"]: one["ok"] for one in answer["providers"]}
    assert ok == {"gulf": True, "dead": False, "wrong": False}
    shown = await asyncio.to_thread(desk.run, "check", "--live", status=1)
    assert "4 routes, 3 with something wrong" in shown.stdout


async def test_a_markup_without_a_rate(desk: Desk, panel: SandboxServer) -> None:
    """A markup on a service that the provider no longer has gives no price."""
    marked = service(("gulf", 77), markup="20%")
    del marked["rate"]
    desk.configure(providers={"gulf": at(panel)}, services={1: marked})
    (route,) = (await told(desk, 1))["routes"]
    assert [one["text"] for one in route["findings"]] == [
        "not in their list",
        "no price: the markup has no rate to go by",
    ]


async def test_retired_providers_are_left_alone(desk: Desk, panel: SandboxServer) -> None:
    """A retired provider is not asked, and its routes are not judged."""
    desk.configure(
        providers={"gulf": at(panel), "old": {**DEAD, "retired": True}},
        services={1: service(("old", 1), ("gulf", 1))},
    )
    answer = await told(desk, 0)
    assert [one["provider"] for one in answer["routes"]] == ["gulf"]
    assert [one["provider"] for one in answer["providers"]] == ["gulf"]


async def test_a_dialect_without_lists(desk: Desk, panel: SandboxServer) -> None:
    """Where no list can be asked for, the key is tried, and the rest left open."""
    desk.configure(
        dialects={"mute": {"actions": {"services": None}}},
        providers={"gulf": at(panel, dialect="mute")},
        services={1: service(("gulf", 1))},
    )
    (route,) = (await told(desk, 0))["routes"]
    assert route["findings"] == [{"wrong": False, "text": "cannot be asked for its list"}]


async def test_a_panel_that_answers_html(desk: Desk, panel: SandboxServer) -> None:
    """A page instead of JSON is an answer that says nothing."""
    panel.set_fault(Rule(Fault.HTML))
    desk.configure(providers={"gulf": at(panel)}, services={1: service(("gulf", 1))})
    (route,) = (await told(desk, 1))["routes"]
    assert route["findings"] == [{"wrong": True, "text": "does not answer: not JSON"}]


def test_mistakes_come_first(desk: Desk) -> None:
    """A configuration with mistakes asks nobody, and ends with 2."""
    desk.configure(databse="x")
    assert desk.json("check", "--live", status=2)["mistakes"]
