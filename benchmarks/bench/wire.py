"""As much of HTTP/1.1 as two programs need that know each other: no chunks, no trailers."""

import asyncio
import re
from abc import abstractmethod
from typing import cast

_LENGTH = re.compile(rb"content-length:[ \t]*(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


class Messages(asyncio.Protocol):
    """Cuts what arrives into messages: a head and a body of the length that it tells."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._head: bytes | None = None
        self._parts: list[bytes] = []
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._head_from(data) if self._head is None else self._body_from(data)
            if self._head is not None and self._missing == 0:
                head, body = self._head, b"".join(self._parts)
                self._head, self._parts = None, []
                self.message(head, body)

    def _head_from(self, data: bytes) -> bytes:
        if self._parts:
            data = b"".join((*self._parts, data))
            self._parts = []
        head, end, rest = data.partition(_HEAD_END)
        if not end:
            self._parts = [data]
            return b""
        told = _LENGTH.search(head)
        self._head, self._missing = head, int(told[1]) if told else 0
        return rest

    def _body_from(self, data: bytes) -> bytes:
        part = data[: self._missing]
        self._parts.append(part)
        self._missing -= len(part)
        return data[len(part) :]

    @abstractmethod
    def message(self, head: bytes, body: bytes) -> None:
        """One whole message has come."""
