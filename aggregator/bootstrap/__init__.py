"""The composition root: builds the real things, hands them over, closes them.

==============  ==============================================================
``serve``       the server as a process; ``running``: as a context
``worlds``      the world of the actions; for single commands, too
``doors``       both listeners, as the configuration has them
``reloading``   a new configuration for a server that runs
``memory``      what the database remembers of configurations
``overview``    what the operator's console shows
``watching``    other servers' deaths
``clocks``      the machine's clocks, and the time that a stop may take
==============  ==============================================================

Nothing else knows which store, which client and which clock there are. Things are
closed in the opposite order of their building, and that order is what makes a
stop graceful: first the door, then the orders still under way, then the jobs, then
the sockets upstream, and the database last.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from aggregator import api, config, store, telemetry
from aggregator.actions import Desk, World
from aggregator.background import (
    Audit,
    Bell,
    Clockwork,
    Doubts,
    Job,
    Restores,
    jobs,
    numbers,
    watchdog,
)
from aggregator.bootstrap import doors, overview, watching, worlds
from aggregator.bootstrap.clocks import Drain, SystemClock
from aggregator.bootstrap.memory import memory, remember
from aggregator.bootstrap.overview import Alerts
from aggregator.bootstrap.reloading import Live, Reloader, Source, Told
from aggregator.bootstrap.worlds import asking, counter
from aggregator.store import ScriptedStore

__all__ = ["Source", "asking", "counter", "memory", "remember", "running", "serve"]

_ALLOCATIONS = 20_000  # between two looks for cycles of garbage

log = structlog.get_logger(__name__)


async def serve(config_path: Path, environ: Mapping[str, str]) -> int:
    """Runs the server until SIGTERM or SIGINT; the exit status. SIGHUP reloads.

    Raises config.ConfigErrors for a configuration that cannot be used,
    store.CannotOpen for such a database, OSError for an address in use, and
    another store.StoreError where the server cannot go on (``ScriptedStore.lost``).
    """
    loaded = config.load(config_path, environ)
    redactor = telemetry.set_up(secrets=worlds.secrets(loaded))
    for warning in loaded.warnings:
        log.warning("configuration", said=str(warning))
    stop = asyncio.Event()
    source = Source(partial(config.load, config_path, environ), redactor.learn)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, source.asked.set)
    async with running(loaded, api.Inherited.of_process(environ), environ, source):
        _tidy()
        telemetry.sd_notify("READY=1")
        await stop.wait()
        telemetry.sd_notify("STOPPING=1")
        log.info("stopping")
    log.info("stopped")
    return 0


def _tidy() -> None:
    """What is loaded by now stays: the collector of cycles need not look at it again and
    again, nor at what lives for one request, which makes none (measured: 8 % of the CPU)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)


@asynccontextmanager
async def running(
    loaded: config.Loaded,
    inherited: api.Inherited | None = None,
    environ: Mapping[str, str] | None = None,
    source: Source | None = None,
) -> AsyncIterator[World]:
    """The whole server, listening, for as long as the context lasts.

    ``inherited``: sockets that came to us open; ``environ``: who supervises us;
    ``source``: whence another configuration may come.
    """
    metrics = telemetry.Metrics()
    async with AsyncExitStack() as stack:
        database = await _opened(loaded, stack)
        world, upstream = await worlds.make(loaded.setup, database, metrics, stack)
        await watching.recovered(world)
        doubts = Doubts(world, database)
        await doubts.load(loaded.setup)
        restores = Restores(world, database)
        await restores.load()
        desk, bell = Desk(world), Bell(loaded.server.alert_command)
        alerts = Alerts(world.clock, bell.ring)
        world.ring = alerts.ring
        work = [
            *jobs(world, desk),
            Job("doubts", 1.0, doubts.settle),
            Job("restores", 1.0, restores.turn),
            Job("numbers", 5.0, partial(numbers.count, world, database)),
            Job("audit", 600.0, Audit(world, database).look),
            Job("others", 5.0, partial(watching.watch_others, world, database)),
            Job("panels", 0.5, partial(watching.watch_panels, world, database)),
            Job("bell", 0.0, bell.answer),
            *watchdog(database, environ or {}),
        ]
        await stack.enter_async_context(Clockwork(work))
        drain = Drain(lambda: world.setup.policy.drain_within_s)
        stack.push_async_callback(drain.through, world.finish)
        told = Told()
        ready = partial(_ready, world, database, told)
        look = partial(overview.view, world, database, ready, alerts)
        sockets = inherited or api.Inherited()
        opened = await doors.opened(loaded, desk, ready, look, metrics, sockets, drain, stack)
        metrics.reload(True)
        if source is not None:
            live = Live(world, database, upstream, opened, bell, doubts, metrics)
            reloader = Reloader(source, live, loaded, told)
            await stack.enter_async_context(Clockwork([Job("reload", 0.0, reloader.answer)]))
        stack.callback(setattr, world, "stopping", True)  # nothing new leaves from here on
        yield world
        if database.lost is not None:
            raise database.lost


async def _opened(loaded: config.Loaded, stack: AsyncExitStack) -> ScriptedStore:
    """The database, if it may be used with this configuration; it is remembered there."""
    database = await store.open_store(loaded.server.database, loaded.setup.policy)
    stack.push_async_callback(database.close)
    now_ms = SystemClock().now_ms()
    known = await database.read(partial(memory, now_ms=now_ms))
    if mistakes := config.check_against_memory(loaded.setup, known):
        raise config.ConfigErrors(loaded.locate(mistakes))
    await database.write(partial(remember, setup=loaded.setup, now_ms=now_ms))
    return database


def _ready(world: World, database: ScriptedStore, told: Told) -> tuple[bool, Mapping[str, object]]:
    trouble = database.trouble
    detail: dict[str, object] = {"revision": world.setup.revision}
    if told.at:
        detail["reload"] = told.detail()
    return trouble is None, detail | ({"store": trouble} if trouble else {})
