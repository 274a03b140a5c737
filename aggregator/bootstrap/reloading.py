"""A new configuration for a server that runs: put into use whole, or not at all.

How it works. ``answer`` waits until it is asked (SIGHUP), and reads the files beside the
event loop. Whatever is wrong, with the files or by what the database remembers, leaves
everything as it was and is told: in the log, to the operator's program, in ``/readyz``,
in the metrics. Else what the new configuration needs is fetched (the catalogue of its
routes, the anchors of its providers), it is remembered in the database, and then, in one
stretch without an ``await``, everything that holds a part of the old one is given the
new one. No task of the loop's can run in between, so none sees half of each. A task that
began under the old one ends with the values that it took (``actions.World``).

Orders may be opened while all this is fetched. A provider that is about to go, or to
become another panel, must hold none. So from before it is remembered until it is in use
no add leaves for such a provider (``Doubtful.none_to``): an order that was weighed by
then finds that right before it is sent (``actions.placing``), and waits in the queue
instead. What is on its way is seen in ``world.doubtful.flying``, and what is on disk is
checked once more in the transaction that remembers. Past that nothing refuses any more:
what is remembered as in use is in use.

What must change together: whatever keeps a part of the configuration, here or in another
room, is given the new one in ``_swap``; what cannot change while we run is in
``config.keeping``.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import structlog

from aggregator import config, telemetry
from aggregator.actions import World
from aggregator.background import Bell, Doubts, catalogues
from aggregator.bootstrap.doors import Doors
from aggregator.bootstrap.memory import memory, remember
from aggregator.bootstrap.worlds import secrets
from aggregator.config import ConfigErrors, Loaded, Mistake
from aggregator.store import ScriptedStore
from aggregator.store.exceptions import StoreError
from aggregator.store.tx import Tx
from aggregator.upstream import UpstreamClient

SHOWN = 50  # mistakes
TURN_S = 0.0005
_ANEW = ("service_unavailable",)  # what a new configuration may have cured, or not

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """``read`` raises ConfigErrors; ``learn`` hears of the new secrets before anything else
    does; ``asked`` is set by whoever wants a reload."""

    read: Callable[[], Loaded]
    learn: Callable[[Iterable[str]], None] = lambda _secrets: None
    asked: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Told:
    """The last reading of the configuration, for ``/readyz``."""

    ok: bool = True
    at: str = ""
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def detail(self) -> dict[str, object]:
        parts = {"mistakes": self.mistakes[:SHOWN], "warnings": self.warnings[:SHOWN]}
        return {"ok": self.ok, "at": self.at} | {name: said for name, said in parts.items() if said}


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that holds a part of the configuration."""

    world: World
    database: ScriptedStore
    upstream: UpstreamClient
    doors: Doors
    bell: Bell
    doubts: Doubts
    metrics: telemetry.Metrics


class Reloader:
    """``answer`` is a job: one reload, when it is asked for. Told twice while it is at it,
    it does it once more."""

    def __init__(self, source: Source, live: Live, loaded: Loaded, told: Told) -> None:
        self._source = source
        self._live = live
        self._loaded = loaded
        self._told = told

    async def answer(self) -> None:
        await self._source.asked.wait()
        self._source.asked.clear()
        telemetry.sd_reloading()
        try:
            taken = await self.reload()
        finally:
            telemetry.sd_notify("READY=1")
        if taken:
            await catalogues.renew(self._live.world)  # one may have been read meanwhile

    async def reload(self) -> bool:
        """Whether the configuration as it is on disk is in use now."""
        try:
            with _short_turns():
                new = await asyncio.to_thread(self._source.read)
            await self._take(config.keeping(new, self._loaded))
        except ConfigErrors as errors:
            self._refused([str(mistake) for mistake in errors.mistakes])
        except StoreError as error:
            self._refused([f"the database cannot remember it: {error}"])
        except Exception as error:
            log.exception("reload_failed")
            self._refused([f"a fault of the program's own: {type(error).__name__}"])
        else:
            return True
        return False

    async def _take(self, new: Loaded) -> None:
        live, world, setup = self._live, self._live.world, new.setup
        _agree(new, await live.database.read(partial(memory, now_ms=world.clock.now_ms())))
        leaving = self._leaving(new)
        offers = await live.database.offers(setup.routed())
        await live.doubts.load(setup)
        now_ms = world.clock.now_ms()
        with world.doubtful.none_to(leaving):
            self._must_not_fly(new, leaving)
            await live.database.write(
                partial(_remembered, new=new, checked=bool(leaving), now_ms=now_ms)
            )
            self._source.learn(secrets(new))
            world.catalogue = offers
            self._swap(new)
        self._accepted(new)

    def _leaving(self, new: Loaded) -> list[str]:
        """Providers that go, or that become another panel."""
        after = new.setup.providers
        return [
            name
            for name, provider in self._live.world.setup.providers.items()
            if name not in after or not provider.is_same_panel(after[name])
        ]

    def _must_not_fly(self, new: Loaded, leaving: Iterable[str]) -> None:
        """ConfigErrors where an order is on its way to one of them."""
        flying = self._live.world.doubtful.flying
        message = "an order is on its way there at this moment: reload again"
        found = [
            Mistake("", None, ("providers", name), message) for name in leaving if flying[name]
        ]
        if found:
            raise ConfigErrors(new.locate(found))

    def _swap(self, new: Loaded) -> None:
        """Nothing in here waits."""
        live, setup = self._live, new.setup
        gone = live.world.setup.providers.keys() - setup.providers.keys()
        live.world.setup = setup
        live.upstream.replace(setup.providers, setup.dialects, slot_s=setup.policy.answer_within_s)
        live.doors.reload(new)
        live.bell.command = new.server.alert_command
        live.metrics.forget_providers(gone)
        live.world.told -= {about for about in live.world.told if about[0] in _ANEW}
        self._loaded = new

    def _accepted(self, new: Loaded) -> None:
        warnings = [str(warning) for warning in new.warnings]
        self._note(Told(True, _now(), [], warnings))
        for warning in warnings:
            log.warning("configuration", said=warning)
        log.info("config_reloaded", revision=new.setup.revision)

    def _refused(self, mistakes: list[str]) -> None:
        self._note(Told(False, _now(), mistakes))
        for mistake in mistakes[:SHOWN]:
            log.error("configuration", said=mistake)
        world = self._live.world
        world.alert(
            "config_rejected",
            mistakes=mistakes[:SHOWN],
            count=len(mistakes),
            in_use=world.setup.revision,
        )

    def _note(self, told: Told) -> None:
        self._told.ok, self._told.at = told.ok, told.at
        self._told.mistakes, self._told.warnings = told.mistakes, told.warnings
        self._live.metrics.reload(told.ok)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Thousands of services take a second to read. Meanwhile the loop asks for its turn in
    the interpreter many times a request, and by default waits 5 ms for each. (Measured with
    5,000 services on two busy cores: the median of an add went from 56 to 30 ms.)"""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _agree(new: Loaded, known: config.Memory) -> None:
    """ConfigErrors where the database forbids it."""
    if mistakes := config.check_against_memory(new.setup, known):
        raise ConfigErrors(new.locate(mistakes))


def _remembered(tx: Tx, new: Loaded, checked: bool, now_ms: int) -> None:
    if checked:
        _agree(new, memory(tx, now_ms))
    remember(tx, new.setup, now_ms)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
