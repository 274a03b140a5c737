"""Lives of the server, one after another, by way of ``benchmarks.zygote``."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks import notify as notifies
from benchmarks.evidence import ROOT
from benchmarks.market import Market
from benchmarks.notify import Notify

START_S = 30.0


@dataclass(slots=True)
class Lives:
    """One at a time."""

    process: asyncio.subprocess.Process
    notify: Notify
    _end: "asyncio.Task[int] | None" = None

    async def begin(self, point: str = "-", nth: int = 1) -> None:
        self.notify.forget()
        self._tell(f"begin {point} {nth}")
        await self._heard("began")
        self._end = asyncio.create_task(self._heard("ended"))

    async def _heard(self, word: str) -> int:
        assert self.process.stdout is not None
        said, _, number = (await self.process.stdout.readline()).decode().strip().partition(" ")
        if said != word:
            raise RuntimeError(f"the zygote said {said!r} where {word!r} was due")
        return int(number)

    def send(self, number: signal.Signals) -> None:
        self._tell(f"signal {number.value}")

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def end(self) -> int:
        """The exit status of the life, or minus the signal that killed it; waits for it."""
        assert self._end is not None
        return await asyncio.shield(self._end)

    async def within(self, seconds: float) -> bool:
        """Whether the life ends by then."""
        assert self._end is not None
        done, _ = await asyncio.wait((self._end,), timeout=seconds)
        return bool(done)

    async def ready(self) -> bool:
        """Waits for READY; false where the life ends before it."""
        assert self._end is not None
        word = asyncio.create_task(self.notify.word("READY=1"))
        done, _ = await asyncio.wait(
            (word, self._end), timeout=START_S, return_when=asyncio.FIRST_COMPLETED
        )
        word.cancel()
        if not done:
            raise RuntimeError("the server did not start in time")
        return word in done


@asynccontextmanager
async def living(market: Market) -> AsyncIterator[Lives]:
    with notifies.listening(market.folder / "notify") as notify:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.zygote"),
            *(str(market.config_path), str(market.server_log)),
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(market.folder / "notify")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield Lives(process, notify)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
