"""One POST to a panel, and the one question that matters of it: did it leave?

How it works
------------
``Wire.post`` sends a request once and returns either the panel's whole reply
(``WireReply``) or a ``Lost`` that says whether a connection had been acquired.
No exception comes out of it, whatever a panel does.

aiohttp's exceptions cannot answer the question. Measured over real sockets
(tests/upstream/test_wire.py keeps the measurements), ``ServerDisconnectedError``,
``ClientOSError`` and a bare ``TimeoutError`` each occur both where the panel has
seen nothing and where it has booked the order. What does tell is the moment at
which a connection is handed to the request: not one byte of a request is written
before it. aiohttp announces the moment by exactly two trace events, a connection
made (``on_connection_create_end``: TCP, and TLS where there is any, are through)
and one taken from the pool (``on_connection_reuseconn``). Both set one flag. With
the flag down nothing left this machine, and with it up nobody can say.

What must change together
-------------------------
* aiohttp resends by itself, on a fresh connection, when a pooled one turns out to
  be dead, but only for idempotent methods. Everything here is POST, so it never
  does. Another method would need a look at ``aiohttp.client.IDEMPOTENT_METHODS``.
* A redirect that is followed leaves the flag up although the first answer was a
  plain no, and a 307 hands the key to another origin: ``allow_redirects=False``.
* A pool hands out a connection on which bytes arrived while it lay idle, and those
  are then read as the answer to the next request: somebody else's order ID.
  ``_CleanConnector`` throws such a connection away. (The flag is up by then: should
  the next connection fail, that is a doubt for nothing, which is the safe side.)
* A body may end before its Content-Length (raises), before its last chunk (raises),
  or, with neither header, anywhere: that raises nothing, and only the codec can
  see that it is not a whole JSON document.
* Buying calls have a session of their own whose idle connections live for two
  seconds: a panel or a proxy closes an idle one after five at the earliest, and an
  add that rides into that closing is a doubt for nothing.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from aggregator.dialects import WireReply, WireRequest

SMALL_REPLY = 1 << 20  # bytes, once decompressed
LARGE_REPLY = 64 << 20  # a list of services
CHUNK = 1 << 16

CONNECT_S = 15.0  # resolving the name included, which sock_connect does not cover
SOCK_CONNECT_S = 10.0
SILENCE_S = 30.0  # between two packets of an answer that costs nothing to ask for again
BUYING_KEEPALIVE_S = 2.0
READING_KEEPALIVE_S = 15.0

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "Mozilla/5.0 (compatible; aggregator)",  # aiohttp's own is often blocked
}


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole reply came. ``sent``: a connection had been acquired before.

    ``cause`` is one short phrase of ours, safe to log and to store. ``ours``: it
    was not the provider's doing.
    """

    cause: str
    sent: bool
    ours: bool = False


class _Withheld(Exception):
    """``may_send`` said no at the last moment."""


class _TooLarge(Exception):
    pass


@dataclass(slots=True)
class _Exchange:
    """What is known of one POST so far; the trace events write to it."""

    acquired: bool = False
    cause: str = ""
    ours: bool = False
    reply: WireReply | None = None

    def verdict(self) -> WireReply | Lost:
        return self.reply or Lost(self.cause, self.acquired, self.ours)


