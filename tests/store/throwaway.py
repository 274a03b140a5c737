"""A PostgreSQL server for one test session, where its programs are found."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65_534
# Nothing of it outlives the session: it need not reach the disk.
_OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=50"


class NoServer(Exception):
    """Why there is none."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that is stopped and removed in the end. NoServer."""
    programs = _programs()
    drop = _dropping_root()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path must be
    try:
        if drop:
            os.chown(folder, _NOBODY, _NOBODY)
        data = folder / "data"
        making = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        _run(drop, programs / "initdb", "-D", data, *making)
        control = [programs / "pg_ctl", "-D", data, "-w"]
        log = ["-l", folder / "log"]
        _run(drop, *control, *log, "-o", f"-k {folder} {_OPTIONS}", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run(drop, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoServer("no programs of PostgreSQL were found")


def _dropping_root() -> list[str]:
    """What makes a command run as nobody; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise NoServer("PostgreSQL does not run as root, and there is no setpriv")
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


def _run(drop: list[str], *command: object) -> None:
    done = subprocess.run(
        [*drop, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would stay open in the server
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise NoServer(f"{Path(str(command[0])).name} ended with {done.returncode}")
