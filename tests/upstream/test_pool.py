"""When a connection serves again, and when it does not: over real sockets, held against
what the panel saw."""

import asyncio
import gzip
import ssl

import aiohttp
import pytest

from aggregator.dialects import WireReply, WireRequest
from aggregator.upstream import line
from aggregator.upstream import wire as wires
from aggregator.upstream.answer import Unsound
from aggregator.upstream.wire import Lost, Wire
from tests.upstream.rawpanels import ORDER, Line, RawPanel, Talk, honest, raw_panel
from tests.upstream.support import LONG_S
from tests.upstream.test_wire import SELF_SIGNED, tls_of_panel

REQUEST = WireRequest({"Content-Type": "application/json"}, b"{}")


async def asked(wire: Wire, panel: RawPanel, *, buying: bool = True) -> WireReply | Lost:
    return await wire.post(panel.url, REQUEST, timeout_s=LONG_S, buying=buying)


def raw(data: bytes, then: bytes = b"") -> Talk:
    """Says ``data`` to each request, and a moment later ``then``."""

    async def talk(line: Line) -> None:
        while True:
            await line.read()
            await line.write(data)
            if then:
                await asyncio.sleep(0.01)
                await line.write(then)

    return talk


OK = b"HTTP/1.1 200 OK\r\n"
ANSWER = OK + b"Content-Length: 11\r\n\r\n" + ORDER
GZIPPED = gzip.compress(ORDER)
KEPT = {
    "length": ANSWER,
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + ORDER + b"\r\n0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER,
    "gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED,
}


@pytest.mark.parametrize("ends", [False, True])
async def test_what_waits_unread_is_no_answer(ends: bool) -> None:
    """A loop that is busy has not read everything that has arrived on an idle connection."""
    lines = []

    async def talk(line: Line) -> None:
        lines.append(line)
        await honest(line)

    async with raw_panel(talk) as panel, Wire(lambda: True) as wire:
        await asked(wire, panel)
        lines[0].ends() if ends else lines[0].blurts(ANSWER)
        reply = await asked(wire, panel)
        assert isinstance(reply, WireReply) and reply.body == b'{"order":2}'
        assert panel.connections == 2


@pytest.mark.parametrize("data", KEPT.values(), ids=KEPT)
async def test_a_connection_serves_again(data: bytes) -> None:
    """Ten answers of any frame over one connection; what only asks has another one."""
    async with raw_panel(raw(data)) as panel, Wire(lambda: True) as wire:
        for _ in range(10):
            reply = await asked(wire, panel)
            assert isinstance(reply, WireReply) and reply.body == ORDER
        assert panel.connections == 1
        await asked(wire, panel, buying=False)
        assert panel.connections == 2


async def test_an_answer_byte_by_byte() -> None:
    """Each in a packet of its own, and the connection serves again."""

    async def spells(line: Line) -> None:
        while True:
            await line.read()
            for at in range(len(ANSWER)):
                await line.write(ANSWER[at : at + 1])
                await asyncio.sleep(0)

    async with raw_panel(spells) as panel, Wire(lambda: True) as wire:
        for _ in range(2):
            assert await asked(wire, panel) == WireReply(200, ORDER)
        assert panel.connections == 1


async def test_a_connection_with_tls_serves_again() -> None:
    """Its handshake is done once."""
    trusting = ssl.create_default_context(cafile=str(SELF_SIGNED))
    async with raw_panel(raw(ANSWER), ssl=tls_of_panel()) as panel:
        async with Wire(lambda: True, trusting) as wire:
            for _ in range(5):
                assert await asked(wire, panel) == WireReply(200, ORDER)
        assert panel.connections == 1


STALE = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"order":999}'


@pytest.mark.parametrize(
    "talk",
    [
        raw(ANSWER.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")),
        raw(ANSWER.replace(b"1.1", b"1.0")),
        raw(ANSWER + STALE),
        raw(ANSWER + STALE[:-1]),
        raw(ANSWER + STALE[:5]),
        raw(ANSWER, STALE),
        raw(ANSWER, b"\n"),
    ],
    ids=["close", "1.0", "two", "half", "a word", "two, later", "a line, later"],
)
async def test_a_connection_is_not_used_again(talk: Talk) -> None:
    """Where it was to be closed, or more was said than was asked, the next one is new."""
    async with raw_panel(talk) as panel, Wire(lambda: True) as wire:
        for _ in range(3):
            assert await asked(wire, panel) == WireReply(200, ORDER)
            await asyncio.sleep(0.1)
        assert panel.connections == 3


async def test_an_answer_before_the_request_was_read() -> None:
    """It counts, but what is left of the request must not stand before the next one."""

    async def hasty(line: Line) -> None:
        if line.number == 1:
            await line.head()
            await line.answer(ORDER)
            await line.until_told()
        else:
            await honest(line)

    large = WireRequest(REQUEST.headers, b" " * (32 << 20))  # more than buffers of sockets take
    async with raw_panel(hasty) as panel, Wire(lambda: True) as wire:
        for _ in range(2):
            reply = await wire.post(panel.url, large, timeout_s=LONG_S, buying=True)
            assert isinstance(reply, WireReply)
        assert panel.connections == 2


async def test_a_connection_that_ends_in_one_direction_is_over() -> None:
    """The panel will hear, but it has said that it will not speak."""

    async def half_closes(line: Line) -> None:
        await line.read()
        await line.answer(ORDER)
        line.ends()
        await line.until_told()

    async with raw_panel(half_closes) as panel, Wire(lambda: True) as wire:
        for _ in range(2):
            assert await asked(wire, panel) == WireReply(200, ORDER)
            await asyncio.sleep(0.1)
        assert panel.connections == 2


async def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After their time, whether or not anybody asks; one that is used lives on."""
    monkeypatch.setattr(wires, "BUYING_KEEPALIVE_S", 0.2)
    ended, both = [], asyncio.Event()

    async def talk(line: Line) -> None:
        try:
            await honest(line)
        finally:
            ended.append(line.number)
            if len(ended) == 2:
                both.set()

    async with raw_panel(talk) as panel, Wire(lambda: True) as wire:
        await asyncio.gather(asked(wire, panel), asked(wire, panel))
        for _ in range(4):
            await asyncio.sleep(0.1)
            await asked(wire, panel)
        assert (panel.connections, len(ended)) == (2, 1)
        async with asyncio.timeout(5):
            await both.wait()
        await asked(wire, panel)
        assert panel.connections == 3


@pytest.mark.parametrize("said", [STALE, b""], ids=["speaks first", "ends"])
async def test_nothing_is_written_where_no_answer_could_be_told(said: bytes) -> None:
    """A new connection with bytes on it, or with its end, is none."""

    async def greets(line: Line) -> None:
        if said:
            await line.write(said)
            await line.until_told()

    async with raw_panel(greets) as panel, Wire(lambda: True) as wire:
        address = wire._address(panel.url, {})
        connection = await wire._connector.connect(address.request, [], aiohttp.ClientTimeout())
        await asyncio.sleep(0.1)
        with pytest.raises(Unsound, match="disconnected"):
            line.Line(connection)
        assert connection.closed
