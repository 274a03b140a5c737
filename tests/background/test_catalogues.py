"""Catalogues: when they are read, what is believed, and who hears of what changed."""

import asyncio
from dataclasses import replace

import pytest
import structlog

from aggregator.background import catalogues
from aggregator.background.catalogues import Catalogues
from aggregator.core.errors import ClientError
from aggregator.core.messages import Refused, ServiceRow, Unreadable
from aggregator.store import catalogue
from tests.actions.conftest import OpenShop, Shop
from tests.fakes import provider, service, settled, setup


def row(service: str, rate: str = "0.90", name: str = "Name") -> ServiceRow:
    return ServiceRow(service, name, "Default", "Things", rate, 10, 5000)


def alerts(shop: Shop) -> list[dict[str, object]]:
    """From now on, every alert."""
    heard: list[dict[str, object]] = []
    shop.world.ring = lambda event: heard.append(dict(event))
    return heard


async def read(shop: Shop, *rows: ServiceRow) -> None:
    shop.upstream.catalogues["alpha"] = list(rows)
    await catalogues.read(shop.world)


async def test_catalogues_are_read_into_the_database(shop: Shop) -> None:
    """All is kept there; in memory is only what some route leads to."""
    await read(shop, row("s1", "2.50"), row("s2", "free"))
    offers = (await shop.store.read(catalogue.catalogue))["alpha"]
    assert (offers["s1"].rate_micros, offers["s2"].rate_micros) == (2_500_000, None)
    known = shop.world.catalogue
    assert known == {"alpha": {"s1": offers["s1"]}}
    await read(shop, row("s1", "2.50"), row("s2", "free"))
    assert shop.world.catalogue is known


@pytest.mark.parametrize("answer", [[], Refused("no"), Unreadable("silent")])
async def test_a_bad_catalogue_leaves_the_last_one(shop: Shop, answer: object) -> None:
    """An empty list is a broken key more often than an empty shop."""
    await read(shop, row("s1"))
    shop.upstream.catalogues["alpha"] = answer  # type: ignore[assignment]
    await catalogues.read(shop.world)
    assert not shop.world.catalogue["alpha"]["s1"].gone
    await shop.buy()


async def test_a_route_that_costs_more_than_it_sells_for_is_skipped(shop: Shop) -> None:
    """The cost guard reads the catalogue: nothing is sold at a loss."""
    await read(shop, row("s1", "1.01"))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    assert shop.upstream.sent == []


async def test_a_service_that_is_gone_is_not_ordered(shop: Shop) -> None:
    """Its route is skipped, and an operator hears which of our services it served."""
    heard = alerts(shop)
    await read(shop, row("s1"), row("s2"))
    await read(shop, row("s2"))
    with pytest.raises(ClientError, match="Service temporarily unavailable"):
        await shop.buy()
    gone = [one for one in heard if one["event"] == "service_gone"]
    assert [one["changes"] for one in gone] == [[{"service": "s1", "sold_as": [1]}]]
    await read(shop, row("s1"), row("s2"))
    await shop.buy()
    assert len(shop.upstream.sent) == 1
    back = [one for one in heard if one["event"] == "catalogue_changed"]
    assert [one["changes"] for one in back] == [[{"service": "s1", "sold_as": [1], "back": True}]]


async def test_only_what_concerns_a_route_is_alerted(shop: Shop) -> None:
    """A new price of a service that nobody here sells is written down, no more."""
    await read(shop, row("s1"), row("s2"))
    heard = alerts(shop)
    await read(shop, row("s1", name="Shiny"), row("s2", "5"))
    assert heard == []
    await read(shop, row("s1", "0.95"), row("s2", "5"))
    told = [{"service": "s1", "sold_as": [1], "rate": "0.90 -> 0.95"}]
    assert heard == [
        {"event": "catalogue_changed", "provider": "alpha", "count": 1, "changes": told}
    ]
    kept = await shop.store.read(lambda tx: catalogue.changes(tx, "alpha"))
    assert {one.change.service for one in kept} == {"s1", "s2"}


async def test_their_words_stay_out_of_alerts(shop: Shop) -> None:
    """A type is text of theirs: that it is another one is enough."""
    await read(shop, row("s1"))
    heard = alerts(shop)
    await read(shop, replace(row("s1"), type="Pay me at https://evil.example"))
    told = [{"service": "s1", "sold_as": [1], "type": "another"}]
    assert [one["changes"] for one in heard] == [told]


async def test_distrust_is_told_once(shop: Shop) -> None:
    """However often half a list is read, there is one alert, until it is whole again."""
    whole = [row("s1"), row("s2"), row("s3")]
    heard = alerts(shop)
    for _ in range(2):
        await read(shop, *whole)
        await read(shop, row("s1"))
        await read(shop, row("s1"))
    told = {"event": "catalogue_distrusted", "provider": "alpha"}
    assert heard == [told | {"why": "it has 1 services, and had 3"}] * 2


async def test_each_is_read_hourly_and_a_silent_one_sooner(open_shop: OpenShop) -> None:
    """Their times are their own; a provider that is new is read at once, a retired one not."""
    names = ("alpha", "beta", "gamma")
    given = [provider(name, retired=name == "gamma") for name in names]
    shop = await open_shop(setup(service(1, "alpha", "beta"), providers=given))
    shop.upstream.catalogues["alpha"] = [row("s1")]
    seen = []

    async def services(provider: str, *, timeout_s: float) -> object:
        seen.append(provider)
        return shop.upstream.catalogues.get(provider, Unreadable("silent"))

    shop.upstream.services = services  # type: ignore[method-assign, assignment]
    looker = Catalogues(shop.world)
    for minutes in (0, 1, 5, 54):
        shop.clock.pass_s(60 * minutes)
        await looker.look()
    assert seen == ["alpha", "beta", "beta", "alpha", "beta"]
    more = {**shop.world.setup.providers, "delta": provider("delta")}
    shop.world.setup = replace(shop.world.setup, providers=more)
    await looker.look()
    assert seen[5:] == ["delta"]


async def test_a_slow_provider_keeps_no_other_waiting(open_shop: OpenShop) -> None:
    """What one has told is in use while another is still thinking."""
    shop = await open_shop(setup(service(1, "alpha")))
    release = asyncio.Event()

    async def services(name: str, *, timeout_s: float) -> object:
        if name == "alpha":
            return [row("s1", "0.77")]
        await release.wait()
        return Unreadable("silent")

    shop.upstream.services = services  # type: ignore[method-assign, assignment]
    reading = asyncio.create_task(catalogues.read(shop.world))
    await settled(lambda: "alpha" in shop.world.catalogue)
    assert not reading.done()
    release.set()
    assert await reading == {"alpha"}


async def test_a_route_to_nowhere_is_logged(shop: Shop) -> None:
    """A service that was never listed may be a hidden one: the log names it, no alert does."""
    heard = alerts(shop)
    with structlog.testing.capture_logs() as lines:
        await read(shop, row("s2"))
    (line,) = (one for one in lines if one["event"] == "catalogue_read")
    assert line["not_listed"] == ["s1"]
    assert heard == []
