"""A reload fails no request, and no request sees half of each configuration.

``python -m benchmarks.reloads --reloads 1000 --rate 100 --seed 1``

The real server is a process of its own, told to reload by SIGHUP, while clients send
``rate`` requests a second. Every other configuration has a mistake in it. Each of the
others is a *version* with names, prices and routes of its own, a provider that the one
before did not have, and another face.

How it is counted. A request has failed if it did not get one whole answer, with HTTP
status 200 and no error in it. It has mixed two versions if the services it listed are not
all of one version, at that version's prices; an order has, if its price or the provider of
one of its attempts is another than its revision's. After each reload ``/readyz`` must say
the revision in use, and whether the reload was taken.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import aiohttp
import uvloop
import yaml

from aggregator import config
from aggregator.core import pricing
from benchmarks import market as markets
from benchmarks import serving
from benchmarks.evidence import Findings, conclude, parser
from benchmarks.house import HOST, free_port
from benchmarks.joined import Joined
from benchmarks.market import DIALECTS, SERVICES, Market
from benchmarks.restarts import Traffic
from benchmarks.serving import Server

CONNECTIONS = 32
BETWEEN_S = 0.1  # from one reload to the next, on average
_PLACED = """
SELECT orders.id, orders.service_id, orders.rate_micros, orders.config_revision, attempts.provider
FROM orders LEFT JOIN attempts ON attempts.order_id = orders.id WHERE parent_id IS NULL
"""


def rate(version: int) -> str:
    return f"{1 + version / 10_000:.4f}"


def provider(version: int, service: int) -> str:
    return DIALECTS[(version + service) % len(DIALECTS)]


def good(base: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The configuration of a version."""
    services = {
        number: {
            "name": f"Followers of {version}",
            "category": "Things",
            "rate": rate(version),
            "min": 10,
            "max": 10_000,
            "routes": [{"provider": provider(version, number), "service": 1}],
        }
        for number in SERVICES
    }
    spare = {f"spare{version}": {**base["providers"]["standard"], "key": f"key of {version}"}}
    known = {
        name: {**one, "concurrency": 8 + version % 4} for name, one in base["providers"].items()
    }
    return {
        **base,
        "providers": known | spare,
        "services": services,
        "faces": {"/api/v2": "standard", f"/version{version}": "smmgulf"},
    }


def wrong(base: Mapping[str, Any], version: int, which: int) -> str | None:
    """A version's text with a mistake in it; None: there is no file at all."""
    made = good(base, version)
    match which % 6:
        case 0:
            return yaml.safe_dump(made) + "services: [\n"
        case 1:
            made["services"][1]["routes"][0]["provider"] = "nobody"
        case 2:
            made["currency"] = "EUR"  # which only the database knows to be a mistake
        case 3:
            made["services"][2]["rate"] = "cheap"
        case 4:
            made["nonsense"] = True
        case _:
            return None
    return yaml.safe_dump(made)


@dataclass(slots=True)
class Shoppers(Traffic):
    """``versions``: how many of them were seen in lists of services."""

    versions: set[int] = field(default_factory=set)

    def _chosen(self, number: int) -> dict[str, str]:
        if number % 4 == 0:
            return {"action": "services"}
        return Traffic._chosen(self, number)  # super() knows no class with slots

    def _heard(self, params: dict[str, str], said: Any) -> None:
        if params["action"] != "services":
            Traffic._heard(self, params, said)
            return
        rows: Sequence[Mapping[str, Any]] = said
        version = int(rows[0]["name"].rpartition(" ")[2])
        expected = [(f"Followers of {version}", rate(version))] * len(SERVICES)
        if [(row["name"], row["rate"]) for row in rows] != expected:
            self.failed.append(f"mixed: {rows}")
        self.versions.add(version)


