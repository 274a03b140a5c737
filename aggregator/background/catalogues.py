"""Providers' lists of services, kept in the database for costs and limits.

Each is read when its provider is new here, then hourly, until the provider is retired;
one that could not be read, or was not believed, is tried again sooner. What changed is
written down whoever it concerns; an operator is told of what concerns a route of ours.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence

import structlog

from aggregator.actions import World
from aggregator.background import losses
from aggregator.core import drift
from aggregator.core.drift import Change
from aggregator.core.messages import Refused, ServiceRow, Unreadable

TIMEOUT_S = 60.0
EVERY_MS = 3_600_000
AGAIN_MS = 300_000
SHOWN = 20  # changes in one alert

log = structlog.get_logger(__name__)


class Catalogues:
    """``look`` reads the lists whose time has come; to be called every few seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next_ms: dict[str, int] = {}

    async def look(self) -> None:
        world = self._world
        self._next_ms = {
            name: self._next_ms.get(name, 0)
            for name, provider in world.setup.providers.items()
            if not provider.retired
        }
        now_ms = world.clock.now_ms()
        due = [name for name, next_ms in self._next_ms.items() if next_ms <= now_ms]
        if not due:
            return
        good = await read(world, due)
        for name in due:
            after_ms = EVERY_MS if name in good else AGAIN_MS
            self._next_ms[name] = world.clock.now_ms() + after_ms


async def read(world: World, providers: Collection[str] | None = None) -> set[str]:
    """Reads these providers' lists, or all, in parallel; those that were read and believed.

    Each is in use as soon as it is there: a slow provider keeps no other waiting. A silent
    one keeps its last.
    """
    asked = world.setup.providers if providers is None else providers
    good: set[str] = set()
    async with asyncio.TaskGroup() as group:
        reading = {group.create_task(_read_one(world, name)): name for name in asked}
        waiting = set(reading)
        while waiting:
            ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            found = {reading[one] for one in ended if one.result()}
            if found:
                good |= found
                await renew(world)
    return good


async def renew(world: World) -> None:
    """Takes what routes lead to from the database, and looks for losses. Where nothing
    differs the catalogue stays the same object, and so does all that was made from it."""
    async with world.renewing:  # or an older look could replace a newer one
        while not await _renewed(world):
            pass
    await losses.review(world)


async def _renewed(world: World) -> bool:
    """False where the configuration was replaced meanwhile: it has other routes."""
    setup, before = world.setup, world.catalogue
    offers = await world.store.offers(setup.routed())
    same = await asyncio.to_thread(offers.__eq__, before)
    if setup is not world.setup:
        return False
    world.catalogue = before if same else offers
    return True


async def _read_one(world: World, provider: str) -> bool:
    answer = await world.upstream.services(provider, timeout_s=TIMEOUT_S)
    if isinstance(answer, Refused):
        log.warning("catalogue_refused", provider=provider, means=answer.error_class)
    elif isinstance(answer, Unreadable):
        log.warning("catalogue_unreadable", provider=provider, cause=answer.cause)
    else:
        return await _saved(world, provider, answer)
    return False


async def _saved(world: World, provider: str, rows: Sequence[ServiceRow]) -> bool:
    used = world.setup.routed().get(provider, set())
    async with world.saving:  # one after the other: each may have tens of thousands of rows
        offers = await asyncio.to_thread(lambda: [drift.offer(row) for row in rows])
        saved = await world.store.save_catalogue(provider, offers, used, world.clock.now_ms())
    about = ("catalogue_distrusted", provider)
    if saved.doubt:
        world.alert_once(about, "catalogue_distrusted", provider=provider, why=saved.doubt)
        return False
    world.told.discard(about)
    unlisted = sorted(used - {one.service for one in offers})
    log.info(
        "catalogue_read",
        provider=provider,
        services=len(offers),
        changes=len(saved.changes),
        **({"not_listed": unlisted[:SHOWN]} if unlisted else {}),
    )
    _tell(world, provider, [one for one in saved.changes if one.service in used and one.matters])
    return True


def _tell(world: World, provider: str, changes: Sequence[Change]) -> None:
    """One alert for what went or came back, one for all else, however much it is."""
    sold: dict[str, list[int]] = defaultdict(list)
    for service in world.setup.services.values():
        for route in service.routes:
            if route.provider == provider:
                sold[route.service].append(service.id)
    kinds: dict[str, list[Change]] = defaultdict(list)
    for one in changes:
        gone = one.field == drift.SERVICE and one.new is None
        kinds["service_gone" if gone else "catalogue_changed"].append(one)
    for kind, found in kinds.items():
        told = [
            {"service": one.service, "sold_as": sold[one.service], **_in_words(one)}
            for one in found[:SHOWN]
        ]
        world.alert(kind, provider=provider, count=len(found), changes=told)


def _in_words(one: Change) -> dict[str, object]:
    """What changed; a provider's own words stay out of alerts (``catalogue diff`` has them)."""
    if one.field == drift.SERVICE:
        return {} if one.new is None else {"back": True}
    return {one.field: "another" if one.field == "type" else f"{one.old} -> {one.new}"}
