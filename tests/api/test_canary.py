"""Keys, links and comments: whatever happens to a request, no log and no metric has them."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

import pytest
import structlog

from aggregator import telemetry
from aggregator.api import Limit, Limits
from aggregator.core.errors import ClientError
from aggregator.core.messages import Added
from tests.api.support import (
    BEARER,
    COMMENTS,
    FACES,
    KEY,
    LINK,
    House,
    connected,
    post,
    serving,
)
from tests.api.test_faces import MULTIPART, multipart

ORDER = {"action": "add", "service": "1", "link": LINK, "comments": COMMENTS}
THEIRS = {"action": "add", "package": "1", "link": LINK, "custom_data": COMMENTS}
FORM = urlencode({"key": KEY, **ORDER})
BAD_JSON = json.dumps({"key": KEY, **ORDER})[:-1]
CANARY = "kanarienvogel"  # a part of all three


class Told:
    """A desk's exceptions, as careless as can be: they quote what they were given."""

    def __init__(self, tell: Callable[[str], Exception]) -> None:
        self.tell = tell

    def __call__(self) -> Exception:
        return self.tell(f"{KEY} {LINK} {COMMENTS!r} {COMMENTS}")


class Careless(Exception):
    """Says everything, also in its notes and its cause."""

    def __init__(self, text: str) -> None:
        super().__init__(text, {"link": LINK}, [COMMENTS], KEY.encode(), urlencode({"a": LINK}))
        self.__cause__ = KeyError(KEY)
        self.add_note(f"asked for {LINK}")


REQUESTS = {
    "form": post(FORM),
    "json": post(json.dumps({"key": KEY, **ORDER})),
    "multipart": post(multipart({"key": KEY, **ORDER}), content_type=MULTIPART),
    "query": post("", f"/api/v2?{FORM}"),
    "bearer": post(urlencode(ORDER), "/bearer/api/v2", f"Authorization: Bearer {KEY}"),
    "theirs": post(urlencode({"api_token": KEY, **THEIRS}), "/cheap/api/v2/"),
    "as the action": post(urlencode({"key": KEY, "action": LINK})),
    "as a request ID": post(FORM, "/api/v2", f"Idempotency-Key: {KEY}"),
    "two request IDs": post(f"{FORM}&request_id={KEY}", "/api/v2", "Idempotency-Key: other"),
    "as a number": post(urlencode({"key": KEY, "action": "status", "orders": LINK})),
    "wrong key": post(urlencode({"key": f"{KEY}x", **ORDER})),
    "unknown path": post(FORM, f"/api/v2/{KEY}?{FORM}"),
    "wrong method": post("", f"/api/v2?{FORM}", method="PUT"),
    "malformed": post(BAD_JSON),
    "malformed query": post(FORM, f"/api/v2?{FORM}&a=%E9"),
    "encoded": post(FORM, f"/api/v2?{FORM}", f"Content-Encoding: {KEY}"),
    "charset": post(FORM.encode() + b"\xe9", content_type=f"text/plain; charset={KEY}"),
    "boundary": post(FORM, content_type=f"multipart/form-data; boundary={KEY}"),
    "too large": post(FORM, f"/api/v2?{FORM}").replace(b"Content-Length: ", b"Content-Length: 99"),
    "no HTTP": f"POST /api/v2?{FORM} HTTP/x\r\nX: {KEY}\r\n\r\n".encode(),
    "bad header": f"POST /api/v2 HTTP/1.1\r\n{KEY} {KEY}\r\n\r\n".encode(),
}


@pytest.fixture
async def log() -> AsyncIterator[io.StringIO]:
    """Every line that is logged, by us or by a library, at the lowest level."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    telemetry.set_up("debug", stream=stream, human=False)
    logging.getLogger().setLevel(logging.DEBUG)
    yield stream
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def silent(house: House, log: io.StringIO) -> bool:
    """Whether the canary is nowhere to be seen, and something was said at all."""
    told = log.getvalue() + house.metrics.render().decode()
    return CANARY not in told and "aggregator_requests_total{" in told


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
async def test_every_request(log: io.StringIO, request_: bytes) -> None:
    """However a request was sent, well or badly, its secrets are not told."""
    async with serving(body_s=0.05) as house:
        await house.ask(post("action=balance"))
        await house.ask(request_)
        assert silent(house, log)


@pytest.mark.parametrize(
    "wrong",
    [Careless, ClientError, ValueError],
)
@pytest.mark.parametrize("name", ["form", "json", "multipart", "query", "bearer", "theirs"])
async def test_every_exception(
    log: io.StringIO, name: str, wrong: Callable[[str], Exception]
) -> None:
    """Even an exception that quotes its request tells nothing, its causes and notes included."""
    async with serving() as house:
        house.desk.raises = Told(wrong)()
        await house.ask(REQUESTS[name])
        assert "[redacted]" in log.getvalue()
        assert silent(house, log)


async def test_the_next_request_of_a_connection(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that comes before anybody could know what a request brought, while another
    one on the same connection had brought something else."""
    async with serving() as house, connected(house.address) as wire:
        await wire.send(post("key=another-key&action=balance"))
        await wire.reply()

        def careless(*_: object) -> object:
            raise Careless("")

        monkeypatch.setattr("aggregator.api.faces.read_fields", careless)
        await wire.send(REQUESTS["form"])
        await wire.reply()
        assert "Careless" in log.getvalue()
        assert silent(house, log)


