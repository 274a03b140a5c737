"""One answer, put together from the packets that it arrives in.

aiohttp's parser reads it. What is left to do is to look at each piece of the body as soon
as it has been parsed and decompressed, so that an answer without end costs no more than
its cap and one piece, and to say whether the connection may carry another request: not if
the panel has said no, and not if it has begun to say what nobody asked for.
"""

import asyncio
from typing import cast

from aiohttp import ClientPayloadError, hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.streams import StreamReader

from aggregator.dialects import WireReply

PIECE = 1 << 18  # bytes that are decompressed at a time


class Unsound(Exception):
    """No whole answer came. Its text is one short phrase of ours, safe to log and to store."""


class Answer:
    """One after the other of the answers on a connection, of which only the latest is here.

    To its parser it is the protocol, which is told to pause when there is more to
    decompress than a piece. (The two hold each other: one ``Answer`` for each answer
    would leave as many cycles to the collector.)
    """

    __slots__ = (
        "_body",
        "_cap",
        "_loop",
        "_message",
        "_parser",
        "_paused",
        "_read",
        "is_last",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.begin(0)

    def begin(self, cap: int) -> None:
        """Another request is about to be answered. ``cap``: bytes of the decompressed body."""
        self._parser = HttpResponseParser(
            cast(BaseProtocol, self),
            self._loop,
            PIECE,
            payload_exception=ClientPayloadError,
            read_until_eof=True,
        )
        self._cap = cap
        self._message: RawResponseMessage | None = None
        self._body: StreamReader | None = None
        self._read = bytearray()
        self._paused = False
        self.is_last = False  # of its connection

    def feed(self, data: bytes) -> WireReply | None:
        """The whole answer, once it is there. Unsound: it never will be."""
        self._parse(data)
        while self._paused:
            self._paused = False
            self._parse(b"")
        return self._whole()

    def end(self, *, broke: bool) -> WireReply:
        """The connection has ended or broken, which is the end of a body that has no
        length. Unsound: it was too early."""
        if self._body is None:
            raise Unsound("connection broke" if broke else "disconnected")
        try:
            self._parser.feed_eof()
        except Exception:
            raise Unsound("answer cut off") from None
        self._take(self._body)
        whole = self.feed(b"") if self._paused else self._whole()
        if whole is None:
            raise Unsound("answer cut off")
        return whole

    def _parse(self, data: bytes) -> None:
        try:
            messages, _switched, _rest = self._parser.feed_data(data)
        except Exception:
            if self._body is None or not self._body.is_eof():
                raise Unsound("not HTTP") from None
            messages, self.is_last = [], True  # it was whole; what makes no sense came after it
        for message, body in messages:
            if self._body is not None:
                self.is_last = True  # it goes on, and nobody asked
            elif message.code >= 200 or message.code == 101:
                self._message, self._body = message, body
        if self._body is not None:
            self._take(self._body)

    def _take(self, body: StreamReader) -> None:
        try:
            piece = body.read_nowait()
        except ClientPayloadError:
            raise Unsound("answer cut off") from None
        self._read += piece
        if len(self._read) > self._cap:
            raise Unsound("answer too large")

    def _whole(self) -> WireReply | None:
        if self._message is None or self._body is None or not self._body.is_eof():
            return None
        message = self._message
        if message.should_close or message.code < 200 or self._has_begun_another():
            self.is_last = True
        read, self._read = bytes(self._read), bytearray()
        return WireReply(message.code, read, message.headers.get(hdrs.CONTENT_TYPE, ""))

    def _has_begun_another(self) -> bool:
        """The parser keeps a head that is not all there yet to itself, unless it is told
        that there will be no more. (That in Python, for where there is none in C, does so
        even then.)"""
        try:
            return self._parser.feed_eof() is not None
        except Exception:
            return True

    # -- what the parser asks of a protocol

    def pause_reading(self) -> None:
        self._paused = True
        self._parser.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Nothing to do: whoever feeds goes on by himself."""
