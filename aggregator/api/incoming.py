"""What a client sends, made into requests that wait to be answered.

The bytes go through aiohttp's C parser. What we rely on it for is all that says where a
request ends, so that none can be hidden inside another: it refuses two Content-Lengths,
one beside a Transfer-Encoding, codings other than chunked, line ends and blanks where none
belong, NUL, a missing Host or a second one. It bounds the length of a line and of a header,
their number, and how many requests it reads ahead. tests/api/test_connection.py holds it to
that. The rest is here:

* whatever it raises ends the connection, is answered by no more than that it was malformed,
  and is logged nowhere: it quotes what was sent, keys included;
* after such bytes, and after a request to go on in another protocol (Upgrade, CONNECT),
  nothing is parsed any more: what comes then is anybody's guess;
* what one client can make us hold is bounded: of a body two pieces (``_PIECE``) and what one
  reading of the socket brings, and ``_AHEAD`` requests. Then we stop reading.

The parser counts whole requests that were not ``message_consumed``, and pauses at its limit.
It must be told of each just once, and only when it was whole; else it keeps back requests
that nobody asks it for.
"""

import asyncio
from collections import deque

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.streams import StreamReader

from aggregator.api.request import BrokenBody

_PIECE = 1 << 16  # bytes
_AHEAD = 8  # requests
_LINE = 8190  # bytes
_HEADERS = 128


class Incoming(BaseProtocol):
    """The requests of one connection, in their order."""

    __slots__ = ("_ahead", "_crowded", "_deaf", "_garbled", "_latest", "_waiter")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        parser = HttpRequestParser(
            self,
            loop,
            _PIECE,
            max_line_size=_LINE,
            max_field_size=_LINE,
            max_headers=_HEADERS,
            payload_exception=BrokenBody,
            auto_decompress=False,
            max_msg_queue_size=_AHEAD + 1,  # with the one at hand
        )
        super().__init__(loop, parser)
        self._ahead: deque[tuple[RawRequestMessage, StreamReader]] = deque()
        self._crowded = False  # there are enough of them
        self._latest: StreamReader | None = None  # the last body that has begun
        self._deaf = False  # what still comes is not looked at
        self._garbled = False  # what came was no HTTP
        self._waiter: asyncio.Future[None] | None = None

    def end(self) -> None:
        """No further request, but for those that are here."""
        self._deaf = True
        self._wake()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._break_off(ConnectionResetError())
        self.end()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        assert self._parser is not None
        try:
            messages, self._deaf, _ = self._parser.feed_data(data)
        except Exception:  # of whatever kind: it quotes what was sent
            self._garbled = not self._break_off(BrokenBody())
            self.end()
            return
        if messages:
            self._ahead.extend(messages)
            self._latest = messages[-1][1]
            self._crowded = len(self._ahead) >= _AHEAD
            if self._crowded and self.transport is not None:
                self.transport.pause_reading()
            self._wake()

    def _break_off(self, error: Exception) -> bool:
        """Whether there was a body on its way, whose reader now knows that it ends there."""
        if self._latest is None or self._latest.is_eof():
            return False
        self._latest.set_exception(error)
        return True

    def pause_reading(self) -> None:
        """There is more of a body than whoever reads it has taken."""
        self._reading_paused = True
        if self.transport is not None:
            self.transport.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:  # we are told to with every body
            self._reading_paused = False
            self._read_on()

    def _read_on(self) -> None:
        if self.transport is not None and not (self._reading_paused or self._crowded):
            self.transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> tuple[RawRequestMessage, StreamReader] | None:
        """Waits for a request; its body may be on its way. None: there will be no more."""
        while not self._ahead:
            if self._deaf:
                return None
            self._waiter = self._loop.create_future()
            await self._waiter
        if self.transport is None:
            return None
        found = self._ahead.popleft()
        if self._crowded and not self._ahead:
            self._catch_up()
        return found

    def _catch_up(self) -> None:
        """Goes on reading, first what the parser kept to itself. This must not wait for an
        answer to the request at hand: its body may be among what was not read."""
        self._crowded = False
        self.data_received(b"")
        self._read_on()
