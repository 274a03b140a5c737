"""One POST to a panel, and the one question that matters of it: did it leave?

How it works
------------
``Wire.post`` sends a request once and returns either the panel's whole reply
(``WireReply``) or a ``Lost`` that says whether a byte may have left. No exception
comes out of it, whatever a panel does.

An exception cannot answer the question. Measured over real sockets
(tests/upstream/test_wire.py keeps the measurements), the same ones occur where the panel
has seen nothing and where it has booked the order. What does tell is the moment at
which we write: before ``Line.ask`` nothing has left this machine, and from its first
line on nobody can say.

So connections are ours. Of aiohttp this takes the connector (names, addresses, TLS) and
the parser, but neither its pool nor ``ClientSession``, which hides that moment, and whose
redirects, cookies, proxies and second tries a call that buys must never meet. (It also
costs more than all the rest of a call.) The connector wants a ``ClientRequest`` to be
told where to; one per address and set of headers is made, never sent, and kept
(``_address``).

==========  =====================================================================
``Wire``    where to, what is written, and whether it may have left
``Pool``    the connections that lie idle
``Line``    one connection: writes a request, waits for its answer, but not forever
``Answer``  one answer, from its packets to a whole reply
==========  =====================================================================

What must change together
-------------------------
* There is one POST per call and no second try: a pooled connection that turns out to
  be dead is a doubt, for nobody can tell when it died.
* A redirect is an answer like any other (``dialects.adding``): to follow it would make
  a sent order look unsent, and a 307 would hand the key to another origin.
* Bytes that arrive while a connection lies idle would be read as the answer to the next
  request: somebody else's order ID. ``Line`` closes at the first of them, ``Answer``
  tells of those that came right behind it, and ``Pool`` looks for those that wait unread.
* A body may end before its Content-Length (raises), before its last chunk (raises),
  or, with neither header, anywhere: that raises nothing, and only the codec can
  see that it is not a whole JSON document.
* Buying calls have a pool of their own whose idle connections live for two seconds:
  a panel or a proxy closes an idle one after five at the earliest, and an add that
  rides into that closing is a doubt for nothing.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

import aiohttp
from aiohttp import hdrs
from yarl import URL

from aggregator.dialects import WireReply, WireRequest
from aggregator.upstream.answer import Unsound
from aggregator.upstream.line import Line
from aggregator.upstream.pool import Pool

SMALL_REPLY = 1 << 20  # bytes, once decompressed
LARGE_REPLY = 64 << 20  # a list of services

CONNECT_S = 15.0  # resolving the name included, which sock_connect does not cover
SOCK_CONNECT_S = 10.0
SILENCE_S = 30.0  # between two packets of an answer that costs nothing to ask for again
BUYING_KEEPALIVE_S = 2.0
READING_KEEPALIVE_S = 15.0
ADDRESSES_KEPT = 1024

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "Mozilla/5.0 (compatible; aggregator)",  # aiohttp's own is often blocked
}
_CONNECTING = aiohttp.ClientTimeout(connect=CONNECT_S, sock_connect=SOCK_CONNECT_S)


@dataclass(frozen=True, slots=True)
class Lost:
    """No whole reply came. ``sent``: a byte of the request may have left.

    ``cause`` is one short phrase of ours, safe to log and to store. ``ours``: it
    was not the provider's doing.
    """

    cause: str
    sent: bool
    ours: bool = False


class _Address(NamedTuple):
    """Where to, as the connector wants to be told and as a pool knows it; how the request
    begins, up to its length."""

    request: aiohttp.ClientRequest
    origin: str
    head: bytes


class Wire:
    """The two pools of connections: one for calls that buy, one for all others.

    ``may_send`` is asked right before a buying call is written to its socket, for
    a node that must still hold its lease. ``ssl_context``: None verifies against
    the system's authorities.
    """

    def __init__(
        self, may_send: Callable[[], bool], ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._may_send = may_send
        self._ssl = ssl_context
        self._addresses: dict[tuple[object, ...], _Address] = {}

    async def __aenter__(self) -> "Wire":
        self._loop = asyncio.get_running_loop()
        # No limit: a provider's own is in gate.py.
        self._connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=self._ssl or True)
        self._buying = Pool(BUYING_KEEPALIVE_S)
        self._reading = Pool(READING_KEEPALIVE_S)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._buying.close()
        self._reading.close()
        await self._connector.close()

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
        if timeout_s <= 0:  # a pooled connection would be written to before that is noticed
            return Lost("no time left", sent=False, ours=True)
        ends_at = self._loop.time() + timeout_s
        sent = False
        # An add may be thought about for as long as there is time; a read may not.
        silence_s = None if buying else min(SILENCE_S, timeout_s)
        pool = self._buying if buying else self._reading
        try:
            address = self._address(url, request.headers)
            line = pool.take(address.origin) or await self._connected(address, ends_at)
            if buying and not self._may_send():
                line.close()
                return Lost("not allowed to send", sent=False, ours=True)
            written = b"%b%d\r\n\r\n%b" % (address.head, len(request.body), request.body)
            sent = True
            reply = await line.ask(written, ends_at, silence_s, cap)
        except asyncio.CancelledError:
            if not buying:
                raise
            return Lost("canceled", sent, ours=True)
        except Exception as error:
            return Lost(_cause_of(error, sent), sent)
        pool.keep(address.origin, line)
        return reply

    def _address(self, url: str, headers: Mapping[str, str]) -> _Address:
        known = (url, *headers.items())
        address = self._addresses.get(known)
        if address is None:
            if len(self._addresses) >= ADDRESSES_KEPT:
                self._addresses.clear()
            address = self._addresses[known] = _addressed(url, headers)
        return address

    async def _connected(self, address: _Address, ends_at: float) -> Line:
        async with asyncio.timeout_at(ends_at):
            return Line(await self._connector.connect(address.request, [], _CONNECTING))


def _addressed(url: str, headers: Mapping[str, str]) -> _Address:
    """ValueError, of which aiohttp.InvalidURL is one, where the two make no request."""
    request = aiohttp.ClientRequest(hdrs.METH_POST, URL(url), headers={**_HEADERS, **headers})
    request.headers.popall(hdrs.CONTENT_LENGTH, None)  # of a request without a body
    fields = [f"{name}: {text}" for name, text in request.headers.items()]
    lines = [f"POST {request.url.raw_path_qs} HTTP/1.1", *fields]
    if not all(map(str.isprintable, lines)):
        raise ValueError("a line of the head has another one in it")
    head = "\r\n".join([*lines, "Content-Length: "]).encode()
    return _Address(request, str(request.url.origin()), head)


# First match wins: a subclass stands before its base.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "name not resolved"),
    (aiohttp.ClientConnectorCertificateError, "certificate refused"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorError, "no connection"),
    (TimeoutError, "no answer in time"),
    (aiohttp.InvalidURL, "URL unusable"),
)


def _cause_of(error: Exception, sent: bool) -> str:
    """A phrase for ``error`` that holds nothing of the request or the answer."""
    if isinstance(error, Unsound):
        return str(error)
    if isinstance(error, TimeoutError) and not sent:
        return "no connection in time"  # whichever of the timers went first
    for kind, phrase in _CAUSES:
        if isinstance(error, kind):
            return phrase
    return type(error).__name__
