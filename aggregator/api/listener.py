"""Sockets: where we listen, and how we stop. What happens on them: ``connection``.

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
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from aggregator.api.connection import Answerer, Common, Connection
from aggregator.api.sockets import Inherited, parse_address

IDLE_S = 75.0  # longer than a proxy's own, or it would send into a closing connection
GRACE_S = 5.0  # for a last request on a kept connection; we serve as before meanwhile
_BACKLOG = socket.SOMAXCONN  # also of a socket that we inherit: who waits there waits for us
_JUST_ACCEPTED_S = 0.05  # until the loop has told of every connection that it took
_TURNS_S = 0.01  # some turns of the loop
_LAST_WRITES_S = 0.2  # an answer that is ready still has to leave


class Listener:
    """Hands every request of one address to ``answer``, which should not raise.

    ``idle_s``: how long a client may keep us waiting for a request's headers, or while he
    takes nothing of an answer. ``linger_s``: how long we listen to the rest of a body that
    we refused to read. ``grace_s``: how long an idle connection may still send a last
    request when we stop.
    """

    def __init__(
        self,
        answer: Answerer,
        *,
        idle_s: float = IDLE_S,
        linger_s: float = 10,
        grace_s: float = GRACE_S,
    ) -> None:
        self._common = Common(answer, idle_s, linger_s)
        self._grace_s = grace_s
        self._accepting: list[asyncio.Server] = []

    def _connection(self) -> Connection:
        return Connection(self._common)

    async def start(
        self, listen: str, inherited: Inherited | None = None, *, socket_mode: int = 0o600
    ) -> str:
        """Listens on ``host:port``, ``[::1]:port`` or ``unix:/path``; returns the same
        with the real port in place of 0. ValueError: none of these; OSError: in use.

        Of the ``inherited`` sockets it takes those that listen there already.
        """
        if inherited is not None:
            for one in await inherited.take(listen):
                self._accepting.append(await self._adopted(one))
        if self._accepting:
            return listen
        if listen.startswith("unix:"):
            path = Path(listen.removeprefix("unix:"))
            loop = asyncio.get_running_loop()
            self._accepting.append(
                await loop.create_unix_server(self._connection, path, backlog=_BACKLOG)
            )
            _set_mode(path, socket_mode)
            return listen
        return await self._bound(*parse_address(listen))

    async def _bound(self, host: str | None, port: int) -> str:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connection, host, port, backlog=_BACKLOG)
        self._accepting.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _adopted(self, one: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if one.family != socket.AF_UNIX:
            return await loop.create_server(self._connection, sock=one, backlog=_BACKLOG)
        if sys.version_info >= (3, 13):  # which would take the path away from its owner
            return await loop.create_unix_server(
                self._connection, sock=one, backlog=_BACKLOG, cleanup_socket=False
            )
        return await loop.create_unix_server(self._connection, sock=one, backlog=_BACKLOG)

    def drain(self) -> None:
        """No new connections; the open ones are answered once more and then closed."""
        self._common.draining = True
        for server in self._accepting:
            server.close()

    async def close(self, within_s: float = 0) -> None:
        """Stops as told above; what is not done ``within_s`` from now is cut off."""
        if not self._accepting:
            return
        self._common.draining = True
        deadline = asyncio.get_running_loop().time() + within_s
        grace_s = min(self._grace_s, within_s / 2)  # it is granted twice
        silent = await self._left(grace_s)
        self.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(_JUST_ACCEPTED_S)
                await self._left(grace_s, but=silent)
                await self._calm()
        for one in self._common.open:
            one.end()
        for one in await self._left(_LAST_WRITES_S):
            one.cut_off()
        await self._left(_LAST_WRITES_S)

    async def _left(
        self, within_s: float, but: Collection[Connection] = ()
    ) -> Collection[Connection]:
        """Waits for all connections of this moment to end; those that did not."""
        leaving = {one.task: one for one in self._common.open.difference(but)}
        if not leaving:
            return ()
        _, left = await asyncio.wait(leaving, timeout=within_s)
        return {leaving[task] for task in left}

    async def _calm(self) -> None:
        """Returns once no request is under way and none waits unread. What was read this
        very moment is neither for some turns of the loop: so it must be seen repeatedly."""
        seen = 0
        while seen < 3:
            await asyncio.sleep(_TURNS_S)
            busy = any(one.busy for one in self._common.open)
            seen = 0 if busy or self._unread() else seen + 1

    def _unread(self) -> bool:
        """Whether somebody has sent bytes that we have not read yet."""
        arrived = select.poll()
        for one in self._common.open:
            if one.transport is not None and not one.transport.is_closing():
                arrived.register(one.transport.get_extra_info("socket"), select.POLLIN)
        return bool(arrived.poll(0))


def _set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)
