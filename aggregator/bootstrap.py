"""The composition root: builds the real things, hands them over, closes them.

Nothing else knows which store, which client and which clock there are. Things are
closed in the opposite order of their building, and that order is what makes a
stop graceful: first the door, then the orders still under way, then the jobs, then
the sockets upstream, and the database last.
"""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from aggregator import api, config, store, telemetry
from aggregator.actions import Desk, World
from aggregator.background import Clockwork, Job, jobs
from aggregator.core.model import State
from aggregator.ports import Setup
from aggregator.store import SqliteStore, lists, meta
from aggregator.store.scripted import ScriptedStore
from aggregator.store.tx import Tx
from aggregator.upstream import Call, UpstreamClient

log = structlog.get_logger(__name__)


class SystemClock:
    """``ports.Clock`` over the machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


async def serve(config_path: Path, environ: Mapping[str, str]) -> int:
    """Runs the server until SIGTERM or SIGINT; the exit status.

    Raises config.ConfigErrors for a configuration that cannot be used,
    store.CannotOpen for such a database, OSError for an address in use.
    """
    loaded = config.load(config_path, environ)
    telemetry.set_up(secrets=_secrets(loaded))
    for warning in loaded.warnings:
        log.warning("configuration", said=str(warning))
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with running(loaded):
        telemetry.sd_notify("READY=1")
        await stop.wait()
        telemetry.sd_notify("STOPPING=1")
        log.info("stopping")
    log.info("stopped")
    return 0


def _secrets(loaded: config.Loaded) -> list[str]:
    keys = [provider.key for provider in loaded.setup.providers.values()]
    return [*keys, *([loaded.server.admin_token] if loaded.server.admin_token else [])]


@asynccontextmanager
async def running(loaded: config.Loaded) -> AsyncIterator[World]:
    """The whole server, listening, for as long as the context lasts."""
    metrics = telemetry.Metrics()
    async with AsyncExitStack() as stack:
        database = await _opened(loaded, stack)
        world = await _world(loaded.setup, database, metrics, stack)
        await _recovered(world)
        desk = Desk(world)
        numbers = Job("numbers", 5.0, partial(_count, world, database, metrics))
        await stack.enter_async_context(Clockwork([*jobs(world, desk), numbers]))
        stack.push_async_callback(world.finish, loaded.setup.policy.drain_within_s)
        await _listening(loaded, desk, database, metrics, stack)
        yield world


@asynccontextmanager
async def counter(config_path: Path, environ: Mapping[str, str]) -> AsyncIterator[World]:
    """A world for one command that talks to providers: no door, no jobs, no recovery.

    It writes through short connections, beside a server that may be running.
    """
    loaded = config.load(config_path, environ)
    async with AsyncExitStack() as stack:
        database = store.BesideStore(loaded.server.database, loaded.setup.policy)
        yield await _world(loaded.setup, database, telemetry.Metrics(), stack)


async def _opened(loaded: config.Loaded, stack: AsyncExitStack) -> SqliteStore:
    """The database, if it may be used with this configuration; it is remembered there."""
    database = await store.open_store(loaded.server.database, loaded.setup.policy)
    stack.push_async_callback(database.close)
    mistakes = config.check_against_memory(loaded.setup, await database.read(memory))
    if mistakes:
        raise config.ConfigErrors(loaded.locate(mistakes))
    await database.write(partial(remember, setup=loaded.setup))
    return database


def memory(tx: Tx) -> config.Memory:
    """What the database remembers of earlier configurations."""
    providers = {
        name: config.ProviderMemory(
            count,
            meta.get(tx, f"provider/{name}/url") or "",
            meta.get(tx, f"provider/{name}/key") or "",
        )
        for name, count in lists.open_by_provider(tx).items()
    }
    return config.Memory(meta.get(tx, meta.CURRENCY), providers)


def remember(tx: Tx, setup: Setup) -> None:
    for name, provider in setup.providers.items():
        meta.put(tx, f"provider/{name}/url", config.fingerprint(provider.url))
        meta.put(tx, f"provider/{name}/key", config.fingerprint(provider.key))


async def _world(
    setup: Setup, database: ScriptedStore, metrics: telemetry.Metrics, stack: AsyncExitStack
) -> World:
    clock = SystemClock()
    upstream = await stack.enter_async_context(
        UpstreamClient(
            setup.providers,
            setup.dialects,
            clock,
            on_call=partial(_called, metrics),
            slot_s=setup.policy.answer_within_s,
        )
    )
    return World(
        store=database,
        upstream=upstream,
        clock=clock,
        setup=setup,
        boot_id=secrets.token_hex(8),
        catalogue=await database.catalogue(),
        metrics=metrics,
    )


def _called(metrics: telemetry.Metrics, call: Call) -> None:
    metrics.upstream_call(call.provider, call.action, call.seconds)


async def _recovered(world: World) -> None:
    """What a process that died was sending is in doubt now, and an operator hears of it."""
    for order_id in await world.store.recover(world.boot_id, world.clock.now_ms()):
        world.alert("in_doubt", order=order_id, cause="the process died")


async def _listening(
    loaded: config.Loaded,
    desk: Desk,
    database: SqliteStore,
    metrics: telemetry.Metrics,
    stack: AsyncExitStack,
) -> None:
    server, setup = loaded.server, loaded.setup
    settings = api.Settings(
        faces={path: setup.dialects[name] for path, name in server.faces.items()},
        limits=_limits(server.limits),
        trusted_proxies=server.trusted_proxies,
    )
    door = api.Api(desk, settings, metrics)
    stack.push_async_callback(door.close, setup.policy.drain_within_s)
    log.info("listening", address=await door.start(str(server.listen)), revision=setup.revision)
    if server.admin_listen is not None:
        admin = api.Admin(partial(_ready, database, setup), metrics, server.admin_token)
        stack.push_async_callback(admin.close)
        log.info("admin_listening", address=await admin.start(str(server.admin_listen)))


def _limits(limits: config.Limits) -> api.Limits:
    def limit(given: config.Limit | None) -> api.Limit | None:
        return None if given is None else api.Limit(given.count, given.seconds)

    return api.Limits(limit(limits.per_key), limit(limits.per_address), limit(limits.failed_auth))


def _ready(database: SqliteStore, setup: Setup) -> tuple[bool, Mapping[str, object]]:
    trouble = database.trouble
    detail: dict[str, object] = {"revision": setup.revision}
    return trouble is None, detail | ({"store": trouble} if trouble else {})


async def _count(world: World, database: SqliteStore, metrics: telemetry.Metrics) -> None:
    """The numbers that somebody watching wants to see, into the metrics."""
    numbers = await database.numbers()
    metrics.doubts_open(numbers.by_state[State.IN_DOUBT])
    metrics.queue_length(numbers.by_state[State.QUEUED])
    now_ms = world.clock.now_ms()
    for name, provider in world.setup.providers.items():
        health = world.upstream.health(name)
        metrics.provider_usable(name, provider.takes_orders and health.usable(now_ms))
        if health.balance_micros is not None:
            metrics.provider_balance(name, health.balance_micros / 1_000_000)
