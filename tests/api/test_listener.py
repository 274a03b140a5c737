"""Where we listen, and how we stop."""

import asyncio
import stat
from pathlib import Path

import pytest

from aggregator.api import Api, Settings
from aggregator.api.listener import parse_address
from tests.api.support import FACES, KEY, Reply, connected, post, serving

ASK = post(f"key={KEY}&action=balance")


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
        (":8080", (None, 8080)),
    ],
)
def test_addresses(listen: str, address: tuple[str | None, int]) -> None:
    """host:port and [address]:port are understood; no host means all of them."""
    assert parse_address(listen) == address


@pytest.mark.parametrize("listen", ["", "8080", "::1:8080", "host:", "host:65536", "host:http"])
def test_no_addresses(listen: str) -> None:
    """Anything else is a mistake that is quoted."""
    with pytest.raises(ValueError, match=r"not host:port"):
        parse_address(listen)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
async def test_a_free_port(listen: str) -> None:
    """Port 0 takes a free one, and the address it became can be connected to."""
    try:
        async with serving(listen=listen) as house:
            assert not house.address.endswith(":0")
            assert (await house.ask(ASK)).status == 200
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


async def test_a_unix_socket(tmp_path: Path) -> None:
    """A unix socket serves everybody on the machine, and one left behind is no hindrance."""
    path = tmp_path / "api.sock"
    for _ in range(2):
        async with serving(listen=f"unix:{path}") as house:
            assert house.address == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o666
            assert (await house.ask(ASK)).status == 200


async def test_behind_a_unix_socket(tmp_path: Path) -> None:
    """A peer on a unix socket counts as loopback, and is believed if that is trusted."""
    async with serving(listen=f"unix:{tmp_path}/api.sock", trusted_proxies=("127.0.0.1",)) as house:
        assert (await house.ask(ASK)).status == 200


async def test_draining() -> None:
    """While draining, what is under way and what comes on open connections is answered,
    new connections are refused, and each connection is closed after its answer."""
    async with (
        serving() as house,
        connected(house.address) as busy,
        connected(house.address) as idle,
    ):
        await idle.send(ASK)
        assert "connection" not in (await idle.reply()).headers
        house.desk.gate = asyncio.Event()
        house.desk.begun.clear()
        await busy.send(ASK)
        await house.desk.begun.wait()
        house.api.drain()
        with pytest.raises((OSError, EOFError)):  # refused or reset, as the system likes
            await house.ask(ASK)
        await idle.send(ASK)
        house.desk.gate.set()
        for wire in (busy, idle):
            reply = await wire.reply()
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert await wire.at_end()


async def test_closing_waits_for_answers() -> None:
    """close waits for the requests under way, and answers them."""
    async with serving() as house, connected(house.address) as wire:
        house.desk.gate = asyncio.Event()
        await wire.send(ASK)
        await house.desk.begun.wait()
        gate = house.desk.gate

        async def open_the_gate() -> Reply:
            gate.set()
            return await wire.reply()

        _, reply = await asyncio.gather(house.api.close(within_s=60), open_the_gate())
        assert reply.status == 200


async def test_closing_cuts_off() -> None:
    """What is not done in time is cut off."""
    async with serving() as house, connected(house.address) as wire:
        house.desk.gate = asyncio.Event()
        await wire.send(ASK)
        await house.desk.begun.wait()
        await house.api.close(within_s=0.01)
        assert await wire.at_end()


async def test_closing_idle_connections() -> None:
    """Connections that wait for a next request hold nothing up."""
    async with serving() as house, connected(house.address) as wire:
        await wire.send(ASK)
        await wire.reply()
        await house.api.close(within_s=60)
        assert await wire.at_end()


async def test_closing_what_never_started() -> None:
    """An API that never listened can be closed."""
    async with serving() as house:
        other = Api(house.desk, Settings(FACES), house.metrics)
        await other.close()
