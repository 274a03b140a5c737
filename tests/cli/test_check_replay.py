"""`aggregator check --replay`: what a configuration would have done with past orders."""

import time
from typing import Any

import pytest

from aggregator.core.outcome import Placed
from tests.cli.support import Desk, configuration
from tests.store import builders

NOW = time.time_ns() // 1_000_000


def sold(desk: Desk, upstream_order_id: str, *, hours: int = 1) -> int:
    """An order of 1000 units, charged 0.25, placed at gulf/4021 where it costs 0.2."""
    return desk.order(Placed(upstream_order_id), now_ms=NOW - hours * builders.HOUR)


def service(**changes: Any) -> dict[str, Any]:
    routes = [{"provider": "gulf", "service": 4021, "cost": "0.20"}]
    return {**configuration()["services"][1], "rate": "0.25", "routes": routes, **changes}


@pytest.fixture
def past(shop: Desk) -> Desk:
    """Two orders of today, and one of ten days ago."""
    sold(shop, "1", hours=240)
    sold(shop, "2")
    sold(shop, "3")
    return shop


def replayed(desk: Desk, *, time: str = "7d", **changes: Any) -> Any:
    desk.configure(services={1: service(**changes)})
    return desk.json("check", "--replay", time)


def test_nothing_would_be_different(past: Desk) -> None:
    """The same configuration does the same with every order of that time."""
    told = replayed(past)
    counts = told["summary"]
    assert (counts["orders"], counts["same"]) == (2, 2)
    assert told["orders"] == told["groups"] == []
    assert replayed(past, time="30d")["summary"]["orders"] == 3
    shown = past.run("check", "--replay", "7d").stdout
    assert "2 orders: 2 as they were" in shown


def test_elsewhere_and_dearer(past: Desk) -> None:
    """A route that would be taken instead is told with what it would cost."""
    other = {"provider": "gulf", "service": 9, "cost": "0.24"}
    told = replayed(past, routes=[other])
    counts = told["summary"]
    assert (counts["elsewhere"], counts["cost_more"], counts["refused"]) == (2, 2, 0)
    assert counts["cost"] == {"was": "0.40", "would": "0.48"}
    (group,) = told["groups"]
    assert (group["orders"], group["was"], group["would"]) == (2, "gulf/4021", "gulf/9")
    assert [one["would"]["cost"] for one in told["orders"]] == ["0.24", "0.24"]
    shown = past.run("check", "--replay", "7d").stdout
    assert "0.40 → 0.48" in shown


def test_refused(past: Desk) -> None:
    """Orders that would not be taken are told with the reason."""
    told = replayed(past, max=500)
    assert told["summary"]["refused"] == 2
    assert told["summary"]["refused_charge"] == "0.50"
    shown = past.run("check", "--replay", "7d").stdout
    assert "Not earned with what would be refused: 0.50 USD." in shown
    assert told["orders"][0]["refused"] == "Quantity must be between 10 and 500"
    assert told["orders"][0]["would"]["charge"] is None
    gone = replayed(past, enabled=False)
    assert gone["groups"][0]["would"] == "refused: Service not found or inactive"


def test_charged_otherwise(past: Desk) -> None:
    """Another rate is another charge, unless the reseller has one of his own."""
    told = replayed(past, rate="0.30")
    assert told["summary"]["charged_otherwise"] == 2
    assert told["summary"]["charge"] == {"was": "0.50", "would": "0.60"}
    past.run("reseller", "price", "shop", "1", "0.25")
    assert replayed(past, rate="0.30")["summary"]["same"] == 2


def test_nothing_is_written(past: Desk) -> None:
    """The orders are as they were."""
    before = past.json("orders", "list")
    replayed(past, enabled=False)
    assert past.json("orders", "list") == before


def test_usage(desk: Desk) -> None:
    """A time has a unit; there must be a database; it is one question at a time."""
    assert "time with its unit" in desk.run("check", "--replay", "7", status=2).stderr
    assert "database" in desk.refused("check", "--replay", "7d")
    assert "two questions" in desk.run("check", "--live", "--replay", "1d", status=2).stderr
