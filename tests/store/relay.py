"""A relay before a PostgreSQL server that loses the connection at a COMMIT."""

import socket
import threading
from contextlib import suppress
from enum import Enum
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

_PLAIN = {"sslmode": "disable", "gssencmode": "disable"}
_COMMIT = b"COMMIT\0"


class Cut(Enum):
    """Where the next COMMIT is lost: on its way there, or its answer on the way back."""

    BEFORE = "before"
    AFTER = "after"


class Relay:
    """Listens on a port of its own from making to ``close``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._given = conninfo_to_dict(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.cut: Cut | None = None
        self.refuse_after_cut = False
        self.was_cut = threading.Event()

    @property
    def url(self) -> str:
        """As a URL, for what looks at how it begins."""
        host, port = self._listener.getsockname()
        given = {**self._given, "host": host, "port": port, **_PLAIN}
        return f"postgresql://?{urlencode(given, quote_via=quote)}"

    def close(self) -> None:
        self._refuse()
        for one in list(self._open):
            _hang_up(one)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _refuse(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connect(self) -> socket.socket:
        host, port = str(self._given.get("host") or "127.0.0.1"), self._given.get("port") or 5432
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        there = socket.socket(socket.AF_UNIX)
        there.connect(f"{host}/.s.PGSQL.{port}")
        return there

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = self._connect()
                self._open += [here, there]
                cutting = threading.Event()
                for work, ends in ((self._ask, (here, there)), (self._answer, (there, here))):
                    self._threads.append(threading.Thread(target=work, args=(*ends, cutting)))
                    self._threads[-1].start()

    def _ask(self, here: socket.socket, there: socket.socket, cutting: threading.Event) -> None:
        with suppress(OSError):
            while data := here.recv(65_536):
                cut = self.cut if _COMMIT in data else None
                if cut is not None:
                    self.cut = None
                    cutting.set()
                if cut is Cut.BEFORE:
                    self._lose(here)
                    break
                there.sendall(data)
        _hang_up(there)

    def _answer(self, there: socket.socket, here: socket.socket, cutting: threading.Event) -> None:
        with suppress(OSError):
            while data := there.recv(65_536):
                if cutting.is_set():
                    self._lose(here)
                    break
                here.sendall(data)
        _hang_up(here)

    def _lose(self, here: socket.socket) -> None:
        if self.refuse_after_cut:
            self._refuse()
        _hang_up(here)
        self.was_cut.set()


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