class _CleanConnector(aiohttp.TCPConnector):
    """Hands out no connection with an unasked answer on it, and none while
    ``may_send`` says no: the last look before bytes are written."""

    def __init__(self, may_send: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._may_send = may_send

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        while _is_soiled(connection.protocol):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        if not self._may_send():
            connection.close()
            raise _Withheld
        return connection


def _is_soiled(protocol: ResponseHandler | None) -> bool:
    return protocol is not None and protocol.should_close


class Wire:
    """The two sessions: one for calls that buy, one for all others.

    ``may_send`` is asked right before a buying call is written to its socket, for
    a node that must still hold its lease. ``ssl_context``: None verifies against
    the system's authorities.
    """

    def __init__(
        self, may_send: Callable[[], bool], ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._may_send = may_send
        self._ssl = ssl_context

    async def __aenter__(self) -> "Wire":
        self._buying = self._session(self._may_send, BUYING_KEEPALIVE_S)
        self._reading = self._session(lambda: True, READING_KEEPALIVE_S)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._buying.close()
        await self._reading.close()

    def _session(self, may_send: Callable[[], bool], keepalive_s: float) -> aiohttp.ClientSession:
        connector = _CleanConnector(
            may_send,
            limit=0,  # a provider's own limit is in gate.py
            keepalive_timeout=keepalive_s,
            ssl=self._ssl or True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            trust_env=False,
            trace_configs=[_tracing()],
        )

    async def post(
        self,
        url: str,
        request: WireRequest,
        *,
        timeout_s: float,
        buying: bool = False,
        cap: int = SMALL_REPLY,
    ) -> WireReply | Lost:
        """Sends ``request`` once. ``cap``: bytes of the decompressed body.

        A cancelled buying call does not raise: it ends at once with what is known
        by then, because what is known must reach the store. Any other one raises
        CancelledError as usual.
        """
        if timeout_s <= 0:  # to aiohttp a timeout of 0 is none at all
            return Lost("no time left", sent=False, ours=True)
        exchange = _Exchange()
        try:
            await self._exchange(exchange, url, request, timeout_s, buying, cap)
        except asyncio.CancelledError:
            if not buying:
                raise
            exchange.cause, exchange.ours = "canceled", True
        except _Withheld:
            return Lost("not allowed to send", sent=False, ours=True)
        except Exception as error:
            exchange.cause = _cause_of(error, exchange.acquired)
        return exchange.verdict()

    async def _exchange(
        self,
        exchange: _Exchange,
        url: str,
        request: WireRequest,
        timeout_s: float,
        buying: bool,
        cap: int,
    ) -> None:
        session = self._buying if buying else self._reading
        async with session.post(
            url,
            data=request.body,
            headers=request.headers,
            timeout=_timeout(timeout_s, buying),
            allow_redirects=False,
            trace_request_ctx=exchange,
        ) as response:
            body = await _read(response, cap)
            content_type = response.headers.get("Content-Type", "")
            exchange.reply = WireReply(response.status, body, content_type)


def _timeout(timeout_s: float, buying: bool) -> aiohttp.ClientTimeout:
    """An add may be thought about for as long as there is time; a read may not."""
    return aiohttp.ClientTimeout(
        total=timeout_s,
        connect=min(CONNECT_S, timeout_s),
        sock_connect=min(SOCK_CONNECT_S, timeout_s),
        sock_read=timeout_s if buying else min(SILENCE_S, timeout_s),
    )


def _tracing() -> aiohttp.TraceConfig:
    async def acquired(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.acquired = True

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(acquired)
    config.on_connection_reuseconn.append(acquired)
    return config


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    """The whole body. aiohttp decompresses a chunk at a time and stops reading
    while we do, so a bomb costs one chunk beyond ``cap``, not its full size."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > cap:
            raise _TooLarge
    return bytes(body)


# First match wins: a subclass stands before its base.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (_TooLarge, "answer too large"),
    (aiohttp.ClientConnectorDNSError, "name not resolved"),
    (aiohttp.ClientConnectorCertificateError, "certificate refused"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorError, "no connection"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "disconnected"),
    (aiohttp.ClientOSError, "connection broke"),
    (aiohttp.ClientPayloadError, "answer cut off"),
    (aiohttp.ClientResponseError, "not HTTP"),
    (aiohttp.InvalidURL, "URL unusable"),
)


def _cause_of(error: Exception, acquired: bool) -> str:
    """A phrase for ``error`` that holds nothing of the request or the answer."""
    if isinstance(error, TimeoutError) and not acquired:
        return "no connection in time"  # whichever of the timers went first
    for kind, phrase in _CAUSES:
        if isinstance(error, kind):
            return phrase
    return type(error).__name__
