"""A desk that remembers what it was asked, and a client that speaks raw HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from aggregator.api import Api, Inherited, Limits, Settings
from aggregator.core.errors import UNAUTHENTICATED, ClientError
from aggregator.core.messages import Added, Command
from aggregator.dialects import Dialect
from aggregator.telemetry import Metrics

KEY = "kanarienvogel-key-0123456789abcdef"
LINK = "https://instagram.example/p/kanarienvogel-link?x=1"
COMMENTS = 'kanarienvogel erste Zeile\nkanarienvogel it\'s "quoted"'

STANDARD = Dialect()
CHEAP = Dialect(
    name="cheap",
    param="api_token",
    params={"service": "package", "comments": "custom_data"},
)
BEARER = Dialect(name="bearer", param=None, bearer=True)
FACES = {"/api/v2": STANDARD, "/cheap/api/v2": CHEAP, "/bearer/api/v2": BEARER}


@dataclass
class FakeDesk:
    """Knows one key; ``raises`` or waits for ``gate`` where told to."""

    answer: Any = field(default_factory=lambda: Added("23501"))
    raises: Exception | None = None
    gate: asyncio.Event | None = None
    asked: list[tuple[str | None, Command, str | None]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry_out(
        self, key: str | None, command: Command, request_id: str | None, address: str
    ) -> Any:
        self.asked.append((key, command, request_id))
        self.addresses.append(address)
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        self.done.set()
        if key != KEY:
            raise ClientError(UNAUTHENTICATED)
        if self.raises is not None:
            raise self.raises
        return self.answer

    @property
    def params(self) -> Mapping[str, str]:
        """Of the last command."""
        return self.asked[-1][1].params


@dataclass
class HandClock:
    """Seconds, moved by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    version: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, *, body: bool = True) -> Reply:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status_line, *lines = head.split("\r\n")
        named = (line.partition(": ") for line in lines if line)
        headers = {name.lower(): value for name, _, value in named}
        size = int(headers.get("content-length", "0")) if body else 0
        version, status = status_line.split()[:2]
        return Reply(int(status), headers, await self.reader.readexactly(size), version)

    async def at_end(self) -> bool:
        """Waits for the server to say no more; whether it indeed said nothing."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Wire]:
    if address.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def post(
    body: bytes | str,
    path: str = "/api/v2",
    *headers: str,
    content_type: str | None = "application/x-www-form-urlencoded",
    method: str = "POST",
) -> bytes:
    """A request as bytes. ``headers`` are whole lines."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, *headers, "", ""]).encode() + data


@dataclass
class House:
    """An API that runs, and all it was built from."""

    desk: FakeDesk
    api: Api
    metrics: Metrics
    clock: HandClock
    address: str = ""

    async def ask(self, request: bytes, *, body: bool = True) -> Reply:
        """One request on a connection of its own."""
        async with connected(self.address) as wire:
            await wire.send(request)
            return await wire.reply(body=body)


@asynccontextmanager
async def serving(
    *,
    limits: Limits | None = None,
    trusted_proxies: tuple[str, ...] = (),
    listen: str = "127.0.0.1:0",
    body_s: float = 10,
    idle_s: float = 75,
    grace_s: float = 60,
    inherited: Inherited | None = None,
) -> AsyncIterator[House]:
    desk, metrics, clock = FakeDesk(), Metrics(), HandClock()
    networks = tuple(ip_network(text) for text in trusted_proxies)
    settings = Settings(FACES, limits or Limits(failed_auth=None), networks)
    api = Api(
        desk, settings, metrics, monotonic=clock, body_s=body_s, idle_s=idle_s, grace_s=grace_s
    )
    house = House(desk, api, metrics, clock, await api.start(listen, inherited))
    try:
        yield house
    finally:
        await api.close()
