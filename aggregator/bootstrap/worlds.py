"""The world that actions live in, with what is real of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from aggregator import config, store, telemetry
from aggregator.actions import World
from aggregator.bootstrap.clocks import SystemClock
from aggregator.ports import Setup
from aggregator.store import ScriptedStore
from aggregator.upstream import Call, UpstreamClient


def secrets(loaded: config.Loaded) -> list[str]:
    """What no log may show."""
    keys = [provider.key for provider in loaded.setup.providers.values()]
    return [*keys, *([loaded.server.admin_token] if loaded.server.admin_token else [])]


async def make(
    setup: Setup, database: ScriptedStore, metrics: telemetry.Metrics, stack: AsyncExitStack
) -> tuple[World, UpstreamClient]:
    """The upstream is the world's, with what a reload wants of it beside the port."""
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
    return world, upstream


def _clock_stepped(world: World, step_ms: int) -> None:
    world.alert("clock_stepped", by_s=step_ms // 1000, deadlines="moved along")


def _called(metrics: telemetry.Metrics, call: Call) -> None:
    metrics.upstream_call(call.provider, call.action, call.seconds)


@asynccontextmanager
async def counter(config_path: Path, environ: Mapping[str, str]) -> AsyncIterator[World]:
    """A world for one command that talks to providers: no door, no jobs, no recovery.

    It writes through short connections, beside a server that may be running.
    """
    loaded = config.load(config_path, environ)
    # Trouble on the way is logged, and must neither reach stdout nor show a key.
    telemetry.set_up("warning", secrets=secrets(loaded))
    async with AsyncExitStack() as stack:
        database = store.BesideStore(loaded.server.database, loaded.setup.policy)
        world, _ = await make(loaded.setup, database, telemetry.Metrics(), stack)
        yield world


@asynccontextmanager
async def asking(loaded: config.Loaded) -> AsyncIterator[UpstreamClient]:
    """The providers alone, for a command that asks them and writes nothing down."""
    telemetry.set_up("warning", secrets=secrets(loaded))
    setup = loaded.setup
    async with UpstreamClient(setup.providers, setup.dialects, SystemClock()) as upstream:
        yield upstream
