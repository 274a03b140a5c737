"""However often, in whatever order and on whatever way an end is told, it is settled once.

``python -m benchmarks.status_storm --deliveries 1000 --seed 1``

Every case of ``storm_cases`` is bought several times; then the provider's word on each
is delivered over and over, through the poller and through resellers' ``status`` calls
at the same time, in shuffled lists. Before the first answer, another server on the same
database asks for one that says "Canceled" and arrives last: it is old by then, and must
change nothing. In the end every order has cost what the table says, by one refund
where one answer told all, and the ledger verifies.

Real are the desk, the poller, the codec and the store; the socket is left out, and the
clock goes on by hand, a quarter of a day at a time.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from aggregator.actions import Desk, World
from aggregator.background import polling
from aggregator.core import pricing
from aggregator.core.health import Health
from aggregator.core.messages import Command, StatusAnswers
from aggregator.core.model import Kind, Order, Policy, Provider, Purchase, Route, Service
from aggregator.core.outcome import Outcome, Placed
from aggregator.dialects import Dialect, WireReply, decode_status
from aggregator.ports import Setup
from aggregator.store import open_store, resellers
from aggregator.store.scripted import ScriptedStore
from aggregator.store.verify import verify
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.storm_cases import CASES, POST, RUN, UNITS, Case, row

START_MS = 1_800_000_000_000
STEP_S = 22_000.0  # longer than an ended order is left alone
MONEY = 10**12
ADDRESS = "127.0.0.1"
LISTED = 100
LATE = row("Canceled", '"997"')
ASKS_EACH = 3  # resellers' questions after each order in each round
PATIENCE_S = 60.0

PURCHASES = {
    "normal": {"service": "1", "quantity": str(UNITS["normal"])},
    "package": {"service": "2"},
    "dripfeed": {"service": "1", "quantity": str(RUN), "runs": "3", "interval": "10"},
    "subscription": {
        "service": "3",
        "username": "somebody",
        "min": "10",
        "max": str(POST),
        "posts": "3",
        "delay": "0",
    },
}


class HandClock:
    ms = START_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


@dataclass(slots=True)
class Teller:
    """A provider that takes every order and says of it what its case says at this stage.

    ``held``: while it is there, questions are answered with LATE, once it is set;
    ``asked`` is released for each ID that such a question came in for.
    """

    rng: Random
    cases: dict[str, Case] = field(default_factory=dict)  # by their order ID
    expected: list[Case] = field(default_factory=list)  # in the order of buying
    told: Counter[str] = field(default_factory=Counter)
    stage: int = 0
    held: asyncio.Event | None = None
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        upstream_order_id = f"o{len(self.cases) + 1}"
        self.cases[upstream_order_id] = self.expected[len(self.cases)]
        return Placed(upstream_order_id)

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> StatusAnswers:
        name = "order" if len(ids) == 1 else "orders"
        if self.held is not None:
            rows = dict.fromkeys(ids, LATE)
            for _ in ids:
                self.asked.release()
            await self.held.wait()
        else:
            rows = {each: self._row(each) for each in ids}
            for _ in range(self.rng.randrange(4)):  # answers overtake one another
                await asyncio.sleep(0)
        pairs = ",".join(f'"{each}":{said}' for each, said in rows.items())
        reply = WireReply(200, f"{{{pairs}}}".encode())
        return decode_status(Dialect(), Command("status", {name: ",".join(ids)}, kind), reply)

    def _row(self, upstream_order_id: str) -> str:
        parent, _, child = upstream_order_id.partition("c")
        case = self.cases[parent]
        if child:
            return case.children[f"c{child}"]
        said = case.says[min(self.stage, len(case.says) - 1)]
        self.told[case.name] += said == case.says[-1]
        return said.replace("@", upstream_order_id)

    def batch_size(self, provider: str, action: str) -> int:
        return LISTED

    def health(self, provider: str) -> Health:
        return Health()


@dataclass(slots=True)
class Storm:
    world: World
    desk: Desk
    other: Desk  # of another server on the same database
    key: str
    teller: Teller
    clock: HandClock
    store: ScriptedStore
    orders: list[int] = field(default_factory=list)

    async def ask(self, action: str, **params: str) -> Any:
        return await self.desk.carry_out(self.key, Command(action, params), None, ADDRESS)

    async def buy(self, cases: Sequence[Case]) -> None:
        self.teller.expected = list(cases)
        for number, case in enumerate(cases):
            link = (
                {} if case.purchase == "subscription" else {"link": f"https://a.example/{number}"}
            )
            added = await self.ask("add", **PURCHASES[case.purchase], **link)
            self.orders.append(int(added.order))
            await asyncio.gather(*self.world.tasks)

    def questions(self, desk: Desk, times: int = 1) -> list[asyncio.Task[Any]]:
        """Resellers' questions after every order, in shuffled lists."""
        ids = self.orders * times
        self.teller.rng.shuffle(ids)
        lists = [ids[start : start + LISTED] for start in range(0, len(ids), LISTED)]
        commands = [Command("status", {"orders": ",".join(map(str, one))}) for one in lists]
        return [
            asyncio.create_task(desk.carry_out(self.key, one, None, ADDRESS)) for one in commands
        ]

    async def round(self) -> None:
        self.clock.ms += int(STEP_S * 1000)
        await asyncio.gather(polling.poll(self.world), *self.questions(self.desk, ASKS_EACH))


