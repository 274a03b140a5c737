"""The composition root: builds the real things, hands them over, closes them.

Nothing else knows which store, which client and which clock there are. Things are
closed in the opposite order of their building, and that order is what makes a
stop graceful: first the door, then the orders still under way, then the jobs, then
the sockets upstream, and the database last.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from aggregator import api, config, store, telemetry
from aggregator.actions import Desk, World
from aggregator.background import Bell, Clockwork, Doubts, Job, jobs, watchdog
from aggregator.core.model import State
from aggregator.core.steady import Steady
from aggregator.ports import Setup
from aggregator.store import ScriptedStore, lists, meta
from aggregator.store.tx import Tx
from aggregator.upstream import Call, UpstreamClient

log = structlog.get_logger(__name__)


class SystemClock:
    """``ports.Clock`` over the machine's clocks. ``stepped`` hears of milliseconds that
    the wall clock jumped, and that this one leaves out."""

    def __init__(self) -> None:
        self.stepped: Callable[[int], None] = lambda _ms: None
        self._steady = Steady(time.time_ns() // 1_000_000 - time.monotonic_ns() // 1_000_000)

    def now_ms(self) -> int:
        wall_ms = time.time_ns() // 1_000_000
        self._steady, step_ms = self._steady.after(wall_ms, time.monotonic_ns() // 1_000_000)
        if step_ms:
            self.stepped(step_ms)
        return self._steady.now_ms(wall_ms)

    def monotonic(self) -> float:
        return time.monotonic()


class _Drain:
    """``drain_within`` from the moment at which the first of its users asks: they share it."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._until_s: float | None = None

    async def through(self, end: Callable[[float], Awaitable[None]]) -> None:
        """Gives ``end`` what is left of the time."""
        now_s = time.monotonic()
        self._until_s = self._until_s or now_s + self._within_s
        await end(max(self._until_s - now_s, 0))


async def serve(config_path: Path, environ: Mapping[str, str]) -> int:
    """Runs the server until SIGTERM or SIGINT; the exit status.

    Raises config.ConfigErrors for a configuration that cannot be used,
    store.CannotOpen for such a database, OSError for an address in use, and
    another store.StoreError where the server cannot go on (``ScriptedStore.lost``).
    """
    loaded = config.load(config_path, environ)
    telemetry.set_up(secrets=_secrets(loaded))
    for warning in loaded.warnings:
        log.warning("configuration", said=str(warning))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # By default it would end the process at once, also when a terminal is closed.
    loop.add_signal_handler(signal.SIGHUP, log.warning, "hangup_ignored")
    async with running(loaded, api.Inherited.of_process(environ), environ):
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
async def running(
    loaded: config.Loaded,
    inherited: api.Inherited | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """The whole server, listening, for as long as the context lasts.

    ``inherited``: sockets that came to us open; ``environ``: who supervises us.
    """
    metrics = telemetry.Metrics()
    async with AsyncExitStack() as stack:
        database = await _opened(loaded, stack)
        world = await _world(loaded.setup, database, metrics, stack)
        await _recovered(world)
        doubts = Doubts(world, database)
        await doubts.load()
        desk = Desk(world)
        numbers = Job("numbers", 5.0, partial(_count, world, database, metrics))
        others = Job("others", 5.0, partial(_watch_others, world, database))
        settling = Job("doubts", 1.0, doubts.settle)
        work = [*jobs(world, desk), settling, numbers, others, *_bell(loaded, world)]
        work += watchdog(database, environ or {})
        clockwork = Clockwork(work)
        await stack.enter_async_context(clockwork)
        drain = _Drain(loaded.setup.policy.drain_within_s)
        stack.push_async_callback(drain.through, world.finish)
        sockets = inherited or api.Inherited()
        await _listening(loaded, desk, database, metrics, sockets, drain, stack)
        stack.callback(setattr, world, "stopping", True)  # nothing new leaves from here on
        yield world
        if database.lost is not None:
            raise database.lost


@asynccontextmanager
async def counter(config_path: Path, environ: Mapping[str, str]) -> AsyncIterator[World]:
    """A world for one command that talks to providers: no door, no jobs, no recovery.

    It writes through short connections, beside a server that may be running.
    """
    loaded = config.load(config_path, environ)
    # Trouble on the way is logged, and must neither reach stdout nor show a key.
    telemetry.set_up("warning", secrets=_secrets(loaded))
    async with AsyncExitStack() as stack:
        database = store.BesideStore(loaded.server.database, loaded.setup.policy)
        yield await _world(loaded.setup, database, telemetry.Metrics(), stack)


@asynccontextmanager
async def asking(loaded: config.Loaded) -> AsyncIterator[UpstreamClient]:
    """The providers alone, for a command that asks them and writes nothing down."""
    telemetry.set_up("warning", secrets=_secrets(loaded))
    setup = loaded.setup
    async with UpstreamClient(setup.providers, setup.dialects, SystemClock()) as upstream:
        yield upstream


async def _opened(loaded: config.Loaded, stack: AsyncExitStack) -> ScriptedStore:
    """The database, if it may be used with this configuration; it is remembered there."""
    database = await store.open_store(loaded.server.database, loaded.setup.policy)
    stack.push_async_callback(database.close)
    mistakes = config.check_against_memory(loaded.setup, await database.read(memory))
    if mistakes:
        raise config.ConfigErrors(loaded.locate(mistakes))
    await database.write(partial(remember, setup=loaded.setup))
    return database


def _bell(loaded: config.Loaded, world: World) -> list[Job]:
    """The job behind ``alert_command``, if there is one."""
    command = loaded.server.alert_command
    if command is None:
        return []
    bell = Bell(command)
    world.ring = bell.ring
    return [Job("bell", 0.0, bell.answer)]


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
            may_send=database.may_send,
        )
    )
    world = World(
        store=database,
        upstream=upstream,
        clock=clock,
        setup=setup,
        boot_id=database.boot_id,
        catalogue=await database.offers(setup.routed()),
        metrics=metrics,
    )
    clock.stepped = partial(_clock_stepped, world)
    return world


