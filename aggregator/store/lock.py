"""The lock file of a database: one server at a time.

The lock is the kernel's (``flock``), so it goes away with the process that holds
it, however that dies; the file stays, and what is written in it is only told.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from aggregator.store.exceptions import InUse, Unreachable


class DatabaseLock:
    """Held from ``DatabaseLock(path)`` until ``release``, or the end of the process."""

    def __init__(self, database: Path) -> None:
        """InUse where another process holds it; Unreachable where it cannot be made."""
        self._path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unreachable(database=database, cause=f"{self._path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 100).decode(errors="replace").strip() or "unknown process"
            os.close(self._file)
            raise InUse(holder=holder, database=database, lock=self._path) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
