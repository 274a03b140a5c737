"""The sandbox as a program: until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import yaml

from aggregator import dialects
from aggregator.dialects import BUILTIN, Dialect, build_all
from aggregator.sandbox.panel import PanelSettings
from aggregator.sandbox.server import SandboxServer


def builtin_dialect(name: str) -> Dialect:
    """One of the dialects that come with the program; KeyError where there is none."""
    folder = resources.files(dialects)
    forms = {each: yaml.safe_load((folder / f"{each}.yaml").read_text()) for each in BUILTIN}
    built, _ = build_all(forms)
    return built[name]


async def run_sandbox(
    port: int,
    dialect: str = "standard",
    *,
    settings: PanelSettings | None = None,
    log_path: Path | None = None,
    strict: bool = False,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serves until SIGTERM or SIGINT. ``on_ready`` is given the URL of the API."""
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    speaks = builtin_dialect(dialect)
    server = SandboxServer(speaks, settings, port=port, log_path=log_path, strict=strict)
    async with server:
        on_ready(server.url)
        await told_to_stop.wait()
