"""The pretend panel and a client that buys there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aggregator.core.outcome import Placed
from aggregator.sandbox import PanelSettings, SandboxServer, builtin_dialect
from aggregator.upstream import Call, UpstreamClient
from tests.upstream.support import LONG_S, PANEL, PURCHASE, calling

FROZEN = PanelSettings(stage_s=None)


@asynccontextmanager
async def market(
    dialect: str = "standard", settings: PanelSettings = FROZEN
) -> AsyncIterator[tuple[SandboxServer, UpstreamClient, list[Call]]]:
    calls: list[Call] = []
    async with (
        SandboxServer(builtin_dialect(dialect), settings) as panel,
        calling(panel.url, dialect=dialect, on_call=calls.append) as client,
    ):
        yield panel, client, calls


async def buy(client: UpstreamClient, count: int = 1) -> list[str]:
    outcomes = [await client.add(PANEL, "1", PURCHASE, timeout_s=LONG_S) for _ in range(count)]
    return [outcome.upstream_order_id for outcome in outcomes if isinstance(outcome, Placed)]
