"""What ours stands on in a figure: a configuration, a database, a reseller with money."""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from aggregator import config
from aggregator.store import resellers, short_transaction
from benchmarks import serving
from benchmarks.bench.processes import SERVER_CORES, Listening, module, on
from benchmarks.evidence import ROOT
from benchmarks.house import free_port

RESELLER = "shop"
MONEY_MICROS = 10**15
KEPT = ROOT / ".build"  # on a disk, where a temporary directory might be in memory
PROVIDERS = tuple(f"p{number}" for number in range(1, 6))


@dataclass(slots=True)
class Ground:
    """``settings`` goes over the configuration; ``database`` None: a new one in ``folder``."""

    folder: Path
    panel_port: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    database: Path | None = None
    port: int = field(default_factory=free_port)
    key: str = field(default="", repr=False)

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    def prepare(self) -> None:
        """Writes the configuration; makes a reseller where there is no key yet."""
        text = yaml.safe_dump({**self._configuration(), **self.settings})
        self.config_path.write_text(text)
        if not self.key:
            now_ms = time.time_ns() // 1_000_000
            policy = config.load(self.config_path, {}).setup.policy
            with short_transaction(str(self._path), policy) as tx:
                self.key = resellers.add(tx, RESELLER, now_ms)
                resellers.credit(tx, RESELLER, MONEY_MICROS, "bench", now_ms)

    @property
    def _path(self) -> Path:
        return self.database or self.folder / "aggregator.db"

    def _configuration(self) -> Mapping[str, Any]:
        return {
            "listen": f"127.0.0.1:{self.port}",
            "admin_listen": None,
            "database": str(self._path),
            "currency": "USD",
            "providers": {name: self._provider(name) for name in PROVIDERS},
            "services": {
                number: service(f"Followers {number}", provider)
                for number, provider in enumerate(PROVIDERS, 1)
            },
        }

    def _provider(self, name: str) -> Mapping[str, Any]:
        # As many calls at once as there are connections: the baseline knows no bound either.
        url = f"http://127.0.0.1:{self.panel_port}/{name}/api/v2"
        return {"url": url, "key": "k" * 32, "dialect": "standard", "concurrency": 64}

    def body(self, action: str, **params: str) -> str:
        return urlencode({"key": self.key, "action": action, **params}, safe="#,")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Listening]:
        """``aggregator serve``, from READY to its end."""
        async with serving.prepared(self.config_path) as server:
            with on(SERVER_CORES):
                await server.start()
            assert server.process is not None
            yield Listening(server.process.pid, self.port)
            await server.stop()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one round."""
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=KEPT) as folder:
        yield Path(folder)


@asynccontextmanager
async def panel() -> AsyncIterator[Listening]:
    port = free_port()
    async with module("panel", port, str(port)) as behind:
        yield behind


def service(name: str, provider: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "category": "Things",
        "rate": "0.90",
        "min": 10,
        "max": 10_000,
        "routes": [{"provider": provider, "service": "1"}],
    }
