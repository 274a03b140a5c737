"""What tells a request that never left from one that may have been booked.

Every panel here is a raw socket that keeps each whole request it was sent: that is
the truth which the outcome is held against. Many of these pairs end in the same
exception inside aiohttp; the outcomes differ because the truth does.
"""

import asyncio
import gzip
import ssl
from pathlib import Path

import pytest

from aggregator.core.outcome import InDoubt, NotSent, Placed
from aggregator.dialects import WireReply, WireRequest
from aggregator.upstream import wire as wires
from aggregator.upstream.wire import Lost, Wire
from tests.upstream.rawpanels import (
    ORDER,
    Line,
    Talk,
    books_and_sleeps,
    buy,
    deaf_listener,
    honest,
    outcome_of,
    raw_panel,
    refusing,
)
from tests.upstream.support import LONG_S, calling

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")


# -- before a connection


async def test_a_refused_connection_is_not_sent() -> None:
    """Where nobody listens, nothing left."""
    with refusing() as url:
        async with calling(url) as client:
            assert await buy(client) == NotSent("no connection")


async def test_an_unknown_host_is_not_sent() -> None:
    """A name that does not resolve is no connection."""
    async with calling("https://panel.invalid/api/v2") as client:
        assert isinstance(await buy(client, 5), NotSent)


async def test_a_connection_that_takes_too_long_is_not_sent() -> None:
    """A handshake without an answer ends as NotSent when the time is up."""
    with deaf_listener() as address:
        async with calling(f"http://{address}/") as client:
            assert await buy(client, 0.3) == NotSent("no connection in time")


async def test_a_server_without_tls_is_not_sent() -> None:
    """Where TLS fails, the key has not been told to anybody."""

    async def plain(line: Line) -> None:
        await line.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with (
        raw_panel(plain) as panel,
        calling(panel.url.replace("http", "https")) as client,
    ):
        assert await buy(client) == NotSent("TLS failed")
    assert panel.requests == []


async def test_silence_instead_of_tls_is_not_sent() -> None:
    """A TCP connection is not yet one that anything could have been sent on."""

    async def silent(line: Line) -> None:
        await line.until_told()

    async with (
        raw_panel(silent) as panel,
        calling(panel.url.replace("http", "https")) as client,
    ):
        assert await buy(client, 0.3) == NotSent("no connection in time")


def tls_of_panel() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(SELF_SIGNED)
    return context


async def test_a_certificate_nobody_vouches_for_is_not_sent() -> None:
    """TLS is verified: a self-signed panel gets no key."""
    async with raw_panel(honest, ssl=tls_of_panel()) as panel, calling(panel.url) as client:
        assert await buy(client) == NotSent("certificate refused")
    assert panel.requests == []


async def test_a_certificate_that_is_trusted_will_do() -> None:
    """The same panel sells once its certificate is known."""
    trusting = ssl.create_default_context(cafile=str(SELF_SIGNED))
    async with (
        raw_panel(honest, ssl=tls_of_panel()) as panel,
        calling(panel.url, ssl_context=trusting) as client,
    ):
        assert await buy(client) == Placed("1")


async def test_plain_http_goes_no_further_than_this_machine() -> None:
    """A key never travels in the clear."""
    async with calling("http://panel.example/api/v2") as client:
        assert await buy(client) == NotSent("neither TLS nor loopback")


async def test_no_time_is_not_sent() -> None:
    """A timeout of zero sends nothing, not even where a connection is ready."""
    assert await outcome_of(honest, timeout_s=0) == (NotSent("no time left", ours=True), 0)


async def test_a_header_with_another_one_in_it_is_not_sent() -> None:
    """Whatever an operator's key holds, it writes no header of its own."""
    request = WireRequest({"Authorization": "Bearer key\r\nX-Other: 1"}, b"")
    async with raw_panel(honest) as panel, Wire(lambda: True) as wire:
        lost = await wire.post(panel.url, request, timeout_s=LONG_S, buying=True)
        assert lost == Lost("ValueError", sent=False)
        assert panel.connections == 0


async def test_a_lost_lease_is_not_sent() -> None:
    """Who may not send any more leaves an open connection without a byte on it."""
    async with raw_panel(honest) as panel, calling(panel.url, may_send=lambda: False) as client:
        assert await buy(client) == NotSent("not allowed to send", ours=True)
    assert panel.requests == []


# -- after it


async def hangs_up(line: Line) -> None:
    """Nothing is read, nothing booked."""


