"""The demo's house: five pretend panels in this process, the real server in another.

Everything lies in one temporary directory, and goes with it.
"""

import asyncio
import json
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from aggregator.cli.demo.errands import Errand
from aggregator.cli.opening import load, now_ms, writing
from aggregator.cli.sandbox import SEEDS
from aggregator.core import pricing
from aggregator.sandbox import KEY, PanelSettings, SandboxServer, builtin_dialect
from aggregator.store import resellers

RESELLER = "shop"
MONEY = "25"
CHEAP_FACE = "/cheap/api/v2"  # answers clients that were written for such a panel
STAGE_S = 1.2  # how long a panel's order stays in each of its stages
_START_S = 30.0
_STOP_S = 20.0
_LONGEST_LINE = 1 << 20  # of the server's log


class Failed(Exception):
    """The demo did not go as it should; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class House:
    """``key`` is the reseller's."""

    folder: Path
    panels: Mapping[str, SandboxServer]
    url: str
    key: str

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"


@asynccontextmanager
async def opened(errands: Sequence[Errand]) -> AsyncIterator[House]:
    """Panels, a database with a reseller in it, and the server, until the context ends."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aggregator-demo-")))
        panels = {name: await stack.enter_async_context(_panel(name)) for name in SEEDS}
        config_path = folder / "config.yaml"
        config_path.write_text(_configuration(panels, errands))
        key = _reseller(config_path)
        url = await stack.enter_async_context(serving(folder))
        yield House(folder, panels, url, key)


def _panel(name: str) -> SandboxServer:
    settings = PanelSettings(
        stage_s=STAGE_S,
        first_order_id=1000 + secrets.randbelow(9000),
        max_step=5,
        own_dripfeed_ids=name == "smmowner",  # its drip-feeds are asked after by their type
    )
    return SandboxServer(builtin_dialect(name), settings)


def _configuration(panels: Mapping[str, SandboxServer], errands: Sequence[Errand]) -> str:
    config = {
        "listen": "127.0.0.1:0",
        "admin_listen": None,
        "database": "aggregator.db",
        "status_ttl": "250ms",
        "faces": {"/api/v2": "standard", CHEAP_FACE: "cheapsmmpanel"},
        "providers": {
            name: {"url": panel.url, "key": KEY, "dialect": name} for name, panel in panels.items()
        },
        "services": {errand.service: errand.configured() for errand in errands},
    }
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _reseller(config_path: Path) -> str:
    with writing(load(config_path), create=True) as tx:
        key = resellers.add(tx, RESELLER, now_ms())
        resellers.credit(tx, RESELLER, pricing.parse_micros(MONEY), "the demo's money", now_ms())
    return key


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """``aggregator serve`` with the ``config.yaml`` there, until the context ends: its URL.

    Where it listens is what its log says first; the log is kept in ``server.log``.
    """
    command = (sys.executable, "-m", "aggregator", "serve", "-c", str(folder / "config.yaml"))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=_LONGEST_LINE,
    )
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    keeping = asyncio.create_task(_keep_log(process, folder / "server.log", address))
    try:
        yield f"http://{await _told(address)}"
    finally:
        await _stopped(process)
        await keeping


async def _told(address: "asyncio.Future[str]") -> str:
    try:
        async with asyncio.timeout(_START_S):
            return await address
    except TimeoutError:
        raise Failed(f"the server did not start within {_START_S:g} s") from None


async def _keep_log(
    process: asyncio.subprocess.Process, path: Path, address: "asyncio.Future[str]"
) -> None:
    assert process.stdout is not None
    said = b""
    with path.open("wb", buffering=0) as log:
        async for line in process.stdout:
            log.write(line)
            if not address.done():
                said += line
                if found := _listening(line):
                    address.set_result(found)
    if not address.done():
        words = said.decode(errors="replace").strip()
        address.set_exception(Failed(f"the server did not start. It said:\n{words}"))


def _listening(line: bytes) -> str | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return str(said["address"]) if said.get("event") == "listening" else None


async def _stopped(process: asyncio.subprocess.Process) -> None:
    """Asked to end, and made to if it does not."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