def _clock_stepped(world: World, step_ms: int) -> None:
    world.alert("clock_stepped", by_s=step_ms // 1000, deadlines="moved along")


def _called(metrics: telemetry.Metrics, call: Call) -> None:
    metrics.upstream_call(call.provider, call.action, call.seconds)


async def _recovered(world: World) -> None:
    """What a process that died was sending is in doubt now. An operator hears of it where
    it is not settled in time, as of every doubt (``core.doubt.ALERT_MS``)."""
    _told(await world.store.recover(world.boot_id, world.clock.now_ms()))


def _told(recovered: Sequence[int]) -> None:
    for order_id in recovered:
        log.warning("in_doubt", order=order_id, cause="the process died")


async def _watch_others(world: World, database: ScriptedStore) -> None:
    """Other servers on the database may die; and may have taken this one for dead.

    Then it stops as if it were told to, and so it does when its disk has failed: what
    is on it must be read anew.
    """
    _told(await database.recover_others(world.clock.now_ms()))
    if database.lost is not None:
        signal.raise_signal(signal.SIGTERM)


async def _listening(
    loaded: config.Loaded,
    desk: Desk,
    database: ScriptedStore,
    metrics: telemetry.Metrics,
    inherited: api.Inherited,
    drain: _Drain,
    stack: AsyncExitStack,
) -> None:
    server, setup = loaded.server, loaded.setup
    settings = api.Settings(
        faces={path: setup.dialects[name] for path, name in server.faces.items()},
        limits=_limits(server.limits),
        trusted_proxies=server.trusted_proxies,
    )
    door = api.Api(desk, settings, metrics)
    stack.push_async_callback(drain.through, door.close)
    address = await door.start(str(server.listen), inherited)
    log.info("listening", address=address, revision=setup.revision)
    if server.admin_listen is not None:
        admin = api.Admin(partial(_ready, database, setup), metrics, server.admin_token)
        stack.push_async_callback(admin.close)
        address = await admin.start(str(server.admin_listen), inherited)
        log.info("admin_listening", address=address)
    for place in inherited.unused:
        log.warning("inherited_socket_unused", address=place)


def _limits(limits: config.Limits) -> api.Limits:
    def limit(given: config.Limit | None) -> api.Limit | None:
        return None if given is None else api.Limit(given.count, given.seconds)

    return api.Limits(limit(limits.per_key), limit(limits.per_address), limit(limits.failed_auth))


def _ready(database: ScriptedStore, setup: Setup) -> tuple[bool, Mapping[str, object]]:
    trouble = database.trouble
    detail: dict[str, object] = {"revision": setup.revision}
    return trouble is None, detail | ({"store": trouble} if trouble else {})


async def _count(world: World, database: ScriptedStore, metrics: telemetry.Metrics) -> None:
    """The numbers that somebody watching wants to see, into the metrics."""
    numbers = await database.numbers()
    oldest_ms = numbers.oldest_doubt_ms
    age_s = 0.0 if oldest_ms is None else (world.clock.now_ms() - oldest_ms) / 1000
    metrics.doubts_open(numbers.by_state[State.IN_DOUBT], age_s)
    metrics.queue_length(numbers.by_state[State.QUEUED])
    now_ms = world.clock.now_ms()
    for name, provider in world.setup.providers.items():
        health = world.upstream.health(name)
        metrics.provider_usable(name, provider.takes_orders and health.usable(now_ms))
        if health.balance_micros is not None:
            metrics.provider_balance(name, health.balance_micros / 1_000_000)
