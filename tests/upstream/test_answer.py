"""An answer comes out the same, or not at all, however its bytes are cut into packets."""

import asyncio
import gc
import gzip
import zlib
from collections.abc import Iterable

import pytest

from aggregator.dialects import WireReply
from aggregator.upstream.answer import PIECE, Answer, Unsound

CAP = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HI = OK + b"Content-Length: 2\r\n\r\nhi"
DEFLATED = zlib.compress(b"hi")


def encoded(encoding: bytes, body: bytes, *fields: bytes) -> bytes:
    lines = [OK[:-2], b"Content-Encoding: " + encoding, *fields]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def begun(cap: int) -> Answer:
    answer = Answer(asyncio.get_running_loop())
    answer.begin(cap)
    return answer


async def told(parts: Iterable[bytes], cap: int = CAP) -> tuple[WireReply | None, Answer]:
    answer, reply = begun(cap), None
    for part in parts:
        assert reply is None
        reply = answer.feed(part)
    return reply, answer


def single(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


WHOLE = {
    "length": HI,
    "chunks": CHUNKED + b"1\r\nh\r\n1;x=y\r\ni\r\n0\r\nTrailer: 1\r\n\r\n",
    "lines without returns": HI.replace(b"\r\n", b"\n"),
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + HI,
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + HI,
    "gzip": encoded(b"gzip", gzip.compress(b"hi")),
    "gzip in two members": encoded(b"gzip", gzip.compress(b"h") + gzip.compress(b"i")),
    "deflate": encoded(b"deflate", DEFLATED),
    "deflate without its head": encoded(b"Deflate", DEFLATED[2:-4]),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer_in_one_packet_or_in_many(data: bytes) -> None:
    """The reply is there with its last byte, and the connection serves on."""
    for parts in ([data], single(data), [data[:-1], data[-1:]]):
        reply, answer = await told(parts)
        assert reply is not None and (reply.status, reply.body) == (200, b"hi")
        assert not answer.is_last


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_what_has_no_body_ends_with_its_head(status: bytes) -> None:
    """Whatever length it says."""
    reply, answer = await told([b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status])
    assert reply is not None and reply.body == b""
    assert not answer.is_last


@pytest.mark.parametrize("cut", range(len(HI)))
async def test_an_end_too_early(cut: int) -> None:
    """Before its last byte no answer is whole."""
    reply, answer = await told(single(HI[:cut]))
    assert reply is None
    with pytest.raises(Unsound, match="answer cut off" if cut > 37 else "disconnected"):
        answer.end(broke=False)


async def test_a_break_before_the_answer() -> None:
    """It is told from an end in good order."""
    _, answer = await told([HI[:10]])
    with pytest.raises(Unsound, match="connection broke"):
        answer.end(broke=True)


async def test_without_a_length_the_end_is_the_end() -> None:
    """Until then there is nothing; compressed or not."""
    for head, body in ((b"", b"hi"), (b"Content-Encoding: gzip\r\n", gzip.compress(b"hi"))):
        reply, answer = await told(single(OK + head + b"\r\n" + body))
        assert reply is None
        assert answer.end(broke=False).body == b"hi"
        assert answer.is_last


async def test_answers_leave_nothing_to_the_collector() -> None:
    """Parser, body and answer hold each other, but not beyond the next answer."""
    answer = begun(CAP)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            answer.begin(CAP)
            assert answer.feed(HI) is not None
        assert gc.collect() < 100
    finally:
        gc.enable()


LAST = {
    "close": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "two": HI + HI,
    "one and a head": HI + HI[:-2],
    "one and a letter": HI + b"H",
    "chunks and half a line": CHUNKED + b"2\r\nhi\r\n0\r\n\r\n" + HI[:20],
}


@pytest.mark.parametrize("data", LAST.values(), ids=LAST)
async def test_after_some_answers_there_is_no_other(data: bytes) -> None:
    """The panel says so, or goes on unasked: the answer counts, the connection is over."""
    reply, answer = await told([data])
    assert reply is not None and reply.body == b"hi"
    assert answer.is_last


@pytest.mark.parametrize("behind", [b"!", b"<html>"])
async def test_garbage_behind_a_whole_body_is_not_part_of_it(behind: bytes) -> None:
    """The answer counts where its head was here before; the connection is over."""
    for whole in (HI, CHUNKED + b"2\r\nhi\r\n0\r\n\r\n"):
        reply, answer = await told([whole[:-1], whole[-1:] + behind])
        assert reply is not None and reply.body == b"hi"
        assert answer.is_last


async def test_a_switch_of_protocols_is_the_end() -> None:
    """Nobody asked for another one; what follows is not read."""
    fields = b"Upgrade: websocket\r\nConnection: upgrade\r\n"
    for head in (b"", fields):
        reply, answer = await told([b"HTTP/1.1 101 Switching\r\n" + head + b"\r\n"])
        assert reply == WireReply(101, b"")
        assert answer.is_last


UNSOUND = {
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
    "garbage behind it": (HI + b"!", "not HTTP"),
    "a length that is none": (OK + b"Content-Length: x\r\n\r\n", "not HTTP"),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "not HTTP"),
    "a chunk of no size": (CHUNKED + b"zz\r\n", "not HTTP"),
    "a head without end": (OK + b"X-1: 2\r\n" * 1000, "not HTTP"),
    "a line without end": (OK + b"X: " + b"x" * 20_000, "not HTTP"),
    "not compressed": (encoded(b"gzip", b"hi"), "answer cut off"),
    "too large": (OK + b"\r\n" + b" " * (CAP + 1), "answer too large"),
    "unheard-of compression": (encoded(b"br", b"hi"), "not HTTP"),
}


@pytest.mark.parametrize(("data", "cause"), UNSOUND.values(), ids=UNSOUND)
async def test_what_is_no_answer(data: bytes, cause: str) -> None:
    """It says in a few words of ours what was wrong."""
    with pytest.raises(Unsound, match=f"^{cause}$"):
        await told([data])


def bombs() -> dict[str, list[bytes]]:
    bomb = gzip.compress(b" " * (64 << 20))
    head = OK + b"Content-Encoding: gzip\r\n"
    pieces = [bomb[at : at + 1000] for at in range(0, len(bomb), 1000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return {
        "length": [encoded(b"gzip", bomb)],
        "chunks": [head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"],
        "no length": [head + b"\r\n", *pieces],
        "deflate": [encoded(b"deflate", zlib.compress(b" " * (64 << 20)))],
    }


@pytest.mark.parametrize("frame", ["length", "chunks", "no length", "deflate"])
async def test_a_bomb_costs_no_more_than_its_cap(frame: str) -> None:
    """It is decompressed a piece at a time, and no further than the cap and a few pieces."""
    answer = begun(CAP)
    with pytest.raises(Unsound, match="answer too large"):
        for part in bombs()[frame]:
            answer.feed(part)
    assert len(answer._read) <= CAP + 4 * PIECE


@pytest.mark.parametrize("frame", ["length", "chunks", "no length", "deflate"])
async def test_what_is_large_within_its_cap_comes_whole(frame: str) -> None:
    """A list of services may be large; each of its pieces is fetched."""
    reply, answer = await told(bombs()[frame], cap=65 << 20)
    whole = answer.end(broke=False) if reply is None else reply
    assert whole.body == b" " * (64 << 20)


async def test_an_answer_in_half_a_million_chunks() -> None:
    """Chunks of a byte each are a strange answer, and a whole one."""
    data = CHUNKED + b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n"
    for step in (len(data), 250_000):
        reply, _ = await told([data[at : at + step] for at in range(0, len(data), step)])
        assert reply is not None and reply.body == b"x" * 500_000
