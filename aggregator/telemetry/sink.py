"""Where log lines go: to a stream, all that one turn of the event loop had to say at once.

A write of its own for each line costs more than everything else about the line. What
a process that is killed has not written are the lines of its last turn, which it had
no time for anyway.
"""

import asyncio
from collections import deque
from contextlib import suppress
from threading import get_ident
from typing import TextIO


class Sink:
    """A full disk or a closed pipe must not fail an order: what cannot be written is dropped.

    Lines come from any thread; only those of the loop's own wait for the end of its turn.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()
        self._due_in: asyncio.AbstractEventLoop | None = None
        self._due_by = 0  # the thread of that loop

    def say(self, line: str) -> None:
        """One line, as structlog asks for it."""
        self._waiting.append(f"{line}\n")
        due_in = self._due_in
        if due_in is None or not due_in.is_running() or get_ident() != self._due_by:
            self.flush()

    debug = info = warning = error = critical = say

    def write(self, text: str) -> None:
        self._waiting.append(text)

    def flush(self) -> None:
        """After each line, as ``logging`` does it."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_out()
            return
        if self._due_in is not loop:
            self._due_in, self._due_by = loop, get_ident()
            loop.call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._due_in = None
        self._write_out()

    def _write_out(self) -> None:
        lines = []
        with suppress(IndexError):  # another thread may take them from under us
            while True:
                lines.append(self._waiting.popleft())
        with suppress(OSError, ValueError):
            self._stream.write("".join(lines))
            self._stream.flush()
