"""``alert_command``: a program of the operator's, run once for each alert.

It gets the event as one JSON object on its standard input, and no shell is between.
Alerts may come in floods: what does not fit into the line is counted, and the next
one that does says how many were dropped.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence

import structlog

IN_LINE = 20
RUN_S = 30.0

log = structlog.get_logger(__name__)


class Bell:
    """``ring`` never waits; ``answer`` is the job that runs the command."""

    def __init__(self, command: Sequence[str] | None) -> None:
        self.command = command  # may be replaced; None: nobody wants to hear
        self._line: asyncio.Queue[dict[str, object]] = asyncio.Queue(IN_LINE)
        self._dropped = 0

    def ring(self, event: Mapping[str, object]) -> None:
        """``event`` holds no secrets: it leaves this machine by mail or by chat."""
        if self.command is None:
            return
        try:
            self._line.put_nowait({**event, "dropped_before": self._dropped})
            self._dropped = 0
        except asyncio.QueueFull:
            self._dropped += 1

    async def answer(self) -> None:
        """Runs the command for the next alert, and bounds how long it may take."""
        said = json.dumps(await self._line.get(), default=str).encode()
        if self.command is None:
            return
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(RUN_S):
                await process.communicate(said)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            log.warning("alert_command_failed", status=process.returncode)
