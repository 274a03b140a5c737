"""Resellers' scripts: they buy, ask and cancel, and write down what they were told.

Every purchase has a link of its own, and so can be found again everywhere. One with a
request ID is repeated until it is answered; one without is not, once it may have
arrived, for to repeat it would be to buy twice.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random

import aiohttp

from benchmarks.market import DRIPFEED, SERVICES, Market

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_AGAIN_S = 0.02


@dataclass(slots=True)
class Purchase:
    """``order`` or ``error`` is the answer; neither, if none ever came."""

    link: str
    params: dict[str, str]
    order: int | None = None
    error: str | None = None
    body: bytes = b""


class Lost(Exception):
    """No answer came. ``sent``: whether the request may have arrived."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__()
        self.sent = sent


@dataclass(slots=True)
class Shop:
    """All the clients of one reseller, and what they remember."""

    market: Market
    http: aiohttp.ClientSession
    rng: Random
    book: dict[str, Purchase] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    placed: list[Purchase] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def post(self, **params: str) -> bytes:
        """The body of the answer, or Lost."""
        data = {"key": self.market.key, **params}
        try:
            async with self.http.post(self.market.url, data=data, timeout=_TIMEOUT) as answer:
                return await answer.read()
        except aiohttp.ClientConnectorError:
            raise Lost(sent=False) from None
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise Lost(sent=True) from None

    async def visit(self, stop: asyncio.Event) -> None:
        """One client: does one thing after another until it is told to stop."""
        while not stop.is_set():
            deed = self.rng.choices((self.buy, self.ask, self.cancel), (6, 3, 1))[0]
            await deed(stop)

    async def buy(self, stop: asyncio.Event) -> None:
        purchase = self._chosen()
        self.book[purchase.link] = purchase
        body = await self._insisted(purchase, stop)
        if body is None:
            self.tally["unanswered"] += 1
            return
        purchase.body, told = body, json.loads(body)
        purchase.error = told.get("error")
        if purchase.error is not None:
            self.tally["refused"] += 1
            return
        purchase.order = int(told["order"])
        self.placed.append(purchase)
        self.tally["acknowledged"] += 1
        if "request_id" in purchase.params and self.rng.random() < 0.1:
            await self._asked_again(purchase, stop)

    def _chosen(self) -> Purchase:
        link = f"https://social.example/p/{next(self.numbers)}"
        service = self.rng.choice(SERVICES)
        params = {"service": str(service), "link": link, "quantity": "100"}
        if service == DRIPFEED and self.rng.random() < 0.3:
            params |= {"runs": "2", "interval": "1"}
        if self.rng.random() < 0.7:
            params["request_id"] = link.rpartition("/")[2]
        return Purchase(link, params)

    async def _insisted(self, purchase: Purchase, stop: asyncio.Event) -> bytes | None:
        """The answer; None where there was none, and asking again could buy twice."""
        repeats = "request_id" in purchase.params
        while True:
            try:
                return await self.post(action="add", **purchase.params)
            except Lost as lost:
                self.tally["lost answers"] += lost.sent
                if (lost.sent and not repeats) or stop.is_set():
                    return None
                await asyncio.sleep(_AGAIN_S)

    async def _asked_again(self, purchase: Purchase, stop: asyncio.Event) -> None:
        """A repeat is answered with the same bytes, whatever died in between."""
        body = await self._insisted(purchase, stop)
        self.tally["repeats"] += body is not None
        if body not in (None, purchase.body):
            self.violations.append(f"{purchase.link}: {purchase.body!r}, then {body!r}")

    async def ask(self, _stop: asyncio.Event) -> None:
        purchase = self._known()
        try:
            if purchase is None:
                await self.post(action="balance")
                return
            body = await self.post(action="status", order=str(purchase.order))
        except Lost:
            await asyncio.sleep(_AGAIN_S)
            return
        self.tally["asked"] += 1
        if "error" in json.loads(body):
            self.violations.append(f"order {purchase.order} was acknowledged, then: {body!r}")

    async def cancel(self, _stop: asyncio.Event) -> None:
        purchase = self._known()
        if purchase is None:
            return
        try:
            await self.post(action="cancel", orders=str(purchase.order))
            self.tally["cancels"] += 1
        except Lost:
            await asyncio.sleep(_AGAIN_S)

    def _known(self) -> Purchase | None:
        """One of the last orders most of the time, for these are still open."""
        if not self.placed:
            return None
        recent = self.placed[-50:] if self.rng.random() < 0.8 else self.placed
        return self.rng.choice(recent)


@asynccontextmanager
async def opened(market: Market, rng: Random) -> AsyncIterator[Shop]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=5)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield Shop(market, http, rng)