async def test_a_bug_before_the_door(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that nobody expected at all."""
    async with serving() as house:

        def careless(*_: object) -> object:
            raise Careless("")

        monkeypatch.setattr(house.api, "_address_of", careless)
        assert (await house.ask(REQUESTS["form"])).status == 500
        assert "Careless" in log.getvalue()
        assert CANARY not in log.getvalue()


async def test_an_exception_about_many_comments(log: io.StringIO) -> None:
    """Where there is too much to look for, a traceback is left with nothing but its places."""
    many = "\n".join(f"{COMMENTS} {n}" for n in range(1000))
    async with serving() as house:
        house.desk.raises = ValueError(many)
        await house.ask(post(urlencode({"key": KEY, **ORDER, "comments": many})))
        assert ", in carry_out" in log.getvalue()
        assert silent(house, log)


async def test_an_answer_that_cannot_be_encoded(log: io.StringIO) -> None:
    """A bug behind the desk tells nothing either."""
    async with serving() as house:
        house.desk.answer = Added(LINK)
        await house.ask(REQUESTS["form"])
        house.desk.answer = {LINK: object()}
        await house.ask(REQUESTS["form"])
        assert silent(house, log)


async def test_limited(log: io.StringIO) -> None:
    """Nor does a request that came too often."""
    async with serving(limits=Limits(per_key=Limit(1, 60), failed_auth=Limit(1, 60))) as house:
        for name in ("form", "form", "wrong key", "wrong key"):
            await house.ask(REQUESTS[name])
        assert '"answer":"limited"' in log.getvalue()
        assert silent(house, log)


async def test_hung_up(log: io.StringIO) -> None:
    """Nor one whose sender went away, before or after it was complete."""
    async with serving() as house:
        await house.ask(post("action=balance"))
        async with connected(house.address) as wire:
            await wire.send(REQUESTS["form"][:-5])
        house.desk.gate = asyncio.Event()
        house.desk.begun.clear()
        async with connected(house.address) as wire:
            await wire.send(REQUESTS["form"])
            await house.desk.begun.wait()
        house.desk.gate.set()
        await house.desk.done.wait()
        assert silent(house, log)


async def test_cut_off(log: io.StringIO) -> None:
    """Nor one that a stop of the server cuts off."""
    async with serving() as house, connected(house.address) as wire:
        await house.ask(post("action=balance"))
        house.desk.gate = asyncio.Event()
        house.desk.begun.clear()
        await wire.send(REQUESTS["form"])
        await house.desk.begun.wait()
        await house.api.close()
        assert silent(house, log)


async def test_lines_of_others(log: io.StringIO) -> None:
    """What a task that a request began logs later, by any logger, is as silent."""
    async with serving() as house:
        carry_out = house.desk.carry_out

        async def talkative(key: str | None, *rest: object) -> object:
            async def later() -> None:
                logging.getLogger("library").warning("sent %s for %s", LINK, key)
                telemetry.logger("actions").info("sent", key=key, link=LINK, text=f"to {LINK}")

            await asyncio.create_task(later())
            return await carry_out(key, *rest)  # type: ignore[arg-type]

        house.desk.carry_out = talkative  # type: ignore[method-assign,assignment]
        await house.ask(REQUESTS["form"])
        assert log.getvalue().count("sent") == 2
        assert silent(house, log)


async def test_what_a_line_does_say(log: io.StringIO) -> None:
    """One line per request says which, what, for how long, and which order came of it."""
    async with serving() as house:
        reply = await house.ask(REQUESTS["form"])
    line = json.loads(log.getvalue())
    assert line.pop("at")
    assert line == {
        "event": "request",
        "level": "info",
        "room": "api",
        "call": reply.headers["x-request-id"],
        "face": "/api/v2",
        "action": "add",
        "answer": "ok",
        "status": 200,
        "order": "23501",
        "address": "127.0.0.1",
        "ms": 0.0,
    }


def test_the_canary_is_everywhere() -> None:
    """The canary sings in each of the secrets, so that missing it means something."""
    assert all(CANARY in secret for secret in (KEY, LINK, COMMENTS))
    assert BEARER in FACES.values()
