"""A request, as a connection hands it on."""

from collections.abc import Callable

from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDictProxy


class BrokenBody(Exception):
    """What comes is no body, and will not become one."""


class Request:
    """``body`` need not have come yet. ``peer``: the other end's address, "" on a unix socket.

    ``send``: writes bytes to the client, before any answer.
    """

    __slots__ = ("_message", "_send", "body", "headers", "method", "peer")

    def __init__(
        self,
        message: RawRequestMessage,
        body: StreamReader,
        peer: str,
        send: Callable[[bytes], None],
    ) -> None:
        self.method: str = message.method
        self.headers: CIMultiDictProxy[str] = message.headers
        self.body = body
        self.peer = peer
        self._message = message
        self._send = send

    @property
    def path(self) -> str:
        """Decoded, and without the query."""
        return self._message.url.path

    @property
    def query(self) -> str:
        """As it was sent."""
        return self._message.url.raw_query_string

    def call_for_body(self) -> None:
        """Tells a client who waits for it that he may send the body."""
        if self._message.version >= HttpVersion11:
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
