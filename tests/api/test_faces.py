"""What resellers' clients send, over real sockets, and what comes back."""

import asyncio
import json
import urllib.request
from urllib.parse import urlencode

import aiohttp
import pytest

from aggregator.api import Settings
from aggregator.core.errors import INCORRECT_LINK, UNAUTHENTICATED, UNAVAILABLE, ClientError
from aggregator.core.messages import Added, ServiceList, ServiceRow
from aggregator.dialects import Dialect
from tests.api.support import FACES, KEY, STANDARD, House, connected, post, serving

ADD = {"key": KEY, "action": "add", "service": "1", "link": "http://x.example/a b", "quantity": "5"}
ADDED = {"service": "1", "link": "http://x.example/a b", "quantity": "5"}
FORM = urlencode(ADD)


def multipart(fields: dict[str, str], boundary: str = "----curl0a1b") -> bytes:
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


MULTIPART = "multipart/form-data; boundary=----curl0a1b"


@pytest.mark.parametrize("path", [*FACES, *(f"{path}/" for path in FACES)])
async def test_every_face_with_and_without_slash(house: House, path: str) -> None:
    """Each face answers under its path with and without the slash at its end."""
    fields = {"action": "balance", "key": KEY, "api_token": KEY}
    reply = await house.ask(post(urlencode(fields), path, f"Authorization: Bearer {KEY}"))
    assert reply.status == 200
    assert house.desk.asked[-1][0] == KEY


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (FORM.encode(), "application/x-www-form-urlencoded"),
        (FORM.encode(), "application/x-www-form-urlencoded; charset=UTF-8"),
        (FORM.encode(), None),
        (FORM.encode(), "text/plain"),
        (FORM.encode(), "application/json"),
        (json.dumps(ADD).encode(), "application/json"),
        (b"\xef\xbb\xbf\r\n" + json.dumps(ADD).encode(), "application/json; charset=utf-8"),
        (json.dumps({**ADD, "service": 1, "quantity": 5}).encode(), "application/json"),
        (json.dumps(ADD).encode(), "application/x-www-form-urlencoded"),
        (json.dumps(ADD).encode(), None),
        (multipart(ADD), MULTIPART),
        (multipart(ADD), 'Multipart/Form-Data; charset=utf-8; boundary="----curl0a1b"'),
    ],
)
async def test_every_way_to_send_parameters(
    house: House, body: bytes, content_type: str | None
) -> None:
    """Form, JSON and multipart all arrive, whatever the content type claims."""
    reply = await house.ask(post(body, content_type=content_type))
    assert (reply.status, reply.json) == (200, {"order": 23501})
    assert dict(house.desk.params) == ADDED


async def test_urllib_is_served(house: House) -> None:
    """Python's own client, which sends a form and closes, gets its answer."""
    url = f"http://{house.address}/api/v2"

    def call() -> bytes:
        with urllib.request.urlopen(url, FORM.encode(), timeout=60) as answer:
            body: bytes = answer.read()
            return body

    assert json.loads(await asyncio.to_thread(call)) == {"order": 23501}


async def test_aiohttp_is_served(house: House) -> None:
    """A multipart form written by a library, chunked and with part headers, arrives."""
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in ADD.items():
        form.add_field(name, value, content_type="text/plain")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{house.address}/api/v2", data=form) as answer,
    ):
        assert await answer.json() == {"order": 23501}
    assert dict(house.desk.params) == ADDED


async def test_chunked_body(house: House) -> None:
    """A body without a length, sent in chunks, is read to its end."""
    head = b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    half = len(FORM) // 2
    chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (FORM[:half], FORM[half:], ""))
    assert (await house.ask(head + chunks.encode())).json == {"order": 23501}
    assert dict(house.desk.params) == ADDED


