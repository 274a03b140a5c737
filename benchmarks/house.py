"""The real server with a pretend panel behind it, over sockets, for as long as a run lasts.

The server runs in this process, built by ``bootstrap.running`` from a YAML file on a
database in a temporary directory; it may be stopped and started again on the same
address. The panel is the sandbox, which keeps its own log of what it accepted.
"""

import asyncio
import random
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from aggregator import bootstrap, config
from aggregator.actions import World
from aggregator.core import pricing
from aggregator.sandbox import KEY, PanelSettings, SandboxServer, builtin_dialect
from aggregator.store import resellers, short_reading, short_transaction
from aggregator.store.tx import Row
from aggregator.store.verify import verify

HOST = "127.0.0.1"
RESELLER = "shop"
QUANTITY = 137
RATE = "1.111"
CHARGE = pricing.charge(pricing.parse_micros(RATE), QUANTITY, per_order=False)
BAD_LINK = "refused-link"  # within a link: the panel says "Incorrect link"
PATIENCE_S = 60.0
PANEL = PanelSettings(stage_s=None, balance="1000000")


@dataclass(slots=True)
class House:
    """``key`` is the reseller's; ``retries`` counts the requests that had to be repeated."""

    folder: Path
    panel: SandboxServer
    port: int
    key: str = field(default="", repr=False)
    retries: int = 0

    @property
    def database(self) -> str:
        return str(self.folder / "aggregator.db")

    @property
    def loaded(self) -> config.Loaded:
        return config.load(self.folder / "config.yaml", {})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[World]:
        """The server, from when it listens until it has stopped as SIGTERM would stop it."""
        async with bootstrap.running(self.loaded) as world:
            yield world

    def credit(self, micros: int) -> None:
        """As ``reseller credit`` does: beside the server, if it runs."""
        with short_transaction(self.database, self.loaded.setup.policy) as tx:
            resellers.credit(tx, RESELLER, micros, "evidence", _now_ms())

    def look(self, sql: str) -> Sequence[Row]:
        with short_reading(self.database, self.loaded.setup.policy) as tx:
            return tx.all(sql)

    def verified(self) -> list[str]:
        """What ``ledger verify`` finds wrong."""
        with short_reading(self.database, self.loaded.setup.policy) as tx:
            return verify(tx)

    async def ask(
        self, http: aiohttp.ClientSession, action: str, *, stubborn: bool = False, **params: str
    ) -> bytes:
        """The body of the answer. ``stubborn``: asks again where no answer came, as a
        client with a request ID may."""
        data = {"key": self.key, "action": action, **params}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(*((aiohttp.ClientError, OSError) if stubborn else ())):
                    async with http.post(f"http://{HOST}:{self.port}/api/v2", data=data) as answer:
                        return await answer.read()
                self.retries += 1
                await asyncio.sleep(0.1)


@asynccontextmanager
async def opened(panel_settings: PanelSettings = PANEL, **settings: Any) -> AsyncIterator[House]:
    """A panel, a configuration, and a database with a reseller who has no money yet."""
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        async with SandboxServer(builtin_dialect("standard"), panel_settings) as panel:
            house = House(Path(folder), panel, free_port())
            text = yaml.safe_dump({**_configuration(house), **settings})
            (house.folder / "config.yaml").write_text(text)
            with short_transaction(house.database, house.loaded.setup.policy) as tx:
                house.key = resellers.add(tx, RESELLER, _now_ms())
            yield house


def _configuration(house: House) -> Mapping[str, object]:
    service = {
        "name": "Followers",
        "category": "Things",
        "rate": RATE,
        "min": 10,
        "max": 10_000,
        "routes": [{"provider": "panel", "service": "1"}],
    }
    return {
        "listen": f"{HOST}:{house.port}",
        "admin_listen": None,
        "database": house.database,
        "providers": {"panel": {"url": house.panel.url, "key": KEY, "currency": "USD"}},
        "services": {1: service},
    }


def free_port() -> int:
    """Below those that the system gives to clients: none of ours may take it meanwhile."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port


def session() -> aiohttp.ClientSession:
    """As many connections at once as there are requests."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def idle(world: World) -> None:
    """Returns once no order is under way any more."""
    async with asyncio.timeout(PATIENCE_S):
        while world.tasks:
            await asyncio.wait(set(world.tasks))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
