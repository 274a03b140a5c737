"""Sockets: aiohttp's low-level server, without router, middlewares or signals.

Two things of aiohttp's are replaced: its answer to bytes that are no HTTP (it is
HTML-minded and logs what it could not read, which may hold a key), and its way to
shut down (it would refuse requests on connections that it still keeps open).

How we stop. A client that keeps its connection may send the next request at any
moment. If we closed it just then, the request would be lost, and its sender could
not know whether it had been carried out. HTTP has one way to end a connection for
sure: ``Connection: close`` on an answer. So

1. every answer says so from now on, and the connections that are open get
   ``grace_s`` for a last request each. New ones are still accepted meanwhile, for
   there is no reason yet to keep them waiting;
2. we stop accepting. Who connects later is refused, or waits for the next process
   if the socket is not ours alone (``sockets``). Who had just been accepted gets
   his answer, again within ``grace_s``;
3. requests under way are waited for, and so are those that have reached this machine
   while we were too busy to read them;
4. whatever is left is closed: connections that have been silent for longer than
   ``grace_s``, and what took too long.

The one race left is a request that crosses our closing after such a silence. It is
the same that every server runs when a connection has been idle for too long.
"""

import asyncio
import select
import socket
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from aggregator.api.sockets import Inherited, parse_address

Answerer = Callable[[web.BaseRequest], Awaitable[web.Response]]

IDLE_S = 75.0  # longer than a proxy's own, or it would send into a closing connection
GRACE_S = 5.0  # for a last request on a kept connection; we serve as before meanwhile
_BACKLOG = socket.SOMAXCONN  # also of a socket that we inherit: who waits there waits for us
_JUST_ACCEPTED_S = 0.05  # until the loop has told of every connection that it took
_TURNS_S = 0.01  # some turns of the loop
_LAST_WRITES_S = 0.2  # an answer that is ready still has to leave
_HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "aggregator",  # aiohttp would tell its version, and Python's
}


def response(body: bytes, status: int = HTTPStatus.OK, **headers: str) -> web.Response:
    """JSON, unless ``headers`` say otherwise; ``Retry_After`` stands for Retry-After."""
    answer = web.Response(body=body, status=status, headers=_HEADERS)
    for name, value in headers.items():
        answer.headers[name.replace("_", "-")] = value
    return answer


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
        self._leaving: set[web.RequestHandler] = set()
        self._all_left = asyncio.Event()

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        self._leaving.discard(handler)
        if not self._leaving:
            self._all_left.set()

    async def left(
        self, within_s: float, but: Collection[web.RequestHandler] = ()
    ) -> set[web.RequestHandler]:
        """Waits for all connections of this moment to end; those that did not."""
        self._leaving = set(self.connections).difference(but)
        if self._leaving:
            self._all_left.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._all_left.wait()
        return self._leaving

    def unread(self) -> bool:
        """Whether somebody has sent bytes that we have not read yet."""
        arrived = select.poll()
        for handler in self.connections:
            if handler.transport is not None and not handler.transport.is_closing():
                arrived.register(handler.transport.get_extra_info("socket"), select.POLLIN)
        return bool(arrived.poll(0))


class Listener:
    """Hands every request of one address to ``answer``, which must not raise.

    ``idle_s``: how long a connection may keep us waiting for a request's headers.
    ``linger_s``: how long we listen to the rest of a body that we refused to read.
    ``grace_s``: how long an idle connection may still send a last request when we stop.
    """

    def __init__(
        self,
        answer: Answerer,
        *,
        idle_s: float = IDLE_S,
        linger_s: float = 10,
        grace_s: float = GRACE_S,
    ) -> None:
        self._answer = answer
        self._options = {"keepalive_timeout": idle_s, "lingering_time": linger_s}
        self._grace_s = grace_s
        self._server: _Server | None = None
        self._accepting: list[asyncio.Server] = []
        self._draining = False
        self._busy = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def start(
        self, listen: str, inherited: Inherited | None = None, *, socket_mode: int = 0o600
    ) -> str:
        """Listens on ``host:port``, ``[::1]:port`` or ``unix:/path``; returns the same
        with the real port in place of 0. ValueError: none of these; OSError: in use.

        Of the ``inherited`` sockets it takes those that listen there already.
        """
        self._server = _Server(
            self._counted, auto_decompress=False, access_log=None, **self._options
        )
        if inherited is not None:
            for one in await inherited.take(listen):
                self._accepting.append(await self._adopted(one))
        if self._accepting:
            return listen
        if listen.startswith("unix:"):
            path = Path(listen.removeprefix("unix:"))
            loop = asyncio.get_running_loop()
            self._accepting.append(
                await loop.create_unix_server(self._server, path, backlog=_BACKLOG)
            )
            _set_mode(path, socket_mode)
            return listen
        return await self._bound(*parse_address(listen))

    async def _bound(self, host: str | None, port: int) -> str:
        loop = asyncio.get_running_loop()
        assert self._server is not None
        server = await loop.create_server(self._server, host, port, backlog=_BACKLOG)
        self._accepting.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _adopted(self, one: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        assert self._server is not None
        if one.family != socket.AF_UNIX:
            return await loop.create_server(self._server, sock=one, backlog=_BACKLOG)
        if sys.version_info >= (3, 13):  # which would take the path away from its owner
            return await loop.create_unix_server(
                self._server, sock=one, backlog=_BACKLOG, cleanup_socket=False
            )
        return await loop.create_unix_server(self._server, sock=one, backlog=_BACKLOG)

    def drain(self) -> None:
        """No new connections; the open ones are answered once more and then closed."""
        self._draining = True
        for server in self._accepting:
            server.close()

    async def close(self, within_s: float = 0) -> None:
        """Stops as told above; what is not done ``within_s`` from now is cut off."""
        if self._server is None:
            return
        self._draining = True
        deadline = asyncio.get_running_loop().time() + within_s
        grace_s = min(self._grace_s, within_s / 2)  # it is granted twice
        silent = await self._server.left(grace_s)
        self.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(_JUST_ACCEPTED_S)
                await self._server.left(grace_s, but=silent)
                await self._calm(self._server)
        self._server.pre_shutdown()
        await self._server.shutdown(_LAST_WRITES_S)

    async def _calm(self, server: _Server) -> None:
        """Returns once no request is under way and none waits unread. What was read this
        very moment is neither for some turns of the loop: so it must be seen repeatedly."""
        seen = 0
        while seen < 3:
            await self._quiet.wait()
            await asyncio.sleep(_TURNS_S)
            seen = 0 if self._busy or server.unread() else seen + 1

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
