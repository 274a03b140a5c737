"""Sockets: aiohttp's low-level server, without router, middlewares or signals.

Two things of aiohttp's are replaced: its answer to bytes that are no HTTP (it is
HTML-minded and logs what it could not read, which may hold a key), and its way to
shut down (it would refuse requests on connections that it still keeps open).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

Answerer = Callable[[web.BaseRequest], Awaitable[web.Response]]

IDLE_S = 75.0  # longer than a proxy's own, or it would send into a closing connection
_BACKLOG = 1024
_LAST_WRITES_S = 0.2  # an answer that is ready still has to leave
_ADDRESS = re.compile(r"(?:\[([^]]+)\]|([^:]*)):([0-9]{1,5})")
_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "aggregator",  # aiohttp would tell its version, and Python's
}


def response(body: bytes, status: int = HTTPStatus.OK, **headers: str) -> web.Response:
    """JSON, unless ``headers`` say otherwise; ``Retry_After`` stands for Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=body, status=status, headers={**_HEADERS, **named})


def error(status: int, text: str, **headers: str) -> web.Response:
    return response(orjson.dumps({"error": text}), status, **headers)


class _Connection(web.RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = error(status, "Malformed request" if status < 500 else "Internal error")
        answer.force_close()
        return answer


class _Server(web.Server):
    def __init__(self, answer: Answerer, **options: Any) -> None:
        super().__init__(answer)
        self._options = options

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)


class Listener:
    """Hands every request of one address to ``answer``, which must not raise.

    ``idle_s``: how long a connection may keep us waiting for a request's headers.
    ``linger_s``: how long we listen to the rest of a body that we refused to read.
    """

    def __init__(self, answer: Answerer, *, idle_s: float = IDLE_S, linger_s: float = 10) -> None:
        self._answer = answer
        self._options = {"keepalive_timeout": idle_s, "lingering_time": linger_s}
        self._server: _Server | None = None
        self._sockets: asyncio.Server | None = None
        self._draining = False
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def start(self, listen: str, *, socket_mode: int = 0o600) -> str:
        """Listens on ``host:port``, ``[::1]:port`` or ``unix:/path``; returns the same
        with the real port in place of 0. ValueError: none of these; OSError: in use."""
        loop = asyncio.get_running_loop()
        self._server = _Server(
            self._counted, auto_decompress=False, access_log=None, **self._options
        )
        if listen.startswith("unix:"):
            path = Path(listen.removeprefix("unix:"))
            self._sockets = await loop.create_unix_server(self._server, path, backlog=_BACKLOG)
            _set_mode(path, socket_mode)
            return listen
        host, port = parse_address(listen)
        self._sockets = await loop.create_server(self._server, host, port, backlog=_BACKLOG)
        host, port = self._sockets.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def drain(self) -> None:
        """No new connections; the open ones are answered once more and then closed."""
        self._draining = True
        if self._sockets is not None:
            self._sockets.close()

    async def close(self, within_s: float = 0) -> None:
        """Drains, waits ``within_s`` for the requests under way, then cuts them off."""
        self.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._quiet.wait()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(_LAST_WRITES_S)

    async def _counted(self, request: web.BaseRequest) -> web.Response:
        self._busy += 1
        self._quiet.clear()
        try:
            answer = await self._answer(request)
        finally:
            self._busy -= 1
            if not self._busy:
                self._quiet.set()
        if self._draining:
            answer.force_close()
        return answer


def _set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def parse_address(listen: str) -> tuple[str | None, int]:
    """(host, port) of "host:port"; no host means all of them."""
    found = _ADDRESS.fullmatch(listen)
    if found is None or int(found[3]) > 65535:
        raise ValueError(f"not host:port, [address]:port or unix:/path: {listen!r}")
    return found[1] or found[2] or None, int(found[3])
