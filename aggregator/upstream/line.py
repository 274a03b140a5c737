"""One connection to a panel: a request is written to it, its answer is read from it.

aiohttp's connector makes it (names, addresses, TLS, certificates) and hands it over with
a protocol of its own, whose place ``Line`` takes: that one is made for streams and for
any number of readers, this one for one request and one whole answer at a time.
"""

import asyncio
import select
from math import inf

from aiohttp.connector import Connection

from aggregator.dialects import WireReply
from aggregator.upstream.alarm import Alarm
from aggregator.upstream.answer import Answer, Unsound


class Line(asyncio.Protocol):
    """Whatever arrives while nothing is asked closes it, so that it is never taken for
    the answer to the next request."""

    def __init__(self, connection: Connection) -> None:
        """Unsound: there are bytes on ``connection``, or it has ended already."""
        before, transport = connection.protocol, connection.transport
        if before is None or transport is None or before.should_close or transport.is_closing():
            connection.close()
            raise Unsound("disconnected")
        self._connection = connection
        self._before = before
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._look)
        self._asked: asyncio.Future[WireReply] | None = None
        self._answer = Answer(self._loop)
        self._ends_at = self._heard_at = 0.0
        self._silence_s = inf
        self._arrived = select.poll()
        self._arrived.register(transport.get_extra_info("socket"), select.POLLIN)
        transport.set_protocol(self)

    @property
    def is_free(self) -> bool:
        """Whether a request may be written to it."""
        return self._asked is None and not self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Of a free one: whether nothing has arrived of which a busy loop has yet to tell, be
        it the end or an answer that nobody asked for."""
        return not self._arrived.poll(0)

    def close(self) -> None:
        self._alarm.off()
        self._connection.close()

    async def ask(
        self, request: bytes, ends_at: float, silence_s: float | None, cap: int
    ) -> WireReply:
        """The whole answer; or Unsound, TimeoutError, and with these the line is closed.

        The request is written at once. ``ends_at`` is the loop's time; ``silence_s``
        may pass between two packets; ``cap``: bytes of the decompressed body.
        """
        try:
            self._transport.write(request)
            asked: asyncio.Future[WireReply] = self._loop.create_future()
            self._asked = asked
            self._answer.begin(cap)
            self._heard_at = self._loop.time()
            self._ends_at, self._silence_s = ends_at, silence_s or inf
            self._alarm.by(self._patience())
            reply = await asked
        except BaseException:
            self.close()
            raise
        # Of a request that is only half written, the next one would become the other half.
        if self._answer.is_last or self._transport.get_write_buffer_size():
            self.close()
        return reply

    def _patience(self) -> float:
        return min(self._ends_at, self._heard_at + self._silence_s)

    def _look(self, now: float) -> float | None:
        if self._asked is None:
            return None
        if self._patience() <= now:
            self._lost(TimeoutError())
            return None
        return self._patience()

    def _lost(self, error: Exception) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(error)

    def _answered(self, reply: WireReply | None) -> None:
        asked = self._asked
        if reply is not None and asked is not None:
            self._asked = None
            if not asked.done():  # cancelled, a moment ago
                asked.set_result(reply)

    # -- what the transport tells

    def data_received(self, data: bytes) -> None:
        if self._asked is None:
            self.close()
            return
        self._heard_at = self._loop.time()
        try:
            self._answered(self._answer.feed(data))
        except Exception as error:  # whatever it is, the loop would log it
            self._lost(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._before.connection_lost(error)  # the connector may be waiting for it
        self.close()
        if self._asked is None:
            return
        try:
            self._answered(self._answer.end(broke=error is not None))
        except Exception as failed:
            self._lost(failed)
