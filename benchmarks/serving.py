"""``python -m aggregator serve`` as a process of its own, from READY to its end."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import notify as notifies
from benchmarks.evidence import ROOT
from benchmarks.notify import Notify

ACTIVATED = str(Path(__file__).with_name("activated.py"))
START_S = 60.0
STOP_S = 60.0


class DidNotStart(Exception):
    """The message is what the process had to say."""


class Server:
    """``inherited``: the listening socket that each process is handed."""

    def __init__(
        self, config_path: Path, notify: Notify, inherited: socket.socket | None = None
    ) -> None:
        self._config_path = config_path
        self._inherited = inherited
        self.notify = notify
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it says READY. DidNotStart."""
        self.notify.forget()
        self.process = await self._begun()
        ready = asyncio.create_task(self.notify.word("READY=1"))
        ended = asyncio.create_task(self.process.wait())
        await asyncio.wait((ready, ended), timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not ready.done():
            ready.cancel()
            raise DidNotStart(self.log_path.read_text()[-2000:])

    @property
    def log_path(self) -> Path:
        return self._config_path.with_name("server.log")

    async def _begun(self) -> asyncio.subprocess.Process:
        program = (sys.executable, "-m", "aggregator", "serve", "-c", str(self._config_path))
        passed: tuple[int, ...] = ()
        if self._inherited is not None:
            passed = (self._inherited.fileno(),)
            program = (sys.executable, ACTIVATED, str(passed[0]), *program)
        environ = {**os.environ, "NOTIFY_SOCKET": str(self._config_path.with_name("notify"))}
        with self.log_path.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *program,
                cwd=ROOT,
                env=environ,
                pass_fds=passed,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status; what does not end in time is killed."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_S):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


@asynccontextmanager
async def prepared(
    config_path: Path, inherited: socket.socket | None = None
) -> AsyncIterator[Server]:
    """A server to be started and stopped at will; none is left running at the end."""
    with notifies.listening(config_path.with_name("notify")) as notify:
        server = Server(config_path, notify, inherited)
        try:
            yield server
        finally:
            if server.process is not None:
                await server.stop(signal.SIGKILL)