async def run(deliveries: int, copies: int, seed: int) -> Findings:
    """Each case bought ``copies`` times, and its last word delivered ``deliveries`` times
    at least, all copies together."""
    findings, rng = Findings("status_storm", seed), Random(seed)
    cases = [case for case in CASES for _ in range(copies)]
    rng.shuffle(cases)
    with watched(findings):
        async with _opened(rng) as storm:
            await storm.buy(cases)
            await _late_answers(storm)
            rounds = 1
            while rounds < 6 or min(storm.teller.told.values()) < deliveries:
                storm.teller.stage += 1
                await storm.round()
                rounds += 1
            await _judge(findings, storm, cases)
    findings.figures = {
        "cases": len(CASES),
        "orders": len(cases),
        "deliveries": storm.teller.told.total(),
        "fewest_of_a_case": min(storm.teller.told.values()),
        "rounds": rounds,
    }
    return findings


async def _late_answers(storm: Storm) -> None:
    """The first round, with answers that were asked for before it and arrive after it."""
    release = storm.teller.held = asyncio.Event()
    late = storm.questions(storm.other)
    async with asyncio.timeout(PATIENCE_S):
        for _ in storm.orders:
            await storm.teller.asked.acquire()
    storm.teller.held = None
    await storm.round()
    release.set()
    await asyncio.gather(*late)


async def _judge(findings: Findings, storm: Storm, cases: Sequence[Case]) -> None:
    orders = await storm.store.orders(storm.orders)
    refunds = await _refunds(storm.store)
    kept = 0
    for order_id, case in zip(storm.orders, cases, strict=True):
        order = orders[order_id]
        kept += case.cost(order.charge_micros)
        _judge_order(findings, order, case, refunds.get(order_id, []))
    charged = refunds.keys() - set(storm.orders)
    findings.check(not charged, f"children with money of their own: {sorted(charged)}")
    account = (await storm.store.rows("SELECT available_micros a, held_micros h FROM accounts"))[0]
    findings.equal("available and held", (account["a"], account["h"]), (MONEY - kept, 0))
    findings.violations += await storm.store.read(verify)


def _judge_order(findings: Findings, order: Order, case: Case, refunds: list[int]) -> None:
    expected = order.charge_micros - case.cost(order.charge_micros)
    found = (order.state.value, order.refunded_micros, sum(refunds))
    findings.equal(case.name, found, (case.state.value, expected, expected))
    findings.check(sum(refunds) <= order.charge_micros, f"{case.name}: more than the charge")
    findings.check(0 <= (order.remains or 0) <= order.units, f"{case.name}: shows {order.remains}")
    if case.at_once:
        findings.equal(f"{case.name}: refunds", len(refunds), int(expected > 0))


async def _refunds(store: ScriptedStore) -> dict[int, list[int]]:
    """By order: what each transfer to its reseller after the hold gave him or took."""
    found: dict[int, list[int]] = {}
    for moved in await store.rows(
        "SELECT t.order_id, e.amount_micros FROM transfers t JOIN entries e ON e.transfer_id = t.id"
        " WHERE t.kind NOT IN ('credit', 'hold', 'post') AND e.account LIKE '%/available'"
    ):
        found.setdefault(moved["order_id"], []).append(moved["amount_micros"])
    return found


@asynccontextmanager
async def _opened(rng: Random) -> AsyncIterator[Storm]:
    policy = Policy(status_ttl_s=0, watch_ended_s=10**9)
    with tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        store = await open_store(str(Path(folder) / "storm.db"), policy)
        try:
            key = await store.write(lambda tx: resellers.add(tx, "shop", START_MS))
            await store.write(lambda tx: resellers.credit(tx, "shop", MONEY, "storm", START_MS))
            teller, clock = Teller(rng), HandClock()
            world, other = (
                World(store, teller, clock, _setup(policy), boot)  # type: ignore[arg-type]
                for boot in ("storm", "other")
            )
            yield Storm(world, Desk(world), Desk(other), key, teller, clock, store)
            await asyncio.gather(world.finish(PATIENCE_S), other.finish(PATIENCE_S))
        finally:
            await store.close()


def _setup(policy: Policy) -> Setup:
    provider = Provider("gulf", "https://panel.example/api/v2", "key", "standard", "USD")
    services = [
        _service(1, "Default", "0.333337", dripfeed=True),
        _service(2, "Package", "1.237", cost_micros=410_000),
        _service(3, "Subscriptions", "0.770003"),
    ]
    by_id = {service.id: service for service in services}
    return Setup("r1", policy, {"gulf": provider}, {"standard": Dialect()}, by_id)


def _service(
    number: int, kind: str, rate: str, *, cost_micros: int | None = None, dripfeed: bool = False
) -> Service:
    return Service(
        id=number,
        name=kind,
        category="Things",
        type=kind,
        rate=rate,
        rate_micros=pricing.parse_micros(rate),
        min=1,
        max=10_000,
        dripfeed=dripfeed,
        routes=(Route("gulf", str(number), cost_micros=cost_micros),),
    )


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--deliveries", type=int, default=1000)
    options.add_argument("--copies", type=int, default=20)
    asked = options.parse_args()
    return conclude(asyncio.run(run(asked.deliveries, asked.copies, asked.seed)))


if __name__ == "__main__":
    sys.exit(main())
