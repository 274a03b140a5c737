"""What the console is given to show."""

from collections.abc import Mapping
from dataclasses import replace

from aggregator.api.console import View, render
from aggregator.bootstrap import overview
from aggregator.bootstrap.overview import Alerts
from aggregator.core.errors import ErrorClass
from aggregator.core.health import Health
from aggregator.core.outcome import InDoubt, Placed
from tests.actions.conftest import Shop, open_shop, shop
from tests.fakes import settled

__all__ = ["open_shop", "shop"]

LINK = "https://kanarienvogel.example/p"


def ready() -> tuple[bool, Mapping[str, object]]:
    return True, {"revision": "abc"}


async def seen(shop: Shop, alerts: Alerts | None = None) -> View:
    given = alerts or Alerts(shop.clock, lambda _event: None)
    return await overview.view(shop.world, shop.store, ready, given)


async def test_orders_that_wait(shop: Shop) -> None:
    """Orders in doubt are listed with whose they are and where; the others only counted."""
    shop.upstream.outcomes["alpha"] += [Placed("1"), InDoubt("cut off")]
    for _ in range(2):
        await shop.buy(link=LINK)
        await settled(lambda: not shop.world.tasks)
    view = await seen(shop)
    assert (view.by_state["placed"], view.by_state["in_doubt"]) == (1, 1)
    (row,) = view.doubts
    assert (row.id, row.reseller, row.service_id, row.provider) == (2, "shop", 1, "alpha")
    assert view.queue == []
    assert "kanarienvogel" not in render(view).decode()


async def test_orders_in_the_queue(shop: Shop) -> None:
    """Each tells the providers that it could go to, and why none of them takes it now."""
    ill = Health(paused_for=ErrorClass.DOWN, cause="not JSON")
    shop.upstream.healths.update(alpha=ill, beta=ill)
    await shop.buy()
    (row,) = (await seen(shop)).queue
    named = [one.provider for one in shop.world.setup.services[1].routes]
    assert row.provider == ", ".join(named)
    assert row.why.count("waiting (backing off: not JSON)") == len(named)
    shop.world.setup = replace(shop.world.setup, services={})
    (row,) = (await seen(shop)).queue
    assert (row.provider, row.why) == ("", "its service is not configured any more")


async def test_providers(shop: Shop) -> None:
    """A provider shows what keeps orders away from it."""
    now_ms = shop.clock.now_ms()
    healths = {
        "ok": Health(balance_micros=1),
        "backing off: refused: funds": Health(paused_for=ErrorClass.FUNDS, cause="refused: funds"),
        "backing off: timeout": Health(until_ms=now_ms + 1, cause="timeout"),
    }
    for said, health in healths.items():
        shop.upstream.healths["alpha"] = health
        states = {row.name: row.state for row in (await seen(shop)).providers}
        assert states["alpha"] == said


async def test_the_last_alerts(shop: Shop) -> None:
    """An alert is kept for the page on its way to the operator's program; only the last are."""
    rung: list[Mapping[str, object]] = []
    alerts = Alerts(shop.clock, rung.append)
    shop.world.ring = alerts.ring
    for number in range(overview.SHOWN + 1):
        shop.world.alert("low_balance", provider="alpha", number=number)
    assert len(rung) == overview.SHOWN + 1
    shown = (await seen(shop, alerts)).alerts
    assert len(shown) == overview.SHOWN
    assert shown[0].kind == "low_balance"
    assert shown[0].detail == '{"provider": "alpha", "number": 50}'