async def test_curl_is_told_to_continue(house: House) -> None:
    """A client that waits for "100 Continue" before it sends its body is told so."""
    request = post(FORM, "/api/v2", "Expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    async with connected(house.address) as wire:
        await wire.send(head + b"\r\n\r\n")
        assert (await wire.reply()).status == 100
        await wire.send(body)
        assert (await wire.reply()).json == {"order": 23501}


@pytest.mark.parametrize(
    "body",
    ["orders[]=1&orders[]=2", "orders%5B0%5D=1&orders%5B1%5D=2", "orders=1,2", "orders=1%2C2"],
)
async def test_arrays_of_php(house: House, body: str) -> None:
    """What http_build_query makes of an array is the same list of IDs."""
    await house.ask(post(f"key={KEY}&action=status&{body}"))
    assert house.desk.params["orders"] == "1,2"


async def test_arrays_in_multipart(house: House) -> None:
    """curl sends an array as parts named orders[0], orders[1]: a list of IDs too."""
    fields = {"key": KEY, "action": "status", "orders[0]": "1", "orders[1]": "2"}
    await house.ask(post(multipart(fields), content_type=MULTIPART))
    assert house.desk.params["orders"] == "1,2"


async def test_parameters_in_the_query(house: House) -> None:
    """Parameters of a POST may stand in its query string."""
    reply = await house.ask(post("", f"/api/v2?{FORM}"))
    assert reply.json == {"order": 23501}
    assert dict(house.desk.params) == ADDED


async def test_the_body_wins_over_the_query(house: House) -> None:
    """A parameter in both is taken from the body, unless it is blank there."""
    query = urlencode({**ADD, "link": "http://query.example", "quantity": "7"})
    await house.ask(post("link=http://body.example&quantity=", f"/api/v2/?{query}"))
    assert dict(house.desk.params) == {
        "service": "1",
        "link": "http://body.example",
        "quantity": "7",
    }


@pytest.mark.parametrize(
    ("path", "fields", "token", "key"),
    [
        ("/api/v2", {"key": "k", "api_token": "t"}, "b", "k"),
        ("/api/v2", {"key": "", "api_token": "t"}, None, "t"),
        ("/api/v2", {}, "b", "b"),
        ("/api/v2", {}, None, None),
        ("/cheap/api/v2", {"key": "k", "api_token": "t"}, "b", "t"),
        ("/cheap/api/v2", {"key": "k"}, None, "k"),
        ("/cheap/api/v2", {}, "b", "b"),
        ("/bearer/api/v2", {"key": "k", "api_token": "t"}, "b", "b"),
        ("/bearer/api/v2", {"key": "k"}, None, "k"),
        ("/bearer/api/v2", {"key": "k"}, " ", "k"),
    ],
)
async def test_where_the_key_is_read(
    house: House, path: str, fields: dict[str, str], token: str | None, key: str | None
) -> None:
    """The face's own way to send a key wins; the others count only where it is absent."""
    headers = [] if token is None else [f"authorization: bearer {token}"]
    await house.ask(post(urlencode({**fields, "action": "balance"}), path, *headers))
    assert house.desk.asked[-1][0] == key


@pytest.mark.parametrize(
    ("field", "header", "request_id"),
    [("", "", None), ("a", "", "a"), ("", "a", "a"), ("a", "a", "a")],
)
async def test_request_id_from_field_or_header(
    house: House, field: str, header: str, request_id: str | None
) -> None:
    """A request ID may come as a field, as Idempotency-Key, or as both alike."""
    await house.ask(post(f"{FORM}&request_id={field}", "/api/v2", f"Idempotency-Key: {header}"))
    assert house.desk.asked[-1][2] == request_id


async def test_contradicting_request_ids(house: House) -> None:
    """Two different request IDs in one request are refused, and nothing is carried out."""
    reply = await house.ask(post(f"{FORM}&request_id=a", "/api/v2", "Idempotency-Key: b"))
    assert reply.status == 200
    assert reply.json == {"error": "request_id reused with different parameters"}
    assert house.desk.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_post(house: House, method: str) -> None:
    """Any other method is refused with 405, saying which one is allowed."""
    request = post("", f"/api/v2?{FORM}", method=method)
    reply = await house.ask(request, body=method != "HEAD")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or reply.json == {"error": "Method not allowed, use POST"}
    assert house.desk.asked == []


@pytest.mark.parametrize("path", ["/", "/api", "/api/v2x", "/api/v2//", "/api/v1", "/healthz"])
async def test_unknown_path(house: House, path: str) -> None:
    """A path that is no face is answered 404 in JSON."""
    reply = await house.ask(post(FORM, path))
    assert (reply.status, reply.json) == (404, {"error": "Not found"})


async def test_client_errors_are_200(house: House) -> None:
    """What the reseller did wrong is told with HTTP 200 and an error."""
    house.desk.raises = ClientError(INCORRECT_LINK)
    reply = await house.ask(post(FORM))
    assert (reply.status, reply.json) == (200, {"error": INCORRECT_LINK})
    reply = await house.ask(post("action=balance"))
    assert (reply.status, reply.json) == (200, {"error": UNAUTHENTICATED})


async def test_our_bugs_are_unavailability(house: House) -> None:
    """A bug of ours is answered 200 as "temporarily unavailable", and says no more."""
    house.desk.raises = ZeroDivisionError("inside")
    reply = await house.ask(post(FORM))
    assert (reply.status, reply.json) == (200, {"error": UNAVAILABLE})


async def test_headers_of_an_answer(house: House) -> None:
    """An answer is JSON in UTF-8, not to be guessed or kept, and tells no versions."""
    headers = (await house.ask(post(FORM))).headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["server"] == "aggregator"
    assert headers["x-request-id"]


async def test_keep_alive(house: House) -> None:
    """Many requests share a connection, and each has an ID of its own."""
    async with connected(house.address) as wire:
        ids = set()
        for _ in range(3):
            await wire.send(post(FORM))
            reply = await wire.reply()
            ids.add(reply.headers["x-request-id"])
            assert reply.json == {"order": 23501}
    assert len(ids) == 3


async def test_a_hung_up_client_cancels_nothing(house: House) -> None:
    """The action of a reseller who hangs up runs to its end."""
    house.desk.gate = asyncio.Event()
    async with connected(house.address) as wire:
        await wire.send(post(FORM))
        await house.desk.begun.wait()
    house.desk.gate.set()
    await house.desk.done.wait()
    assert (await house.ask(post(FORM))).json == {"order": 23501}


async def test_a_client_that_hangs_up_half_way(house: House) -> None:
    """Half a request carries out nothing, and the server goes on."""
    async with connected(house.address) as wire:
        await wire.send(post(FORM)[:-10])
    assert (await house.ask(post(FORM))).json == {"order": 23501}
    assert len(house.desk.asked) == 1


async def test_a_kept_list_is_spelled_for_each_face(house: House) -> None:
    """A list of services that stays the same goes out in each face's own spelling, always."""
    row = ServiceRow("7", "Likes", "Default", "Things", "0.90", 10, 100)
    house.desk.answer = ServiceList([row])
    whole = Dialect(name="whole", integers=frozenset({"min", "max"}))
    named = Dialect(name="whole", fields={"services": {"service": "package"}})
    house.api.reload(Settings({"/api/v2": STANDARD, "/whole": whole}))
    asked = urlencode({"key": KEY, "action": "services"})
    for _ in range(2):
        assert (await house.ask(post(asked))).json[0]["min"] == "10"
        assert (await house.ask(post(asked, "/whole"))).json[0]["min"] == 10
    house.api.reload(Settings({"/whole": named}))
    assert (await house.ask(post(asked, "/whole"))).json[0]["package"] == 7


async def test_reload() -> None:
    """New settings serve the next request."""
    async with serving() as house:
        assert (await house.ask(post(FORM, "/new"))).status == 404
        house.api.reload(Settings({"/new/": STANDARD}))
        house.desk.answer = Added("7")
        assert (await house.ask(post(FORM, "/new"))).json == {"order": 7}
        assert (await house.ask(post(FORM))).status == 404
