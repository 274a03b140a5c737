"""Answers, as what they are made of and as bytes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from http import HTTPStatus

import orjson

JSON = "application/json; charset=utf-8"


@dataclass(slots=True)
class Answer:
    """``headers``: further lines of the head, from ``lines``. ``closes``: the connection
    cannot be used further, or should not be. ``kind``: of the body; a constant of ours."""

    body: bytes
    status: int = 200
    headers: bytes = b""
    closes: bool = False
    kind: str = JSON


def lines(headers: Mapping[str, str]) -> bytes:
    """As they stand in a head. ValueError: one of them would be more than a line."""
    texts = [f"{name}: {value}" for name, value in headers.items()]
    if not all(map(str.isprintable, texts)):
        raise ValueError("a line of the head has another one in it")
    return "".join(f"{text}\r\n" for text in texts).encode()


def error(
    status: int, text: str, headers: Mapping[str, str] | None = None, *, closes: bool = False
) -> Answer:
    return Answer(orjson.dumps({"error": text}), status, lines(headers or {}), closes)


@cache  # for statuses and kinds are few
def _start(status: int, kind: str) -> bytes:
    """The status line and what every head has. aiohttp would tell its version, and Python's."""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {kind}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Server: aggregator\r\n"
    ).encode()


class Heads:
    """Writes heads, with the date of the second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def head(self, answer: Answer, *, old: bool, closes: bool) -> bytes:
        """Up to where the body begins. ``old``: for a client of HTTP/1.0."""
        start = _start(answer.status, answer.kind)
        connection = b"Connection: close\r\n" if closes else b""
        if old:
            start = start.replace(b"1.1", b"1.0", 1)
            connection = b"" if closes else b"Connection: keep-alive\r\n"
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return b"%b%b%b%bContent-Length: %d\r\n\r\n" % (
            start,
            self._date,
            answer.headers,
            connection,
            len(answer.body),
        )
