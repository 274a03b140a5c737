"""A client with one provider, and what it buys there."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tenacity import wait_none

from aggregator.core.model import Kind, Provider, Purchase
from aggregator.sandbox import KEY, builtin_dialect
from aggregator.upstream import UpstreamClient

PANEL = "panel"
LINK = "https://example.com/secret-link"
PURCHASE = Purchase(Kind.NORMAL, 100, 100, {"link": LINK, "quantity": "100"})
DRIPFEED = Purchase(
    Kind.DRIPFEED,
    100,
    300,
    {"link": LINK, "quantity": "100", "runs": "3", "interval": "5"},
    runs=3,
    interval=5,
)
LONG_S = 60.0  # a timeout that no passing test ever reaches


class RealClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def provider(url: str, **settings: Any) -> Provider:
    return Provider(
        **{"name": PANEL, "url": url, "key": KEY, "dialect": "standard", "currency": "USD"}
        | settings
    )


@asynccontextmanager
async def calling(
    url: str, *, dialect: str = "standard", settings: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[UpstreamClient]:
    """A client with one provider, called ``PANEL``; it repeats without waiting."""
    providers = {PANEL: provider(url, dialect=dialect, **settings or {})}
    dialects = {dialect: builtin_dialect(dialect)}
    options = {"wait": wait_none()} | options
    async with UpstreamClient(providers, dialects, RealClock(), **options) as client:
        yield client
