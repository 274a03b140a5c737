"""The socket on which a server tells its supervisor how it is doing (sd_notify(3))."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Notify:
    """``heard`` holds every word that was read so far."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self.heard: list[str] = []

    async def word(self, wanted: str) -> None:
        """Returns once ``wanted`` has been said."""
        loop = asyncio.get_running_loop()
        while True:
            said = (await loop.sock_recv(self._socket, 4096)).decode()
            self.heard += said.splitlines()
            if wanted in said.splitlines():
                return

    def now(self) -> str:
        """What has been said already; BlockingIOError where that is nothing."""
        return self._socket.recv(4096).decode()

    def forget(self) -> None:
        """Words of a process that is gone."""
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            self.heard.clear()


@contextmanager
def listening(path: Path) -> Iterator[Notify]:
    """``path`` goes into NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.setblocking(False)
        bound.bind(str(path))
        yield Notify(bound)