@dataclass(slots=True)
class Operator:
    """Writes configurations and has them read. ``in_use``: the version that should be."""

    path: Path
    server: Server
    base: Mapping[str, Any]
    ready_url: str
    findings: Findings
    in_use: int = 0
    revisions: dict[str, int] = field(default_factory=dict)  # to their versions
    seconds: list[float] = field(default_factory=list)

    def write(self, version: int) -> None:
        self._put(yaml.safe_dump(good(self.base, version)))
        self.revisions[config.load(self.path, {}).setup.revision] = version
        self.in_use = version

    def _put(self, text: str | None) -> None:
        """All or nothing, as an editor does it."""
        if text is None:
            self.path.unlink()
            return
        beside = self.path.with_name("config.new")
        beside.write_text(text)
        beside.rename(self.path)

    async def reload(self, number: int, http: aiohttp.ClientSession) -> None:
        taken = number % 2 == 1
        if taken:
            self.write(number)
        else:
            self._put(wrong(self.base, number, number // 2))
        assert self.server.process is not None
        self.server.notify.heard.clear()
        began = perf_counter()
        self.server.process.send_signal(signal.SIGHUP)
        await self.server.notify.word("READY=1")
        self.seconds.append(perf_counter() - began)
        self.findings.equal("words", self.server.notify.heard[0], "RELOADING=1")
        async with http.get(self.ready_url) as answer:
            said = await answer.json()
        found = self.revisions.get(said["revision"]), said["ready"], said["reload"]["ok"]
        self.findings.equal(f"reload {number}", found, (self.in_use, True, taken))


async def run(reloads: int, rate_s: int, seed: int, *, connections: int = CONNECTIONS) -> Findings:
    """``rate_s``: requests a second."""
    findings, began = Findings("reloads", seed), perf_counter()
    with tempfile.TemporaryDirectory(prefix="reloads-") as folder:
        async with markets.opened(Path(folder), seed) as market:
            shoppers = Shoppers(market, Random(seed))
            operator = await _reloaded(market, shoppers, findings, reloads, rate_s, connections)
            _judge(market, operator, findings)
            joined = Joined.of(market)
            findings.violations += shoppers.failed
            findings.violations += joined.violations(shoppers.book)
            findings.violations += market.verified()
    findings.seconds = round(perf_counter() - began, 1)
    waits, pauses = sorted(shoppers.seconds), sorted(operator.seconds)
    findings.figures = {
        "reloads": reloads,
        "refused": reloads // 2,
        "requests": shoppers.sent.total(),
        "failed": len(shoppers.failed),
        "versions seen": len(shoppers.versions),
        "requests a second": rate_s,
        "median ms": round(waits[len(waits) // 2] * 1000, 1),
        "longest ms": round(waits[-1] * 1000),
        "reload ms (median)": round(pauses[len(pauses) // 2] * 1000, 1),
        **joined.figures(),
    }
    return findings


async def _reloaded(
    market: Market,
    shoppers: Shoppers,
    findings: Findings,
    reloads: int,
    rate_s: int,
    connections: int,
) -> Operator:
    base = yaml.safe_load(market.config_path.read_text()) | {
        "admin_listen": f"{HOST}:{free_port()}"
    }
    ready_url = f"http://{base['admin_listen']}/readyz"
    async with serving.prepared(market.config_path) as server, aiohttp.ClientSession() as http:
        operator = Operator(market.config_path, server, base, ready_url, findings)
        operator.write(0)
        await server.start()
        stop = asyncio.Event()
        flow = asyncio.create_task(shoppers.flow(rate_s, connections, stop))
        for number in range(1, reloads + 1):
            await operator.reload(number, http)
            await asyncio.sleep(2 * BETWEEN_S * shoppers.rng.random())
            await shoppers.caught_up(rate_s)
        operator.write(reloads + 1)  # the last may have been a wrong one
        stop.set()
        await flow
        findings.equal("exit status", await server.stop(), 0)
    return operator


def _judge(market: Market, operator: Operator, findings: Findings) -> None:
    """Each order's price and provider are those of its revision."""
    for row in market.look(_PLACED):
        version = operator.revisions[row["config_revision"]]
        expected = pricing.parse_micros(rate(version)), provider(version, row["service_id"])
        found = row["rate_micros"], row["provider"]
        findings.equal(f"order {row['id']} of version {version}", found, expected)


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--reloads", type=int, default=1000)
    arguments.add_argument("--rate", type=int, default=100, help="requests a second")
    told = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # cleans up
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return conclude(runner.run(run(told.reloads, told.rate, told.seed)))


if __name__ == "__main__":
    sys.exit(main())
