"""A graceful restart fails no request.

``python -m benchmarks.restarts --restarts 50 --rate 200 --seed 1``

The real server is stopped with SIGTERM and started anew, while clients send ``rate``
requests a second: half of them over connections that they keep, half over fresh ones;
``add``, ``status`` and ``balance``. The listening socket belongs to this program and is
handed to each process, as a socket unit of systemd would do it.

How it is counted. A request has failed if it did not get one whole answer, with HTTP
status 200 and no error in it. No client repeats anything, and there is no excuse: one
that was written to a kept connection just as the server closed it counts as failed,
too, and so would a refused connection. In the end the orders are joined with the
panels' logs as in ``kill_loop``; after graceful stops none may be in doubt.
"""

import asyncio
import json
import signal
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import aiohttp
import uvloop

from benchmarks import market as markets
from benchmarks import serving
from benchmarks.evidence import Findings, conclude, parser
from benchmarks.joined import Joined
from benchmarks.market import Market
from benchmarks.serving import Server
from benchmarks.shoppers import Purchase

BETWEEN_S = 0.5  # from when what had waited is answered to the next SIGTERM
KEPT = 64  # connections; a client's pool is bounded, else it would be hundreds after each stop
CAUGHT_UP_S = 20.0
_TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(slots=True)
class Traffic:
    """Requests at a fixed rate, whatever the server does."""

    market: Market
    rng: Random
    book: dict[str, Purchase] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    placed: list[int] = field(default_factory=list)
    waiting: int = 0

    async def caught_up(self, few: int) -> None:
        """Returns once only ``few`` requests are under way; what waited has been answered."""
        with suppress(TimeoutError):  # the machine is too slow for this rate: go on
            async with asyncio.timeout(CAUGHT_UP_S):
                while self.waiting > few:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # another process answers them

    async def flow(self, rate: int, connections: int, stop: asyncio.Event) -> None:
        """Until ``stop``, and then until each request has been answered."""
        kept = aiohttp.TCPConnector(limit=connections, keepalive_timeout=15)
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=kept, timeout=_TIMEOUT) as keeping,
            aiohttp.ClientSession(connector=fresh, timeout=_TIMEOUT) as opening,
            asyncio.TaskGroup() as requests,
        ):
            began, number = perf_counter(), 0
            while not stop.is_set():
                session, way = (opening, "fresh") if number % 2 else (keeping, "kept")
                requests.create_task(self._request(session, way, number))
                number += 1
                await asyncio.sleep(max(0, began + number / rate - perf_counter()))

    async def _request(self, session: aiohttp.ClientSession, way: str, number: int) -> None:
        params = self._chosen(number)
        self.sent[way] += 1
        self.waiting += 1
        began = perf_counter()
        try:
            data = {"key": self.market.key, **params}
            async with session.post(self.market.url, data=data) as answer:
                body = await answer.read()
                said = json.loads(body)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self.failed.append(f"{params['action']} ({way}): {type(error).__name__}: {error}")
            return
        finally:
            self.waiting -= 1
            self.seconds.append(perf_counter() - began)
        if answer.status != 200 or "error" in said:
            self.failed.append(f"{params['action']} ({way}): {answer.status} {body!r}")
        else:
            self._heard(params, said)

    def _heard(self, params: dict[str, str], said: Any) -> None:
        """An answer without an error."""
        if "link" in params:
            self.placed.append(int(said["order"]))
            self.book[params["link"]] = Purchase(params["link"], params, int(said["order"]))

    def _chosen(self, number: int) -> dict[str, str]:
        deed = self.rng.choices(("add", "status", "balance"), (2, 3, 5))[0]
        if deed == "balance" or (deed == "status" and not self.placed):
            return {"action": "balance"}
        if deed == "status":
            return {"action": "status", "order": str(self.rng.choice(self.placed[-200:]))}
        service = str(self.rng.choice(markets.SERVICES))
        link = f"https://social.example/p/{number}"
        return {"action": "add", "service": service, "link": link, "quantity": "100"}


@dataclass(slots=True)
class Stops:
    """How long each restart took: from SIGTERM to the end, from there to READY."""

    stopping: list[float] = field(default_factory=list)
    starting: list[float] = field(default_factory=list)

    async def restart(self, server: Server, findings: Findings) -> None:
        began = perf_counter()
        findings.equal("exit status", await server.stop(), 0)
        self.stopping.append(perf_counter() - began)
        began = perf_counter()
        await server.start()
        self.starting.append(perf_counter() - began)


async def run(restarts: int, rate: int, seed: int, *, connections: int = KEPT) -> Findings:
    """``connections``: how many are kept at most."""
    findings, began = Findings("restarts", seed), perf_counter()
    stops = Stops()
    with tempfile.TemporaryDirectory(prefix="restarts-") as folder:
        async with markets.opened(Path(folder), seed) as market:
            traffic = Traffic(market, Random(seed))
            with markets.listening(market.port) as inherited:
                async with serving.prepared(market.config_path, inherited) as server:
                    await server.start()
                    stop = asyncio.Event()
                    flow = asyncio.create_task(traffic.flow(rate, connections, stop))
                    for _ in range(restarts):
                        await traffic.caught_up(rate // 10)
                        await asyncio.sleep(BETWEEN_S)
                        await stops.restart(server, findings)
                    stop.set()
                    await flow
                    findings.equal("exit status", await server.stop(signal.SIGTERM), 0)
            joined = Joined.of(market)
            findings.violations += traffic.failed
            findings.violations += joined.violations(traffic.book)
            findings.violations += market.verified()
            orders = joined.figures()
    findings.equal("orders in doubt", orders["in doubt"], 0)
    findings.seconds = round(perf_counter() - began, 1)
    findings.figures = _figures(restarts, rate, traffic, stops) | orders
    return findings


def _figures(restarts: int, rate: int, traffic: Traffic, stops: Stops) -> dict[str, object]:
    waits = sorted(traffic.seconds)
    return {
        "restarts": restarts,
        "requests": traffic.sent.total(),
        "kept connections": traffic.sent["kept"],
        "fresh connections": traffic.sent["fresh"],
        "requests a second": rate,
        "failed": len(traffic.failed),
        "median ms": round(waits[len(waits) // 2] * 1000, 1),
        "longest ms": round(waits[-1] * 1000),
        "stop s (longest)": round(max(stops.stopping), 2),
        "start s (longest)": round(max(stops.starting), 2),
    }


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--restarts", type=int, default=50)
    arguments.add_argument("--rate", type=int, default=200, help="requests a second")
    told = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # cleans up
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return conclude(runner.run(run(told.restarts, told.rate, told.seed)))


if __name__ == "__main__":
    sys.exit(main())
