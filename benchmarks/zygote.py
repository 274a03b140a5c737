"""Starts ``aggregator serve`` again and again within milliseconds, rigged to die.

``python -m benchmarks.zygote CONFIG LOG`` loads the program once. Each line on its
standard input forks a life of the server: ``begin POINT NTH``, where POINT is one of
POINTS or ``-``; the process kills itself with SIGKILL when it passes that point for
the NTH time. ``signal NUMBER`` sends the living one a signal. It answers ``began PID``
and ``ended STATUS``, the exit status or minus the signal's number, and it ends, with
the life that is under way, when its standard input does.

What lives is the program itself, as the command line starts it. Only here, outside of
the package, are some of its functions wrapped.
"""

import asyncio
import contextvars
import functools
import gc
import os
import select
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import uvloop  # noqa: F401  # loaded once, for every life

from aggregator import bootstrap, cli  # noqa: F401  # likewise
from aggregator.store import sqlite
from aggregator.store.sqlite import SqliteStore
from aggregator.upstream.line import Line
from aggregator.upstream.wire import Wire

POINTS = (
    "before_tx1",  # nothing is known of the order
    "before_commit",  # written, and not yet durable
    "after_commit",  # durable, and nobody has been told
    "after_tx1",
    "before_write",  # connected, and not a byte sent
    "written",  # the request has left
    "answer_begun",  # its answer's head is here
    "answer_read",
    "before_tx2",
    "after_tx2",
    "before_queue",  # an order leaves the queue
    "after_queue",
    "before_recovery",
    "after_recovery",
)

Reached = Callable[[str], None]


def rig(point: str, nth: int) -> None:
    """Wraps the steps of an order so that this process dies at ``point``."""
    passed = count(1)

    def reached(name: str) -> None:
        if name == point and next(passed) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    for method, what in (
        ("open_order", "tx1"),
        ("close_attempt", "tx2"),
        ("start_queued", "queue"),
        ("recover", "recovery"),
    ):
        setattr(SqliteStore, method, _around(getattr(SqliteStore, method), what, reached))
    sqlite.transaction = _committing(sqlite.transaction, reached)
    _rig_upstream(reached)


def _around(method: Callable[..., Any], what: str, reached: Reached) -> Callable[..., Any]:
    @functools.wraps(method)
    async def rigged(*args: Any, **kwargs: Any) -> Any:
        reached(f"before_{what}")
        result = await method(*args, **kwargs)
        reached(f"after_{what}")
        return result

    return rigged


def _committing(transaction: Callable[..., Any], reached: Reached) -> Callable[..., Any]:
    @contextmanager
    def rigged(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[Any]:
        writes = begin == "BEGIN IMMEDIATE"
        with transaction(connection, begin) as tx:
            yield tx
            if writes:
                reached("before_commit")
        if writes:
            reached("after_commit")

    return rigged


def _rig_upstream(reached: Reached) -> None:
    """``may_send`` is the package's own question right before an add is written."""
    asked = SqliteStore.may_send
    buys = contextvars.ContextVar("buys", default=False)
    adding: WeakKeyDictionary[Line, bool] = WeakKeyDictionary()
    post, ask, heard = Wire.post, Line.ask, Line.data_received

    async def rigged_post(*args: Any, buying: bool = False, **kwargs: Any) -> Any:
        buys.set(buying)
        reply = await post(*args, buying=buying, **kwargs)
        if buying:
            reached("answer_read")
        return reply

    async def rigged_ask(line: Line, *args: Any) -> Any:
        adding[line] = buys.get()
        if adding[line]:
            _in_turns(3, functools.partial(reached, "written"))  # the bytes are in the kernel
        return await ask(line, *args)

    def rigged_heard(line: Line, data: bytes) -> None:
        if adding.get(line):
            reached("answer_begun")
        heard(line, data)

    def may_send(store: SqliteStore) -> bool:
        reached("before_write")
        return asked(store)

    Wire.post, Line.ask, Line.data_received = rigged_post, rigged_ask, rigged_heard
    SqliteStore.may_send = may_send


def _in_turns(turns: int, call: Callable[[], None]) -> None:
    """After so many turns of the loop."""
    then = functools.partial(_in_turns, turns - 1, call) if turns > 1 else call
    asyncio.get_running_loop().call_soon(then)


def main(config_path: str, log_path: str) -> None:
    gc.freeze()  # what is loaded stays shared between the lives
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    life: int | None = None
    while line := _next_line(commands, life):
        if line == b"ended":
            life = None
            continue
        word, *rest = line.decode().split()
        if word == "begin":
            life = _begin(config_path, log_path, rest[0], int(rest[1]))
        elif life is not None:
            signal.pidfd_send_signal(life, int(rest[0]))
    if life is not None:
        signal.pidfd_send_signal(life, signal.SIGKILL)


def _next_line(commands: Any, life: int | None) -> bytes:
    """The next command; ``ended`` when the life has, which is then told; empty: the end."""
    ready, _, _ = select.select([commands] if life is None else [life, commands], [], [])
    if life not in ready:
        return bytes(commands.readline())
    assert life is not None
    ended = os.waitid(os.P_PIDFD, life, os.WEXITED)
    os.close(life)
    assert ended is not None
    killed = ended.si_code != os.CLD_EXITED
    _tell(f"ended {-ended.si_status if killed else ended.si_status}")
    return b"ended"


def _begin(config_path: str, log_path: str, point: str, nth: int) -> int:
    """Forks one life of the server; a descriptor of its process."""
    pid = os.fork()
    if pid == 0:
        _live(config_path, log_path, point, nth)
    _tell(f"began {pid}")
    return os.pidfd_open(pid)


def _live(config_path: str, log_path: str, point: str, nth: int) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    status = 70
    try:
        rig(point, nth)
        cli.main(["serve", "-c", config_path], prog_name="aggregator", standalone_mode=True)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
