"""One connection: what clients do to it, well or badly, and what it does to them."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.api.answers import Answer, lines
from aggregator.api.body import read_body
from aggregator.api.connection import Common, Connection
from aggregator.api.listener import Listener
from aggregator.api.refusals import HungUp, Refusal
from aggregator.api.request import Request
from tests.api.support import Reply, Wire, connected, post

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
BIG = b"x" * (8 << 20)  # more than the kernel's buffers take


@dataclass
class Echo:
    """Answers with what it was asked; waits, refuses and fails where the path says so."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[bytes] = field(default_factory=list)
    failed: list[type[Exception]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, request: Request) -> Answer:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(request)
        except (Refusal, HungUp) as error:
            self.failed.append(type(error))
            return Answer(b"refused", 400, closes=isinstance(error, HungUp) or error.closes)
        finally:
            self.at_once -= 1

    async def _answer(self, request: Request) -> Answer:
        if request.path == "/bug":
            raise ZeroDivisionError("inside")
        if request.path == "/unread":
            return Answer(b"no")
        if request.path == "/wait":
            await self.gate.wait()
        body = await read_body(request, 5)
        self.heard.append(body)
        if request.path == "/big":
            return Answer(BIG)
        return Answer(body or b"-", headers=lines({"X-Path": request.path}))


@dataclass
class Place:
    echo: Echo
    listener: Listener
    address: str

    @property
    def open(self) -> int:
        return len(self.listener._common.open)

    async def ask(self, request: bytes, *, body: bool = True) -> Reply:
        async with connected(self.address) as wire:
            await wire.send(request)
            return await wire.reply(body=body)


@asynccontextmanager
async def listening(*, idle_s: float = 60, linger_s: float = 60) -> AsyncIterator[Place]:
    echo = Echo()
    listener = Listener(echo, idle_s=idle_s, linger_s=linger_s)
    try:
        yield Place(echo, listener, await listener.start("127.0.0.1:0"))
    finally:
        await listener.close()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with listening() as one:
        yield one


async def until(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not told():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


async def bytewise(wire: Wire, data: bytes) -> None:
    for at in range(len(data)):
        await wire.send(data[at : at + 1])
        await asyncio.sleep(0)


async def all_at_once(wire: Wire, data: bytes) -> None:
    await wire.send(data)


Sender = Callable[[Wire, bytes], Awaitable[None]]
SENDERS = [all_at_once, bytewise]


async def replies(wire: Wire, count: int) -> list[bytes]:
    return [(await wire.reply()).body for _ in range(count)]


# What belongs to HTTP


@pytest.mark.parametrize("send", SENDERS)
async def test_requests_ahead(place: Place, send: Sender) -> None:
    """Requests that come before the answers of those before them are answered in their
    order, one at a time, however their bytes arrive."""
    chunked = (
        b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
    )
    get = b"GET /d HTTP/1.1\r\nHost: x\r\n\r\n"
    async with connected(place.address) as wire:
        await send(wire, post("a", "/a") + post("b", "/b") + chunked + get + post("e", "/e"))
        assert await replies(wire, 5) == [b"a", b"b", b"c", b"-", b"e"]
    assert place.echo.most_at_once == 1


async def test_many_requests_ahead(place: Place) -> None:
    """Any number of them is answered, few of them being read ahead at a time."""
    async with connected(place.address) as wire:
        sent = [b"%d" % number for number in range(500)]
        sending = asyncio.create_task(wire.send(b"".join(post(one) for one in sent)))
        assert await replies(wire, 500) == sent
        await sending


async def test_a_flood_ahead_is_not_read(place: Place) -> None:
    """Who sends on and on while he is being answered has to wait: we stop reading."""
    flood = post(b"x" * 100_000) * 100
    async with connected(place.address) as wire:
        await wire.send(post("", "/wait"))
        await until(lambda: place.echo.at_once == 1)
        sending = asyncio.create_task(wire.send(flood * 5))
        await asyncio.sleep(0.2)
        assert not sending.done()
        (one,) = place.listener._common.open
        assert sum(body._size for _, body in one._ahead) < 2_000_000
        place.echo.gate.set()
        assert await replies(wire, 1) == [b"-"]
        assert len(await replies(wire, 500)) == 500
        await sending


async def test_a_date(place: Place) -> None:
    """An answer tells when it was made."""
    reply = await place.ask(post(""))
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply.headers["date"])
    assert parsedate_to_datetime(reply.headers["date"]).year > 2020


