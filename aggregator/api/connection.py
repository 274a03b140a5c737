"""One connection: requests come in, answers go out, one at a time.

How it works
------------
``Incoming`` makes requests of what arrives, whole or before their bodies have come. A task
of the connection's own takes one after the other (``_talk``), has it answered and writes the
answer in one go: a large body beside its head, uncopied. aiohttp's own server does the same
with a request, a response and a task for each, which costs as much as all that we do for a
status.

A client who hangs up cancels nothing: his request runs to its end, and the answer falls on
the floor. Who closes only his own side has hung up, too.

Nobody keeps us waiting for ever. A client has ``idle_s`` for a whole head, and while he takes
less than ``_LEAST`` of an answer. One timer sees to both: requests only move ``_until``, at
which it looks when it fires. How long a body may take is up to who reads it; what nobody
wanted to read, of a body or after bytes that are no HTTP, is listened to for ``linger_s``: to
close before it has come would reset the connection, and the answer might never arrive.

What must change together
-------------------------
* The requests of a connection share a task, and so its context variables: what one leaves
  there is dropped before the next (``telemetry.forget``).
* ``writelines`` neither copies nor forgets the high-water mark in uvloop, which the server
  runs on; asyncio's own copies in Python 3.11 and forgets in early releases of 3.12 and 3.13.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from aiohttp import hdrs
from aiohttp.http import HttpVersion10, RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.tcp_helpers import tcp_keepalive

from aggregator import telemetry
from aggregator.api.answers import Answer, Heads, error
from aggregator.api.incoming import Incoming
from aggregator.api.request import BrokenBody, Request

_LEAST = 1 << 16  # bytes
_UNCOPIED = 1 << 16  # bytes from which on a second buffer costs less than a copy
_MALFORMED = error(400, "Malformed request", closes=True)
_FAILED = error(500, "Internal error", closes=True)

Answerer = Callable[[Request], Awaitable[Answer]]


@dataclass(slots=True)
class Common:
    """What the connections of one listener have in common.

    ``draining``: each is closed after its next answer. ``open``: those of which anything
    is left, be it the socket or the work.
    """

    answer: Answerer
    idle_s: float
    linger_s: float
    draining: bool = False
    open: set["Connection"] = field(default_factory=set)
    heads: Heads = field(default_factory=Heads)


class Connection(Incoming):
    __slots__ = (
        "_common",
        "_lost",
        "_peer",
        "_timer",
        "_untaken",
        "_until",
        "_writable",
        "task",
    )

    def __init__(self, common: Common) -> None:
        super().__init__()
        self._common = common
        self._writable: asyncio.Future[None] | None = None  # None: it is
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._until = self._loop.time() + common.idle_s  # inf while the client waits for us
        self._untaken = 0  # bytes of an answer, when we last looked
        self._peer = ""

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, or was read and will be."""
        return self._until == math.inf or bool(self._ahead)

    @property
    def _goes_on(self) -> bool:
        """Whether a request has just been read, which the task is about to answer."""
        return bool(self._ahead) and self._writable is None and not self._deaf

    def cut_off(self) -> None:
        self.task.cancel()
        if self.transport is not None:
            self.transport.abort()

    # What the transport tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tcp_keepalive(cast(asyncio.Transport, transport))
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else ""
        self._timer = self._loop.call_at(self._until, self._look)
        self.task = self._loop.create_task(self._talk())
        self._common.open.add(self)
        self.task.add_done_callback(self._gone)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._timer.cancel()
        self.resume_writing()
        if not self._lost.done():
            self._lost.set_result(None)

    def _gone(self, _task: object) -> None:
        self._common.open.discard(self)
        self._parser = None  # it knows us: a cycle

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _look(self) -> None:
        """Cuts off a client who has kept us waiting for too long."""
        assert self.transport is not None
        now = self._loop.time()
        if now >= self._until:
            left = self.transport.get_write_buffer_size()
            if not (self._goes_on or 0 < left <= self._untaken - _LEAST):
                self.transport.abort()
                return
            self._untaken = left
            self._wait_for_client()
        self._timer = self._loop.call_at(min(self._until, now + self._common.idle_s), self._look)

    def _wait_for_client(self) -> None:
        self._until = self._loop.time() + self._common.idle_s

    # What the task does

    async def _talk(self) -> None:
        """One request after the other, until one of the two wants no more."""
        try:
            while (request := await self._next()) is not None:
                if not await self._answered(*request):
                    return
            if self._garbled:
                self._write(_MALFORMED, closes=True)
                await self._let_go()
        finally:
            self._deaf = True
            self._wait_for_client()
            if self.transport is not None:
                self.transport.close()
            await self._lost

    async def _answered(self, message: RawRequestMessage, body: StreamReader) -> bool:
        """Answers one request. Whether there may be another."""
        assert self._parser is not None
        self._until = math.inf
        whole = body.is_eof()
        if whole:  # the parser counts what is
            self._parser.message_consumed()
        answer = await self._answer(Request(message, body, self._peer, self._send))
        telemetry.forget()
        closes = answer.closes or message.should_close or message.upgrade or self._common.draining
        self._write(
            answer,
            closes=closes,
            old=message.version == HttpVersion10,
            bodiless=message.method == hdrs.METH_HEAD,
        )
        self._wait_for_client()
        if self._writable is not None:
            await self._taken(self._writable)
        if not whole:
            if not await self._heard_out(body):
                return False
            self._parser.message_consumed()
        return not closes

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._common.answer(request)
        except Exception:
            telemetry.logger("api").exception("bug")
            return _FAILED

    def _write(
        self, answer: Answer, *, closes: bool, old: bool = False, bodiless: bool = False
    ) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        head = self._common.heads.head(answer, closes=closes, old=old)
        if bodiless:
            self.transport.write(head)
        elif len(answer.body) < _UNCOPIED:
            self.transport.write(head + answer.body)
        else:
            self.transport.writelines((head, answer.body))

    def _send(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    async def _taken(self, writable: asyncio.Future[None]) -> None:
        """Waits for the client to have taken most of an answer."""
        assert self.transport is not None  # else it would be writable
        self._untaken = self.transport.get_write_buffer_size()
        await writable
        self._untaken = 0
        self._wait_for_client()

    async def _let_go(self) -> None:
        """Has nothing more to say, and gives the client time to hear that."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()
            await asyncio.wait((self._lost,), timeout=self._common.linger_s)

    async def _heard_out(self, body: StreamReader) -> bool:
        """Whether the rest of a body that nobody wanted has come."""
        with suppress(TimeoutError, BrokenBody, ConnectionError, RuntimeError):
            async with asyncio.timeout(self._common.linger_s):
                while not body.is_eof():
                    await body.readany()
        return body.is_eof()
