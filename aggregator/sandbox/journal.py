"""The accept log: what the panel bought, on disk before the buyer hears of it.

The ground truth that crash and fault tests join against. One JSON object a line,
appended, flushed and fsynced; adds that arrive together share one fsync.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


class Journal:
    """``add`` a record at any time, then await ``durable`` before answering."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")
        self._pending: list[bytes] = []
        self._flushing: asyncio.Task[None] | None = None

    def add(self, record: Mapping[str, object]) -> None:
        self._pending.append(orjson.dumps(record) + b"\n")

    async def durable(self) -> None:
        """Returns once everything added so far is on disk."""
        while self._pending or self._flushing:
            if self._flushing is None:
                lines, self._pending = self._pending, []
                self._flushing = asyncio.create_task(self._flush(lines))
            await asyncio.shield(self._flushing)

    async def _flush(self, lines: list[bytes]) -> None:
        try:
            await asyncio.to_thread(self._write, b"".join(lines))
        finally:
            self._flushing = None

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Every accepted add in order; a last line that a crash cut off is left out."""
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]