async def test_head(place: Place) -> None:
    """A HEAD is told the length of an answer without getting it."""
    async with connected(place.address) as wire:
        await wire.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + post("next"))
        assert (await wire.reply(body=False)).headers["content-length"] == "1"
        assert (await wire.reply()).body == b"next"


@pytest.mark.parametrize(
    ("version", "header", "told", "stays"),
    [
        ("1.1", "X: y", None, True),
        ("1.1", "Connection: close", "close", False),
        ("1.0", "X: y", None, False),
        ("1.0", "Connection: keep-alive", "keep-alive", True),
    ],
)
async def test_keeping_a_connection(
    place: Place, version: str, header: str, told: str | None, stays: bool
) -> None:
    """It is kept as the client's version and wish have it, and he is told."""
    request = post("a", "/a", header).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    async with connected(place.address) as wire:
        for _ in range(2 if stays else 1):
            await wire.send(request)
            reply = await wire.reply()
            assert (reply.version, reply.body) == (f"HTTP/{version}", b"a")
            assert reply.headers.get("connection") == told
        if not stays:
            assert await wire.at_end()


@pytest.mark.parametrize(
    "request_",
    [
        post("a", "/a", "Connection: Upgrade", "Upgrade: websocket"),
        post("a", "/a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
        b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
@pytest.mark.parametrize("send", SENDERS)
async def test_another_protocol(place: Place, request_: bytes, send: Sender) -> None:
    """Who wants to go on in another protocol is answered in this one, and what he says after
    that is not listened to."""
    async with connected(place.address) as wire:
        await send(wire, request_)
        await wire.send(post("smuggled", "/a"))
        reply = await wire.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert await wire.at_end()
    assert b"smuggled" not in place.echo.heard


@pytest.mark.parametrize(
    ("expect", "version", "asked"),
    [
        ("100-continue", b"1.1", True),
        ("100-Continue", b"1.1", True),
        ("100-continue", b"1.0", False),
    ],
)
async def test_expecting(place: Place, expect: str, version: bytes, asked: bool) -> None:
    """Whoever waits for it is told to send his body, unless his HTTP knows of no such thing."""
    request = post("a", "/a", f"Expect: {expect}").replace(b"HTTP/1.1", b"HTTP/" + version)
    async with connected(place.address) as wire:
        await wire.send(request[:-1])
        if asked:
            assert (await wire.reply()).status == 100
        else:
            await asyncio.sleep(0.05)
        await wire.send(b"a")
        assert (await wire.reply()).body == b"a"


async def test_expecting_what_is_refused(place: Place) -> None:
    """He is not told to if nobody wants it, and may ask something else after it."""
    async with connected(place.address) as wire:
        await wire.send(post("a", "/unread", "Expect: 100-continue")[:-1])
        assert (await wire.reply()).body == b"no"
        await wire.send(b"a" + post("b"))
        assert (await wire.reply()).body == b"b"


# What is no HTTP

SMUGGLED = b"POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\ns"


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n X: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: y\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX\0: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nX: y\r\n\r\n",
        b"POST / HTTP/1.1\nHost: x\n\n",
        b"POST http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST //[::1]:x/ HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X" * 9000 + b": y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"\0" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    ],
)
@pytest.mark.parametrize("send", SENDERS)
async def test_garbage(place: Place, head: bytes, send: Sender) -> None:
    """Heads that are wrong or could be read in two ways are refused; nothing after them is
    read, and the connection ends."""
    async with connected(place.address) as wire:
        with suppress(ConnectionError):  # byte by byte, it has heard enough before the end
            await send(wire, head + SMUGGLED)
        reply = await wire.reply()
        assert (reply.status, reply.json) == (400, {"error": "Malformed request"})
        assert reply.headers["connection"] == "close"
        assert await wire.at_end()
    assert place.echo.heard == []


async def test_garbage_after_a_request(place: Place) -> None:
    """What was asked before it is answered before it."""
    async with connected(place.address) as wire:
        await wire.send(post("", "/wait"))
        await until(lambda: place.echo.at_once == 1)
        await wire.send(post("a"))
        await asyncio.sleep(0.02)
        await wire.send(b"garbage\r\n\r\n")
        await asyncio.sleep(0.02)
        place.echo.gate.set()
        assert await replies(wire, 2) == [b"-", b"a"]
        assert (await wire.reply()).status == 400
        assert await wire.at_end()


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"1\r\nab", b"-1\r\n", b"1;" + b"\0\r\n", b"1\nx\n"])
async def test_broken_chunks(place: Place, chunks: bytes) -> None:
    """A body that breaks is known to be broken at once, even after it has begun well."""
    async with connected(place.address) as wire:
        await wire.send(CHUNKED + b"1\r\na\r\n")
        await until(lambda: place.echo.at_once == 1)
        await wire.send(chunks)
        assert (await wire.reply()).body == b"refused"
        assert await wire.at_end()
    assert place.echo.heard == []


