"""A timer for what nearly always ends before its time is up.

To set a timer and to cancel it costs more than most of what it watches over. So one
``Alarm`` serves many such spans, one after the other or side by side: put off to a later
time it does nothing at once, and when it wakes up it asks what it should wait for now.
"""

import asyncio
from collections.abc import Callable

SLACK_S = 0.001  # a loop may keep its time in milliseconds and wake up a little early


class Alarm:
    """``look`` is called with the loop's time, at a time that was told or before the
    latest of them; it does what is due by then and returns when to look again, or None."""

    __slots__ = ("_at", "_handle", "_look", "_loop")

    def __init__(self, look: Callable[[float], float | None]) -> None:
        self._look = look
        self._loop: asyncio.AbstractEventLoop | None = None  # that of the first call
        self._handle: asyncio.TimerHandle | None = None
        self._at = 0.0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Remembered: before Python 3.12 each question for it is a system call."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def within(self, seconds: float) -> float:
        """Looks then at the latest; the time that this is."""
        when = self.loop.time() + seconds
        self.by(when)
        return when

    def by(self, when: float) -> None:
        """Looks at ``when`` (by the loop's time) at the latest."""
        if self._handle is not None:
            if self._at <= when:
                return
            self._handle.cancel()
        self._at = when
        self._handle = self.loop.call_at(when, self._wake)

    def off(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wake(self) -> None:
        self._handle = None
        again = self._look(self.loop.time() + SLACK_S)
        if again is not None:
            self.by(again)
