"""The service as its units have it run: their command lines, their sockets, their signals."""

import asyncio
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from benchmarks import market as markets
from benchmarks import notify as notifies
from benchmarks.house import HOST, free_port
from benchmarks.market import Market
from benchmarks.notify import Notify
from benchmarks.serving import ACTIVATED
from tests.deploy.test_units import PROGRAM, directives

PATIENCE_S = 60.0
SERVICE = directives("aggregator.service", "Service")
CONFIG = "/etc/aggregator/config.yaml"


def command(line: str, market: Market) -> list[str]:
    """A line of the unit's, for the program and the configuration that there are here."""
    words = shlex.split(line.replace(CONFIG, str(market.config_path)))
    assert words[0] == PROGRAM
    return [sys.executable, "-m", "aggregator", *words[1:]]


class Systemd:
    """What systemd does for the service: holds its sockets, starts it, hears it, signals it."""

    def __init__(self, market: Market, notify: Notify, sockets: list[socket.socket]) -> None:
        self.market = market
        self.notify = notify
        self.sockets = sockets
        seconds = int(SERVICE["WatchdogSec"][0])
        self.environ = {
            **os.environ,
            "NOTIFY_SOCKET": str(market.folder / "notify"),
            "WATCHDOG_USEC": str(seconds * 1_000_000),
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        (line,) = SERVICE["ExecStart"]
        numbers = [one.fileno() for one in self.sockets]
        with self.market.server_log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                ACTIVATED,
                ",".join(map(str, numbers)),
                *command(line, self.market),
                env=self.environ,
                pass_fds=numbers,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(PATIENCE_S):
            await self.notify.word("READY=1")

    async def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.Signals[SERVICE["KillSignal"][0]])
        return await self.process.wait()

    async def reload(self) -> int:
        """The status of the unit's reload: its first command is a signal, its second a check."""
        assert self.process is not None
        first, second = SERVICE["ExecReload"]
        assert first == "/bin/kill -HUP $MAINPID"
        self.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_S):
            await self.notify.word("READY=1")
        check = await asyncio.create_subprocess_exec(
            *command(second, self.market),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await check.wait()


@asynccontextmanager
async def activated(folder: Path) -> AsyncIterator[tuple[Systemd, int]]:
    """With as many sockets as the unit has; and the port of the second."""
    port = free_port()
    async with markets.opened(folder, admin_listen=f"{HOST}:{port}", drain_within="10s") as market:
        with ExitStack() as stack:
            sockets = [stack.enter_context(markets.listening(one)) for one in (market.port, port)]
            assert len(sockets) == len(directives("aggregator.socket", "Socket")["ListenStream"])
            notify = stack.enter_context(notifies.listening(folder / "notify"))
            systemd = Systemd(market, notify, sockets)
            try:
                yield systemd, port
            finally:
                if systemd.process is not None and systemd.process.returncode is None:
                    systemd.process.kill()
                    await systemd.process.wait()


async def balance(market: Market) -> str:
    """On a connection of its own."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(market.url, data={"key": market.key, "action": "balance"}) as answer,
    ):
        return str((await answer.json())["balance"])


async def test_a_restart_refuses_nobody(tmp_path: Path) -> None:
    """It serves both sockets that it is handed, says what the protocol wants, and whoever comes
    while it is away is answered by the next one."""
    async with activated(tmp_path) as (systemd, admin_port):
        await systemd.start()
        assert await balance(systemd.market) == "1000000.00000"
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://{HOST}:{admin_port}/readyz") as answer,
        ):
            assert (await answer.json())["ready"]
        assert await systemd.stop() == 0
        waiting = asyncio.create_task(balance(systemd.market))
        await systemd.start()
        assert await waiting == "1000000.00000"
        assert await systemd.stop() == 0
        log = systemd.market.server_log.read_text()
        assert "inherited_socket_unused" not in log
        await systemd.notify.word("STOPPING=1")
        heard = systemd.notify.heard
        assert (heard.count("READY=1"), heard.count("STOPPING=1")) == (2, 2)
        assert "WATCHDOG=1" in heard


@pytest.mark.parametrize(("added", "status"), [("", 0), ("\nnonsense: 1\n", 2)])
async def test_a_reload_tells_how_it_went(tmp_path: Path, added: str, status: int) -> None:
    """`systemctl reload` succeeds with a sound configuration and fails with another; the server
    goes on either way."""
    async with activated(tmp_path) as (systemd, _):
        await systemd.start()
        with systemd.market.config_path.open("a") as config:
            config.write(added)
        assert await systemd.reload() == status
        assert await balance(systemd.market) == "1000000.00000"
        assert "RELOADING=1" in systemd.notify.heard