async def test_broken_chunks_that_nobody_reads(place: Place) -> None:
    """The answer stands, and the connection ends."""
    head = b"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(place.address) as wire:
        await wire.send(head)
        assert (await wire.reply()).body == b"no"
        await wire.send(b"zz\r\n")
        assert await wire.at_end()


async def test_chunks_without_end(place: Place) -> None:
    """A chunked body is refused when it has become too large, and not kept meanwhile."""
    async with connected(place.address) as wire:
        await wire.send(CHUNKED)
        for _ in range(20):
            await wire.send(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
        assert (await wire.reply()).body == b"refused"
        await wire.send(b"0\r\n\r\n")
        assert await wire.at_end()


async def test_a_chunk_a_byte(place: Place) -> None:
    """Nor do the smallest of chunks cost more than they carry."""
    async with connected(place.address) as wire:
        await wire.send(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        assert (await wire.reply()).body == b"x" * 50_000


# Clients that keep us waiting


async def drips(wire: Wire, data: bytes) -> None:
    while True:
        await wire.send(data)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("begun", [b"POST / HTTP/1.1\r\n", post("a")])
async def test_slow_heads(begun: bytes) -> None:
    """Who sends a header now and then, but never the last, is cut off, answered before or
    not."""
    async with listening(idle_s=0.2) as place, connected(place.address) as wire:
        await wire.send(begun)
        if begun == post("a"):
            await wire.reply()
            await wire.send(b"POST / HTTP/1.1\r\n")
        dripping = asyncio.create_task(drips(wire, b"X: y\r\n"))
        async with asyncio.timeout(5):
            assert await wire.at_end()
        dripping.cancel()
        await until(lambda: place.open == 0)


async def test_not_idle_while_we_think() -> None:
    """Who waits for us keeps nobody waiting, and his time begins anew with the answer."""
    async with listening(idle_s=0.1) as place, connected(place.address) as wire:
        await wire.send(post("a", "/wait"))
        await asyncio.sleep(0.3)
        place.echo.gate.set()
        assert (await wire.reply()).body == b"a"
        for _ in range(3):
            await asyncio.sleep(0.05)
            await wire.send(post("b"))
            assert (await wire.reply()).body == b"b"
        assert await wire.at_end()


async def test_silence() -> None:
    """So is who says nothing at all."""
    async with listening(idle_s=0.05) as place, connected(place.address) as wire:
        assert await wire.at_end()


async def test_a_request_that_has_just_come_is_no_silence(place: Place) -> None:
    """A loop may look at its clock between what it reads and who waits for that. What has
    been read will be carried out, and its sender must hear of it."""
    async with connected(place.address) as wire:
        await until(lambda: place.open == 1)
        (connection,) = place.listener._common.open
        connection.data_received(post("a"))
        connection._timer.cancel()
        connection._until = 0
        connection._look()
        assert (await wire.reply()).body == b"a"
        await wire.send(post("b"))
        assert (await wire.reply()).body == b"b"


@pytest.mark.asyncio(loop_factories=["uvloop"])  # asyncio's buffers know no bounds in some versions
@pytest.mark.parametrize("requests", [post("", "/big") * 3, post("", "/big", "Connection: close")])
async def test_an_answer_that_is_not_taken(requests: bytes) -> None:
    """Who does not take what he asked for is cut off."""
    async with listening(idle_s=0.2) as place:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            host, _, port = place.address.partition(":")
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, (host, int(port)))
            await loop.sock_sendall(deaf, requests)
            await until(lambda: place.open == 1)
            await until(lambda: place.open == 0)
            assert len(place.echo.heard) == 1  # the next waits for the answer to be taken


async def test_an_answer_that_is_taken_slowly() -> None:
    """Who takes it slowly gets all of it."""
    async with listening(idle_s=0.2) as place, connected(place.address) as wire:
        wire.writer.write(post("", "/big") + post("next"))
        await wire.reader.readuntil(b"\r\n\r\n")
        for _ in range(16):
            await asyncio.sleep(0.05)
            assert await wire.reader.readexactly(len(BIG) // 16)
        assert (await wire.reply()).body == b"next"


async def test_a_refused_body_is_heard_out(place: Place) -> None:
    """A body that nobody wanted does not end the connection, if it comes."""
    async with connected(place.address) as wire:
        await wire.send(post(b"x" * 500_000, "/unread") + post("next"))
        assert await replies(wire, 2) == [b"no", b"next"]


async def test_a_refused_body_that_does_not_come() -> None:
    """It is not waited for without end."""
    async with listening(linger_s=0.05) as place, connected(place.address) as wire:
        await wire.send(post("xx", "/unread")[:-1])
        assert (await wire.reply()).body == b"no"
        assert await wire.at_end()


# Clients that go away


@pytest.mark.parametrize("half", [True, False])
async def test_hanging_up(place: Place, half: bool) -> None:
    """Who hangs up, or closes his side alone, cancels nothing, and leaves nothing behind;
    what he had sent ahead is not begun."""
    async with connected(place.address) as wire:
        await wire.send(post("a", "/wait") + post("b"))
        await until(lambda: place.echo.at_once == 1)
        if half:
            wire.writer.write_eof()
            assert await wire.at_end()
    await asyncio.sleep(0.02)
    assert place.open == 1  # the work is under way
    place.echo.gate.set()
    await until(lambda: place.open == 0)
    assert place.echo.heard == [b"a"]


async def test_hanging_up_within_a_body(place: Place) -> None:
    """Half a body is nothing, and is known to stay so at once."""
    async with connected(place.address) as wire:
        await wire.send(post("ab")[:-1])
        await until(lambda: place.echo.at_once == 1)
    await until(lambda: place.open == 0)
    assert (place.echo.heard, place.echo.failed) == ([], [HungUp])


async def test_hanging_up_before_a_large_answer(place: Place) -> None:
    """An answer that nobody takes falls on the floor."""
    async with connected(place.address) as wire:
        await wire.send(post("", "/big") * 3)
        await until(lambda: bool(place.echo.heard))
    await until(lambda: place.open == 0)


# What goes wrong with us


async def test_a_bug(place: Place) -> None:
    """What should never come out of whoever answers is told without a word about it."""
    async with connected(place.address) as wire:
        await wire.send(post("", "/bug"))
        reply = await wire.reply()
        assert (reply.status, reply.json) == (500, {"error": "Internal error"})
        assert await wire.at_end()


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\0"])
def test_a_header_is_a_line(value: str) -> None:
    """No value makes two headers of one."""
    with pytest.raises(ValueError, match="line"):
        lines({"Allow": value})


# Any bytes at all


class Memory(asyncio.Transport):
    """Remembers what was written, and refuses what a closed one refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += data

    def write_eof(self) -> None:
        assert not self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


WORDS = (
    *(b"POST / HTTP/1.1\r\nHost: x\r\n", b"GET /unread HTTP/1.0\r\n", b"CONNECT x:1 HTTP/1.1\r\n"),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
    *(b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"Connection: close\r\n", b"\r\n", b"abc"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", post("a"), post("b", "/unread"), CHUNKED, post("", "/bug")),
)


@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=9), max_size=12), st.booleans())
def test_any_bytes(pieces: list[bytes], at_once: bool) -> None:
    """Whatever comes, in whatever pieces, is answered or not, and nothing of it is left when
    the client has gone."""

    async def spoken() -> None:
        common, transport = Common(Echo(), 60, 60), Memory()
        connection = Connection(common)
        connection.connection_made(transport)
        for piece in [b"".join(pieces)] if at_once else pieces:
            connection.data_received(piece)
            for _ in range(0 if at_once else 4):
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        connection.connection_lost(None)
        await connection.task
        await asyncio.sleep(0)
        assert not common.open
        assert transport.written[:7] in (b"", b"HTTP/1.")

    asyncio.run(spoken())
