"""Nothing that an operator can cause ends in a traceback."""

import os
import pty
import select
import signal
import sqlite3
import subprocess
from contextlib import suppress
from functools import partial

import pytest

from tests.cli.support import Desk


def told(desk: Desk, *args: str, **environ: str) -> tuple[int, str]:
    """Exit status and standard error of a real process."""
    ran = subprocess.run(
        desk.command(*args), env={**desk.environ, **environ}, capture_output=True, check=False
    )
    assert b"Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stderr.decode(errors="replace")


def test_a_terminal_of_another_encoding(shop: Desk) -> None:
    """What the terminal's encoding lacks is shown by its code."""
    shop.write(lambda tx: tx.run("UPDATE resellers SET name = 'löwe 🦁'"))
    shop.placed("1", reseller="löwe 🦁")
    for args in (("reseller", "list"), ("orders", "list"), ("orders", "show", "1")):
        assert told(shop, *args, PYTHONIOENCODING="ascii") == (0, "")


@pytest.mark.parametrize("config", ["/", "/nowhere/config.yaml", "/dev/null/config.yaml"])
def test_a_configuration_that_cannot_be_read(desk: Desk, config: str) -> None:
    """A path that leads to no file is told with it."""
    status, said = told(desk, "orders", "list", AGGREGATOR_CONFIG=config)
    assert status in (1, 2)
    assert config in said


def test_bytes_that_are_no_text(desk: Desk) -> None:
    """A configuration in another encoding is a mistake with its place."""
    desk.config_path.write_bytes(b"\xff\xfe" + "currency: USD".encode("utf-16-le"))
    assert told(desk, "check")[0] == 2


def test_a_locked_database(shop: Desk) -> None:
    """A database that somebody keeps locked is told to be so, and nothing is done."""
    lock = sqlite3.connect(shop.folder / "aggregator.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        status, said = told(shop, "reseller", "credit", "shop", "1")
    finally:
        lock.close()
    assert status == 1
    assert "locked for too long: nothing was written" in said
    assert shop.available() == 10_000_000


def test_a_damaged_database(shop: Desk) -> None:
    """A database full of noise is told to be damaged."""
    path = shop.folder / "aggregator.db"
    content = bytearray(path.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    path.write_bytes(content)
    for args in (("reseller", "list"), ("reseller", "credit", "shop", "1"), ("ledger", "verify")):
        assert told(shop, *args)[0] == 1


def test_a_directory_in_its_place(desk: Desk) -> None:
    """A path that is a directory is no database."""
    (desk.folder / "aggregator.db").mkdir()
    for args in (("reseller", "list"), ("reseller", "add", "shop")):
        status, said = told(desk, *args)
        assert (status, "aggregator.db" in said) == (1, True)


def test_control_c(shop: Desk) -> None:
    """Who interrupts a question has answered it with no."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        shop.command("reseller", "credit", "shop", "5"),
        env=shop.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # Whoever is run in the background has been told to ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    screen = b""
    with suppress(OSError):  # how a terminal says that nobody writes to it any more
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.2)[0]:
                screen += os.read(ours, 4096)
            if screen.endswith(b"[y/N]: "):
                process.send_signal(signal.SIGINT)
    os.close(ours)
    assert process.wait() == 1
    assert b"Aborted!" in screen
    assert b"Traceback" not in screen
    assert shop.available() == 10_000_000
