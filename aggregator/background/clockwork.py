"""Runs jobs at their intervals. A job that fails is logged and runs again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """``work`` runs at once when the clockwork starts, then every ``every_s``,
    counted from its own end: it never overlaps itself."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]


class Clockwork:
    """An async context: the jobs run inside it, and are stopped at its end."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Clockwork":
        self._tasks = [asyncio.create_task(_run(job), name=job.name) for job in self._jobs]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(job: Job) -> None:
    while True:
        try:
            await job.work()
        except Exception:
            log.exception("job_failed", job=job.name)
        await asyncio.sleep(job.every_s)
