"""Six pretend panels here, and the configuration by which a server elsewhere sells them.

The panels live in this process, outlast every death of the server, and write down
each add that they accepted before they answer it: the ground truth.
"""

import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aggregator import config
from aggregator.core import pricing
from aggregator.sandbox import KEY, Fault, PanelSettings, Rule, SandboxServer, builtin_dialect
from aggregator.store import resellers, short_reading, short_transaction
from aggregator.store.tx import Row
from aggregator.store.verify import verify
from benchmarks.house import HOST, free_port

DIALECTS = (
    "standard",
    "smmxcel",
    "smmowner",
    "socialmediapanels",
    "smmgulf",
    "cheapsmmpanel",
)
SERVICES = range(1, len(DIALECTS) + 1)
DRIPFEED = 1  # the service that is also sold in runs
MONEY = "1000000"
BACKLOG = 4096

# Every way in which a panel goes wrong. What it says is true: where it refuses, it did
# nothing, and where it did something it does not refuse.
KINDS: tuple[Rule, ...] = (
    Rule(Fault.DROP_BEFORE),
    Rule(Fault.DROP_AFTER),
    Rule(Fault.HANG, seconds=1.0),
    Rule(Fault.SLOW, seconds=0.3),
    Rule(Fault.CUT_BODY),
    Rule(Fault.CUT_BODY, content_length=False),
    Rule(Fault.SERVER_ERROR),
    Rule(Fault.SERVER_ERROR, status=502, processed=True),
    Rule(Fault.SERVER_ERROR, status=503, text="Service temporarily unavailable"),
    Rule(Fault.SERVER_ERROR, text="Internal server error", processed=True),
    Rule(Fault.HTML),
    Rule(Fault.HTML, status=403, processed=False),
    Rule(Fault.WRONG_JSON),
    Rule(Fault.REFUSE, text="Something went wrong", processed=True),
    Rule(Fault.REFUSE, text="Incorrect link"),
    Rule(Fault.REFUSE, text="You have active order with this link. Please wait."),
    Rule(Fault.REFUSE, text="Not enough funds on balance"),
    Rule(Fault.REFUSE, text="Quantity less than minimal 10"),
    Rule(Fault.REFUSE, text="Invalid API key"),
    Rule(Fault.REFUSE, text="A text that nobody knows"),
    Rule(Fault.RATE_LIMIT),
    Rule(Fault.REDIRECT),
    Rule(Fault.REDIRECT, status=302, processed=True),
)


def faults(share: float) -> list[Rule]:
    """Rules by which ``share`` of all requests goes wrong, each kind as often as another."""
    rules = []
    for struck, rule in enumerate(KINDS):
        left = 1 - share * struck / len(KINDS)  # the first rule that applies wins
        values = {name: getattr(rule, name) for name in rule.__slots__}
        rules.append(Rule(**(values | {"probability": share / len(KINDS) / left})))
    return rules


@dataclass(frozen=True, slots=True)
class Market:
    """``key`` is the reseller's."""

    folder: Path
    panels: dict[str, SandboxServer]
    port: int
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/api/v2"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def server_log(self) -> Path:
        return self.folder / "server.log"

    def set_faults(self, share: float) -> None:
        for panel in self.panels.values():
            panel.set_fault(*(faults(share) if share else ()))

    def look(self, sql: str) -> Sequence[Row]:
        loaded = config.load(self.config_path, {})
        with short_reading(loaded.server.database, loaded.setup.policy) as tx:
            return tx.all(sql)

    def verified(self) -> list[str]:
        """What ``ledger verify`` finds wrong."""
        loaded = config.load(self.config_path, {})
        with short_reading(loaded.server.database, loaded.setup.policy) as tx:
            return verify(tx)


@asynccontextmanager
async def opened(folder: Path, seed: int = 1, **settings: Any) -> AsyncIterator[Market]:
    """Panels, a configuration, and a database with a reseller who has enough money."""
    async with AsyncExitStack() as stack:
        panels = {
            name: await stack.enter_async_context(_panel(folder, name, seed)) for name in DIALECTS
        }
        port = free_port()
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(_configuration(panels, port) | settings))
        loaded = config.load(path, {})
        with short_transaction(loaded.server.database, loaded.setup.policy) as tx:
            now_ms = time.time_ns() // 1_000_000
            key = resellers.add(tx, "shop", now_ms)
            resellers.credit(tx, "shop", pricing.parse_micros(MONEY), "evidence", now_ms)
        yield Market(folder, panels, port, key)


def _panel(folder: Path, name: str, seed: int) -> SandboxServer:
    settings = PanelSettings(balance=MONEY, stage_s=0.5, max_step=5, seed=seed)
    return SandboxServer(builtin_dialect(name), settings, log_path=folder / f"{name}.jsonl")


def _configuration(panels: dict[str, SandboxServer], port: int) -> dict[str, object]:
    return {
        "listen": f"{HOST}:{port}",
        "admin_listen": None,
        "database": "aggregator.db",
        "status_ttl": "1s",
        "limits": {"failed_auth": None},
        "providers": {
            name: {"url": panel.url, "key": KEY, "dialect": name, "currency": "USD"}
            for name, panel in panels.items()
        },
        "services": {number: _service(number) for number in SERVICES},
    }


def _service(number: int) -> dict[str, object]:
    """Every other one in three ways, so that a refusal finds a next route; the rest in one,
    so that it finds the queue."""
    turned = DIALECTS[number - 1 :] + DIALECTS[: number - 1]
    names = list(dict.fromkeys((*turned[:2], "standard", turned[2])))
    names = names[:3] if number % 2 else names[:1]
    return {
        "name": f"Followers {number}",
        "category": "Things",
        "rate": "1.111",
        "min": 10,
        "max": 10_000,
        "cancel": names != ["cheapsmmpanel"],  # which cannot
        "dripfeed": number == DRIPFEED,
        "routes": [{"provider": name, "service": 1} for name in names],
    }


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket to be handed to a server; who connects meanwhile waits in its backlog."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen(BACKLOG)
        yield opened
