"""Panels made of raw sockets, for all that a well-behaved server cannot do wrong.

Each keeps every whole request that it was sent: the truth to hold an outcome against.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aggregator.core.outcome import Outcome
from aggregator.upstream import UpstreamClient
from tests.upstream.support import LONG_S, PANEL, PURCHASE, calling

ORDER = b'{"order":7}'


@contextmanager
def refusing() -> Iterator[str]:
    """A URL where nobody listens, and nobody can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/api/v2"


@contextmanager
def deaf_listener() -> Iterator[str]:
    """A port whose queue of connections is full: the next one is never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for each in waiting:
                each.close()


Talk = Callable[["Line"], Awaitable[None]]


class RawPanel:
    """Talks as told on every connection, and keeps what it was sent as a whole."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._lines: list[asyncio.Task[None]] = []
        self.url = ""
        self.requests: list[bytes] = []  # every whole request, head and body
        self.connections = 0
        self.told = asyncio.Event()  # for a test to say "go on"
        self.heard = asyncio.Event()  # set with every whole request

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._talk(Line(self, reader, writer, self.connections))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.append(asyncio.create_task(self.serve(reader, writer)))

    async def end(self) -> None:
        self.told.set()
        await asyncio.gather(*self._lines)


class Line:
    """One connection as the panel sees it; ``number`` counts from 1."""

    def __init__(
        self,
        panel: RawPanel,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        self.panel = panel
        self.number = number
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """One whole request; from here on it counts as done."""
        head = await self.head()
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        request = head + await self._reader.readexactly(length)
        self.panel.requests.append(request)
        self.panel.heard.set()
        return request

    async def head(self) -> bytes:
        return await self._reader.readuntil(b"\r\n\r\n")

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def blurts(self, data: bytes) -> None:
        """Says it at once: it has arrived before anybody else's turn."""
        self._writer.write(data)

    async def answer(self, body: bytes, *, status: str = "200 OK", more: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        await self.write(head.encode() + body)

    async def until_told(self) -> None:
        await self.panel.told.wait()

    def ends(self) -> None:
        """Will say no more, and goes on listening."""
        self._writer.write_eof()

    def abort(self) -> None:
        """Closes with a reset."""
        self._writer.transport.abort()


@asynccontextmanager
async def raw_panel(talk: Talk, **options: Any) -> AsyncIterator[RawPanel]:
    panel = RawPanel(talk)
    server = await asyncio.start_server(panel.begin, "127.0.0.1", 0, **options)
    scheme = "https" if "ssl" in options else "http"
    panel.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v2"
    try:
        yield panel
    finally:
        server.close()
        await panel.end()


async def honest(line: Line) -> None:
    """Answers every request with its own number as the order."""
    while True:
        await line.read()
        await line.answer(b'{"order":%d}' % len(line.panel.requests))


async def books_and_sleeps(line: Line) -> None:
    await line.read()
    await line.until_told()


async def buy(client: UpstreamClient, timeout_s: float = LONG_S) -> Outcome:
    return await client.add(PANEL, "1", PURCHASE, timeout_s=timeout_s)


@asynccontextmanager
async def between(talk: Talk) -> AsyncIterator[tuple[RawPanel, UpstreamClient]]:
    async with raw_panel(talk) as panel, calling(panel.url) as client:
        yield panel, client


async def outcome_of(talk: Talk, timeout_s: float = LONG_S) -> tuple[Outcome, int]:
    """The outcome of one add, and how many whole requests the panel had by then."""
    async with between(talk) as (panel, client):
        outcome = await buy(client, timeout_s)
        return outcome, len(panel.requests)
