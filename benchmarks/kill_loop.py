"""An order is never placed twice and never lost, whatever dies at whatever moment.

``python -m benchmarks.kill_loop --kills 1000 --seed 1``

The real server is killed with SIGKILL and started anew, while clients buy, ask and
cancel, and 5 % of the panels' answers go wrong in every way there is. Half of the
deaths come at a random moment (of the start, too), the others at a named step of an
order's walk (``zygote.POINTS``). The panels live on. In the end a last life works the
queue off and is stopped gracefully, and then three things are joined: what the
clients were told, what the panels wrote down as accepted, and our database.

Violations: an acknowledged order that is lost; two upstream orders for one of ours; an
upstream order that we know neither as placed nor as in doubt; two orders of ours for
one request ID; an order ID given twice; a repeat answered otherwise than the first
time; an order still sending after a graceful stop; a life that ends by itself; a
ledger that does not verify.
"""

import asyncio
import signal
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from time import perf_counter

import uvloop

from benchmarks import market as markets
from benchmarks import shoppers
from benchmarks.evidence import Findings, conclude, parser
from benchmarks.joined import Joined
from benchmarks.lives import Lives, living
from benchmarks.market import Market
from benchmarks.zygote import POINTS

STOP_S = 60.0
MANY = 500  # kills, after which each point has been passed unless the rig is out of date
WORKED_OFF_S = 15.0  # what then still waits in the queue does so for an open doubt
LIVES_S = (0.02, 0.35)  # how long a life lasts that is ended at a random moment
BIRTH_S = 0.12  # within this time after its beginning, if it is not to see READY
POINT_S = 1.0  # a named point that is not passed by then is given up


async def run(
    kills: int, seed: int, *, clients: int = 16, share: float = 0.05, keep: Path | None = None
) -> Findings:
    """``share``: of the panels' answers, how many go wrong. ``keep``: a folder that stays."""
    findings, began = Findings("kill_loop", seed), perf_counter()
    with tempfile.TemporaryDirectory(prefix="kill-loop-") as temporary:
        folder = keep or Path(temporary)
        rng = Random(seed)
        async with (
            markets.opened(folder, seed) as market,
            living(market) as lives,
            shoppers.opened(market, rng) as shop,
        ):
            market.set_faults(share)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as visits:
                for _ in range(clients):
                    visits.create_task(shop.visit(stop))
                deaths = await _killed(lives, kills, rng, findings)
                took = perf_counter() - began
                market.set_faults(0)
                await lives.begin()
                await lives.ready()
                stop.set()
            await _worked_off(market)
            await _stopped(lives, findings)
            _judge(findings, market, shop)
    if kills >= MANY:
        findings.violations += [f"never died at {point}" for point in POINTS if not deaths[point]]
    findings.seconds = round(perf_counter() - began, 1)
    findings.figures = {
        "kills": kills,
        "kills per second": round(kills / took, 2),
        "kills at": dict(sorted(deaths.items())),
        "faults": share,
        **{name: shop.tally[name] for name in sorted(shop.tally)},
        **findings.figures,
    }
    return findings


async def _killed(lives: Lives, kills: int, rng: Random, findings: Findings) -> Counter[str]:
    """Lives and deaths. How many died where."""
    deaths: Counter[str] = Counter()
    while deaths.total() < kills:
        point = rng.choice(POINTS) if rng.random() < 0.5 else "-"
        in_birth = point == "-" and rng.random() < 0.2
        await lives.begin(point, 1 if "recovery" in point else rng.randint(1, 6))
        if in_birth:
            await lives.within(rng.uniform(0, BIRTH_S))
        elif await lives.ready():
            await lives.within(POINT_S if point != "-" else rng.uniform(*LIVES_S))
        by_itself = await lives.within(0)
        if not by_itself:
            lives.send(signal.SIGKILL)
        status = await lives.end()
        if status != -signal.SIGKILL or (by_itself and point == "-"):
            findings.violations.append(f"a life ended by itself, with status {status}")
        deaths[point if by_itself else "start" if in_birth else "random"] += 1
    return deaths


async def _worked_off(market: Market) -> None:
    """Nothing waits or is under way any more; or so much time has passed that it will not."""
    open_orders = "SELECT count(*) AS n FROM orders WHERE state IN ('queued', 'sending')"
    with suppress(TimeoutError):
        async with asyncio.timeout(WORKED_OFF_S):
            while (await asyncio.to_thread(market.look, open_orders))[0]["n"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # another process works them off


async def _stopped(lives: Lives, findings: Findings) -> None:
    lives.send(signal.SIGTERM)
    in_time = await lives.within(STOP_S)
    findings.check(in_time, "a graceful stop took too long")
    if in_time:
        findings.equal("exit status of a graceful stop", await lives.end(), 0)


def _judge(findings: Findings, market: Market, shop: shoppers.Shop) -> None:
    joined = Joined.of(market)
    findings.figures |= joined.figures()
    findings.violations += shop.violations
    findings.violations += joined.violations(shop.book)
    findings.violations += market.verified()


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=1000)
    arguments.add_argument("--clients", type=int, default=16)
    arguments.add_argument("--faults", type=float, default=0.05, help="share of wrong answers")
    arguments.add_argument("--keep", type=Path, help="an empty folder for all that was written")
    told = arguments.parse_args()
    work = run(told.kills, told.seed, clients=told.clients, share=told.faults, keep=told.keep)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # cleans up
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return conclude(runner.run(work))


if __name__ == "__main__":
    sys.exit(main())
