"""`aggregator demo`: the whole program, end to end."""

import asyncio
import os
import re
import signal
from pathlib import Path

from tests.cli.support import Desk


def environ(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


async def test_demo_ends_well(desk: Desk) -> None:
    """Without a terminal it ends by itself with 0, its books in order, nothing left behind."""
    process = await asyncio.create_subprocess_exec(
        *desk.command("demo"),
        env=environ(desk.folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    assert "The ledger verifies" in said
    for what in ("Completed", "Partial", "refill completed", "a cancel is asked for", "refund"):
        assert what in said
    assert "\x1b" not in said
    assert list(desk.folder.iterdir()) == [desk.config_path]


async def test_demo_stays_until_ctrl_c(desk: Desk) -> None:
    """With --keep it runs on, and what it says can be tried, until Ctrl-C cleans up."""
    process = await asyncio.create_subprocess_exec(
        *desk.command("demo", "--keep"),
        env=environ(desk.folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = ""
    while "server's log" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    verify = re.search(r"aggregator (ledger verify -c \S+)", said)
    assert verify is not None
    assert "The ledger verifies" in desk.run(*verify[1].split()).stdout
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0
    assert list(desk.folder.iterdir()) == [desk.config_path]
