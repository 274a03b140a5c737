"""Where we listen, and how we stop."""

import asyncio
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aggregator.api import Api, Inherited, Settings
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
    """A connection that stays silent for as long as its grace is closed."""
    async with serving(grace_s=0.01) as house, connected(house.address) as wire:
        await wire.send(ASK)
        await wire.reply()
        await house.api.close(within_s=60)
        assert await wire.at_end()


async def test_a_last_request() -> None:
    """While we stop, a kept connection is answered once more and told that it ends; until
    then new ones are served, too."""
    async with serving() as house, connected(house.address) as kept:
        await kept.send(ASK)
        assert "connection" not in (await kept.reply()).headers
        closing = asyncio.create_task(house.api.close(within_s=60))
        await asyncio.sleep(0)
        assert (await house.ask(ASK)).headers["connection"] == "close"
        await kept.send(ASK)
        assert (await kept.reply()).headers["connection"] == "close"
        assert await kept.at_end()
        await closing


@contextmanager
def opened(tmp_path: Path, family: int) -> Iterator[tuple[str, socket.socket]]:
    """A listening socket of a supervisor's, and what ``listen`` says of it."""
    with socket.socket(family) as one:
        unix = family == socket.AF_UNIX
        one.bind(str(tmp_path / "api.sock") if unix else ("127.0.0.1", 0))
        one.listen()
        place = one.getsockname()
        yield f"unix:{place}" if unix else f"127.0.0.1:{place[1]}", one


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
async def test_an_inherited_socket(tmp_path: Path, family: int) -> None:
    """It is taken where its address is ours, and outlives us: who connects after we stopped
    waits for the next process, and is answered by it."""
    with opened(tmp_path, family) as (listen, one):
        inherited = Inherited([one.dup()])
        async with serving(listen=listen, inherited=inherited) as first:
            assert first.address == listen
            assert inherited.unused == []
            assert (await first.ask(ASK)).status == 200
        async with connected(listen) as waiting:
            await waiting.send(ASK)
            async with serving(listen=listen, inherited=Inherited([one.dup()])):
                assert (await waiting.reply()).status == 200


async def test_an_inherited_socket_of_another_address(tmp_path: Path) -> None:
    """It is left alone, and named."""
    with opened(tmp_path, socket.AF_INET) as (_, one):
        inherited = Inherited([one])
        async with serving(inherited=inherited) as house:
            assert (await house.ask(ASK)).status == 200
        assert inherited.unused == [str(one.getsockname())]


def test_sockets_for_another_process() -> None:
    """What the environment says of another process is not about us."""
    assert Inherited.of_process({"LISTEN_PID": "1", "LISTEN_FDS": "1"}).unused == []


async def test_closing_what_never_started() -> None:
    """An API that never listened can be closed."""
    async with serving() as house:
        other = Api(house.desk, Settings(FACES), house.metrics)
        await other.close()
