"""The operator's door."""

from collections.abc import AsyncIterator

import pytest

from aggregator.api import Admin
from aggregator.telemetry import Metrics
from tests.api.support import Reply, connected

TOKEN = "admin-token"


class Ready:
    ready = True

    def __call__(self) -> tuple[bool, dict[str, object]]:
        return self.ready, {"store": "open", "providers": 2}


@pytest.fixture
def ready() -> Ready:
    return Ready()


@pytest.fixture
async def address(ready: Ready) -> AsyncIterator[str]:
    metrics = Metrics()
    metrics.queue_length(3)
    admin = Admin(ready, metrics, TOKEN)
    yield await admin.start("127.0.0.1:0")
    await admin.close()


async def get(
    address: str, path: str, *headers: str, host: str = "localhost", method: str = "GET"
) -> Reply:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    async with connected(address) as wire:
        await wire.send("\r\n".join(lines).encode())
        return await wire.reply(body=method != "HEAD")


async def test_health(address: str) -> None:
    """/healthz says that the loop is alive, to GET and HEAD, without a token."""
    assert (await get(address, "/healthz")).json == {"status": "ok"}
    assert (await get(address, "/healthz", method="HEAD")).status == 200


async def test_readiness(address: str, ready: Ready) -> None:
    """/readyz is 200 or 503, with the reasons."""
    reply = await get(address, "/readyz?verbose")
    assert (reply.status, reply.json) == (200, {"ready": True, "store": "open", "providers": 2})
    ready.ready = False
    assert (await get(address, "/readyz")).status == 503


async def test_metrics(address: str) -> None:
    """/metrics wants the token, and gives what Prometheus reads."""
    reply = await get(address, "/metrics", f"Authorization: Bearer {TOKEN}")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert b"aggregator_queue_length 3.0\n" in reply.body


@pytest.mark.parametrize("shown", ["", "Bearer wrong", "Bearer ä", "Basic x", f"Bearer {TOKEN}x"])
async def test_a_wrong_token(address: str, shown: str) -> None:
    """Any other token is refused."""
    reply = await get(address, "/metrics", f"Authorization: {shown}")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


async def test_no_token(ready: Ready) -> None:
    """Without a token configured the page is closed, and says how to open it."""
    admin = Admin(ready, Metrics())
    reply = await get(await admin.start("127.0.0.1:0"), "/metrics", "Authorization: Bearer ")
    await admin.close()
    assert reply.status == 403
    assert "admin_token_file" in reply.json["error"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8081", "127.0.0.1:1", "[::1]:8081"])
async def test_hosts(address: str, host: str) -> None:
    """The names of loopback are answered to, with any port."""
    assert (await get(address, "/healthz", host=host)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[", "10.0.0.1"])
async def test_foreign_hosts(address: str, host: str) -> None:
    """Any other name is not: a page in the operator's browser could have made it up."""
    assert (await get(address, "/healthz", host=host)).status in (400, 421)


async def test_the_rest(address: str) -> None:
    """Other paths are 404, other methods 405, all of it in JSON."""
    assert (await get(address, "/console/../x")).json == {"error": "Not found"}
    reply = await get(address, "/healthz", "Content-Length: 0", method="POST")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_a_bug(ready: Ready) -> None:
    """A page that fails is a 500 that says nothing of why."""

    def fail() -> tuple[bool, dict[str, object]]:
        raise ZeroDivisionError("inside")

    admin = Admin(fail, Metrics())
    reply = await get(await admin.start("127.0.0.1:0"), "/readyz")
    admin.drain()
    await admin.close()
    assert (reply.status, reply.json) == (500, {"error": "Internal error"})
