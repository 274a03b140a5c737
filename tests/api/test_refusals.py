"""What is refused for how it was sent: always JSON, always in the face's spelling."""

import json

import pytest

from aggregator.api import Settings
from aggregator.api.body import MAX_BYTES
from tests.api.support import KEY, Dialect, House, Reply, connected, post, serving
from tests.api.test_faces import FORM, MULTIPART, multipart


def is_refused(reply: Reply, status: int) -> bool:
    return reply.status == status and list(reply.json) == ["error"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", None),
        (b"{}}", None),
        (b'{"key": NaN}', None),
        (b'{"key": "a", "key": "b"}', None),
        (b'{"link": {"a": {}}}', None),
        (b"[1, 2]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"a":' + b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, None),
        (b'{"link": "\\ud800"}', None),
        (b'{"link": "\xe9"}', None),
        (b"link=\xe9", None),
        (b"link=%E9", None),
        (b"link=%00", None),
        (b"link=\xe4\xb8", "application/x-www-form-urlencoded; charset=gbk"),
        ("link=ä".encode("utf-16"), "application/x-www-form-urlencoded; charset=utf-16"),
        (b"&".join(b"a%d=1" % n for n in range(2000)), None),
        (multipart({"key": KEY}), "multipart/form-data"),
        (multipart({"key": KEY}), "multipart/form-data; boundary=other"),
        (multipart({"key": KEY})[:-4], MULTIPART),
        (multipart({f"a{n}": "1" for n in range(2000)}), MULTIPART),
        (multipart({'a"; filename="b': "1"}), MULTIPART),
        (multipart({"a": "1"}).replace(b"form-data", b"attachment"), MULTIPART),
        (multipart({"a": "value"}).replace(b"value", b"\xe9"), MULTIPART),
    ],
)
async def test_malformed_bodies(house: House, body: bytes, content_type: str | None) -> None:
    """A body that cannot be read is a 400, and the next request is served."""
    async with connected(house.address) as wire:
        await wire.send(post(body, content_type=content_type))
        assert is_refused(await wire.reply(), 400)
        await wire.send(post(FORM))
        assert (await wire.reply()).json == {"order": 23501}


async def test_malformed_query(house: House) -> None:
    """A query that is not UTF-8 is a 400, too."""
    assert is_refused(await house.ask(post(FORM, "/api/v2?link=%E9")), 400)


async def test_a_declared_charset_does_no_harm(house: House) -> None:
    """ASCII is ASCII, whatever charset an old client declares for it."""
    form = "application/x-www-form-urlencoded; charset=windows-1251"
    assert (await house.ask(post(FORM, content_type=form))).json == {"order": 23501}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, identity", "x"])
async def test_encoded_bodies(house: House, encoding: str) -> None:
    """We unpack nothing: an encoded body is refused with 415."""
    reply = await house.ask(post(FORM, "/api/v2", f"Content-Encoding: {encoding}"))
    assert is_refused(reply, 415)
    assert reply.headers["accept-encoding"] == "identity"
    assert house.desk.asked == []


async def test_identity_is_no_encoding(house: House) -> None:
    """Content-Encoding: identity says that there is none."""
    reply = await house.ask(post(FORM, "/api/v2", "Content-Encoding: identity"))
    assert reply.json == {"order": 23501}


async def test_the_largest_body(house: House) -> None:
    """A body of exactly 1 MiB is read."""
    reply = await house.ask(post(f"{FORM}&comments=".encode().ljust(MAX_BYTES, b"x")))
    assert reply.json == {"order": 23501}


async def test_a_body_too_large_by_its_length(house: House) -> None:
    """A larger one is refused by its Content-Length, before it is sent."""
    async with connected(house.address) as wire:
        head = f"POST /api/v2 HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BYTES + 1}\r\n\r\n"
        await wire.send(head.encode())
        reply = await wire.reply()
    assert is_refused(reply, 413)
    assert reply.headers["connection"] == "close"


async def test_a_body_too_large_without_a_length(house: House) -> None:
    """A chunked body is refused as soon as it has become too large."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    async with connected(house.address) as wire:
        await wire.send(b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await wire.send(chunk * (MAX_BYTES // 0x10000 + 1))
        assert is_refused(await wire.reply(), 413)


async def test_broken_chunks() -> None:
    """Chunks that are none end no body: the client is cut off when its time is up."""
    head = b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    async with serving(body_s=0.01) as house, connected(house.address) as wire:
        await wire.send(head + b"Expect: 100-continue\r\n\r\n")
        assert (await wire.reply()).status == 100
        await wire.send(b"zz\r\n")
        assert (await wire.reply()).status in (400, 408)
        assert await wire.at_end()
    assert house.desk.asked == []


async def test_a_slow_body() -> None:
    """Who takes too long to send a body gets a 408 and is cut off."""
    async with serving(body_s=0.01) as house, connected(house.address) as wire:
        await wire.send(post(FORM)[:-1])
        assert is_refused(await wire.reply(), 408)
        assert await wire.at_end()
    assert house.desk.asked == []


async def test_slow_headers() -> None:
    """Who takes too long to send headers is cut off without a word."""
    async with serving(idle_s=0.01) as house, connected(house.address) as wire:
        await wire.send(b"POST /api/v2 HTTP/1.1\r\nHost: x\r\n")
        assert await wire.at_end()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /api/v2?key=secret HTTP/x\r\n\r\n",
        b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /api/v2 HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"POST /api/v2 HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_http(house: House, garbage: bytes) -> None:
    """What is no HTTP is a 400 in JSON that tells no versions and quotes nothing."""
    async with connected(house.address) as wire:
        await wire.send(garbage)
        reply = await wire.reply()
        assert await wire.at_end()
    assert (reply.status, reply.json) == (400, {"error": "Malformed request"})
    assert reply.headers["server"] == "aggregator"


@pytest.mark.parametrize("target", ["CONNECT api:1", "POST *", "POST http://x.example/other"])
async def test_odd_targets(house: House, target: str) -> None:
    """A target that names no face is refused in JSON."""
    reply = await house.ask(f"{target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert reply.status in (400, 404)
    assert list(reply.json) == ["error"]


async def test_an_absolute_target(house: House) -> None:
    """A request written for a proxy, with the whole URL, finds its face."""
    assert (await house.ask(post(FORM, "http://x.example/api/v2"))).json == {"order": 23501}


async def test_the_spelling_of_the_face() -> None:
    """A refusal is worded as clients of the face's panel know it."""
    async with serving() as house:
        listed = Dialect(name="listed", error_texts={"Malformed request": "Nope"})
        house.api.reload(Settings({"/x": listed}))
        reply = await house.ask(post("{", "/x"))
    assert json.loads(reply.body) == {"error": "Nope"}