async def books_and_hangs_up(line: Line) -> None:
    await line.read()


async def books_and_resets(line: Line) -> None:
    await line.read()
    line.abort()


async def talks_nonsense(line: Line) -> None:
    await line.read()
    await line.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.mark.parametrize(
    ("talk", "booked"),
    [
        (hangs_up, 0),
        (books_and_hangs_up, 1),
        (books_and_resets, 1),
        (talks_nonsense, 1),
    ],
)
async def test_a_connection_that_breaks_is_a_doubt(talk: Talk, booked: int) -> None:
    """Once connected, an end without an answer is InDoubt, whether booked or not."""
    outcome, requests = await outcome_of(talk)
    assert isinstance(outcome, InDoubt)
    assert requests == booked


async def test_silence_is_a_doubt() -> None:
    """A panel that booked and says nothing leaves a doubt when the time is up."""
    assert await outcome_of(books_and_sleeps, timeout_s=0.3) == (InDoubt("no answer in time"), 1)


async def test_a_trickle_does_not_outlast_the_timeout() -> None:
    """An answer that comes byte by byte is cut off by the whole call's time."""

    async def trickles(line: Line) -> None:
        await line.read()
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not line.panel.told.is_set():
            await line.write(b" ")
            await asyncio.sleep(0.01)

    assert await outcome_of(trickles, timeout_s=0.3) == (InDoubt("no answer in time"), 1)


async def test_silence_ends_a_question_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two packets of an answer to a read little time may pass, in all a lot."""
    monkeypatch.setattr(wires, "SILENCE_S", 0.2)

    async def hesitates(line: Line) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"
        while not line.panel.told.is_set():
            await line.read()
            for part in (head, *(ORDER[at : at + 1] for at in range(10))):
                await line.write(part)
                await asyncio.sleep(0.03)
            if len(line.panel.requests) > 1:
                await line.until_told()
            await line.write(ORDER[10:])

    async with raw_panel(hesitates) as panel, Wire(lambda: True) as wire:
        request = WireRequest({}, b"")
        reply = await wire.post(panel.url, request, timeout_s=LONG_S)
        assert reply == WireReply(200, ORDER)
        lost = await wire.post(panel.url, request, timeout_s=LONG_S)
        assert lost == Lost("no answer in time", sent=True)


def framed(frame: str, body: bytes) -> Talk:
    async def talk(line: Line) -> None:
        await line.read()
        await line.write(f"HTTP/1.1 200 OK\r\n{frame}\r\n".encode() + body)

    return talk


CHUNKED = "Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        framed("Content-Length: 11\r\n", ORDER[:-1]),
        framed(CHUNKED, b"b\r\n" + ORDER),
        framed(CHUNKED, b"b\r\n" + ORDER[:5]),
        framed("", ORDER[:-1]),
        framed("", b""),
        framed("Content-Encoding: gzip\r\n", gzip.compress(ORDER)[:-14]),
    ],
    ids=["length", "no last chunk", "half a chunk", "no length", "nothing", "gzip"],
)
async def test_half_an_answer_is_a_doubt(talk: Talk) -> None:
    """However a body is framed, an answer that was cut off places nothing."""
    outcome, booked = await outcome_of(talk)
    assert isinstance(outcome, InDoubt)
    assert booked == 1


@pytest.mark.parametrize(
    "talk",
    [
        framed("Content-Length: 11\r\n", ORDER),
        framed(CHUNKED, b"5\r\n" + ORDER[:5] + b"\r\n6\r\n" + ORDER[5:] + b"\r\n0\r\n\r\n"),
        framed("", ORDER),
        framed("Content-Encoding: gzip\r\n", gzip.compress(ORDER)),
    ],
    ids=["length", "chunks", "no length", "gzip"],
)
async def test_a_whole_answer_places(talk: Talk) -> None:
    """However a body is framed, a whole one counts."""
    assert await outcome_of(talk) == (Placed("7"), 1)


@pytest.mark.parametrize(
    "talk",
    [
        framed("", b" " * (2 << 20) + ORDER),
        framed("Content-Encoding: gzip\r\n", gzip.compress(b" " * (64 << 20) + ORDER)),
    ],
    ids=["plain", "bomb"],
)
async def test_an_answer_without_end_is_a_doubt(talk: Talk) -> None:
    """A body is read up to its limit, counted once it is decompressed."""
    assert await outcome_of(talk) == (InDoubt("answer too large"), 1)
