"""Doubts settled end to end: a real server, a real store, real sockets, a panel that fails.

``python -m benchmarks.doubts_real --doubts 200 --seed 1``

The world of the server runs on a clock that the program turns, so that the minutes of
settling pass in a moment; all else is as in production: ``add`` through the desk, the
upstream client over HTTP, the job that settles. A share of the adds is lost by faults of
the sandbox, bought or not; then sales go on until every doubt is decided. In the end the
sandbox's log of what it accepted is set against what we decided: a doubt adopted under
an ID that it did not get, or called not placed though it was accepted, is *wrong*.
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from aggregator import config
from aggregator.actions import Desk, World
from aggregator.background import Doubts, cures, polling, queue
from aggregator.core.messages import Command
from aggregator.core.model import State
from aggregator.sandbox import Fault, Rule
from aggregator.store import SqliteStore, by_hand, open_store
from aggregator.store.tx import Row
from aggregator.upstream import UpstreamClient
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.house import House, opened

PAST = 60  # adds before the first doubt: they prove the panel's habits
QUANTITIES = tuple(range(100, 1100, 50))
WAVE = 6  # doubts at most, before the next begin
SELL_EVERY_S = 15
TURN_S = 5
WAVE_S = 1_200  # of the turned clock: an order not decided by then is left to a person

# How an answer is lost, and whether the panel has bought by then.
LOSSES = (
    Rule(Fault.DROP_BEFORE, "add"),
    Rule(Fault.DROP_AFTER, "add"),
    Rule(Fault.CUT_BODY, "add"),
    Rule(Fault.HTML, "add"),
    Rule(Fault.SERVER_ERROR, "add"),
    Rule(Fault.SERVER_ERROR, "add", status=502, processed=True),
    Rule(Fault.WRONG_JSON, "add"),
    Rule(Fault.REFUSE, "add", text="Something went wrong", processed=True),
)


class TurnedClock:
    """Goes on only when it is turned."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


@dataclass(slots=True)
class Life:
    """A server's world while it sells, loses answers and settles. ``lost``: order -> link."""

    house: House
    world: World
    desk: Desk
    doubts: Doubts
    clock: TurnedClock
    dice: random.Random
    lost: dict[int, str] = field(default_factory=dict)
    by_person: set[int] = field(default_factory=set)
    sold: int = 0

    async def buy(self, quantity: int, rule: Rule | None = None) -> int:
        """One order, placed or in doubt when this returns; a second passes."""
        self.sold += 1
        link = f"https://x.example/{self.sold}"
        self.house.panel.set_fault(*([rule] if rule else []))
        command = Command("add", {"service": "1", "link": link, "quantity": str(quantity)})
        added = await self.desk.carry_out(self.house.key, command, None, "127.0.0.1")
        while self.world.tasks:
            await asyncio.wait(set(self.world.tasks))
        self.house.panel.set_fault()
        self.clock.ms += 1_000
        order_id = int(added.order)  # type: ignore[union-attr]
        if (await self.world.store.orders([order_id]))[order_id].state is State.IN_DOUBT:
            self.lost[order_id] = link
        return order_id

    async def past(self) -> None:
        for _ in range(PAST):
            await self.buy(10)
        self.clock.ms += 3_600_000
        await polling.poll(self.world)

    async def wave(self, many: int) -> None:
        """So many doubts, some alike, and sales until all of them are decided."""
        for _ in range(many):
            quantity = self.dice.choice(QUANTITIES)
            await self.buy(quantity, self.dice.choice(LOSSES))
            for _ in range(self.dice.randint(1, 2)):  # else the breaker would stop sales
                await self.buy(self.dice.choice((20, 30)))
        until_ms, next_ms = self.clock.ms + WAVE_S * 1000, 0
        while self.clock.ms < until_ms and await self._undecided():
            if self.clock.ms >= next_ms:
                next_ms = self.clock.ms + SELL_EVERY_S * 1000
                await self.buy(self.dice.choice((20, 30, 40)))
            await self.doubts.settle()
            await cures.look(self.world)
            await queue.advance(self.world)
            self.clock.ms += TURN_S * 1000

    async def person(self) -> None:
        """An operator looks into the panel and settles what was left: as long as it is
        open, a doubt stays a rival of all that are like it."""
        accepted = {record["params"]["link"]: record["order"] for record in self.house.panel.log()}
        orders = await self.world.store.orders(list(self.lost))
        for one in orders.values():
            if one.state is State.IN_DOUBT:
                self.by_person.add(one.id)
                theirs = accepted.get(self.lost[one.id])
                act: dict[str, Any] = {"order_id": one.id, "note": "", "now_ms": self.clock.ms}
                if theirs is None:
                    script = partial(by_hand.resolve_not_placed, **act)
                else:
                    script = partial(by_hand.resolve_placed, upstream_order_id=theirs, **act)
                await self.world.store.write(script)  # type: ignore[attr-defined]

    async def _undecided(self) -> bool:
        rows = await self.world.store.rows(  # type: ignore[attr-defined]
            "SELECT 1 FROM orders WHERE state = 'in_doubt' AND needs_person = 0 LIMIT 1"
        )
        return bool(rows)


@asynccontextmanager
async def living(house: House, seed: int) -> AsyncIterator[Life]:
    """What ``bootstrap`` builds, on a clock that is turned."""
    loaded: config.Loaded = house.loaded
    clock = TurnedClock()
    store = await open_store(loaded.server.database, loaded.setup.policy)
    assert isinstance(store, SqliteStore)
    async with UpstreamClient(loaded.setup.providers, loaded.setup.dialects, clock) as upstream:
        world = World(store, upstream, clock, loaded.setup, f"boot{seed}")
        doubts = Doubts(world, store)
        await doubts.load(world.setup)
        yield Life(house, world, Desk(world), doubts, clock, random.Random(seed))
        await world.finish(10)
    await store.close()


async def run(doubts: int, seed: int) -> Findings:
    findings = Findings("doubts_real", seed)
    providers_settings = {"exclusive_account": True, "slack": 20, "in_doubt_deadline": "240h"}
    with watched(findings):
        async with opened() as house:
            _declare(house, providers_settings)
            house.credit(1_000_000_000)
            async with living(house, seed) as life:
                await life.past()
                while len(life.lost) < doubts:
                    many = life.dice.randint(1, min(WAVE, doubts - len(life.lost)))
                    await life.wave(many)
                    await life.person()
            _judge(findings, house, life)
    return findings


def _declare(house: House, settings: dict[str, object]) -> None:
    """The operator's word about the panel, and its price."""
    path = Path(house.folder / "config.yaml")
    document = yaml.safe_load(path.read_text())
    document["providers"]["panel"] |= settings
    document["services"][1]["routes"][0]["cost"] = "0.90"
    path.write_text(yaml.safe_dump(document))


def _judge(findings: Findings, house: House, life: Life) -> None:
    """Sets what was decided against what the panel had accepted."""
    lost = {one: link for one, link in life.lost.items() if one not in life.by_person}
    accepted: dict[str, list[str]] = {}
    for record in house.panel.log():
        accepted.setdefault(record["params"]["link"], []).append(record["order"])
    rows = {row["id"]: row for row in house.look("SELECT * FROM orders")}
    tally: Counter[str] = Counter()
    for order_id, link in lost.items():
        tally[_verdict(rows[order_id], accepted.get(link, []))] += 1
    _swaps(tally, rows, lost, accepted)
    tally["person"] = len(life.by_person)
    wrong = tally["wrong: adopted"] + tally["wrong: not placed"]
    findings.equal("doubts decided wrongly", wrong, 0)
    twice = sum(len(orders) > 1 for orders in accepted.values())
    findings.equal("orders bought twice", twice, 0)
    findings.equal("ledger", house.verified(), [])
    findings.figures = {
        "doubts": len(life.lost),
        "wrong": wrong,
        **{name: tally[name] for name in ("adopted", "adopted, swapped", "not placed", "person")},
        **{f"share {name}": f"{tally[name] / len(life.lost):.0%}" for name in SHARES},
        "sold": len(rows),
    }


SHARES = ("adopted", "not placed", "person")


def _verdict(row: Row, accepted: Sequence[str]) -> str:
    if row["state"] == State.CANCELED:
        return "wrong: not placed" if accepted else "not placed"
    if row["upstream_order_id"] in accepted:
        return "adopted"
    return "wrong: adopted" if not accepted else "swapped?"


def _swaps(
    tally: Counter[str], rows: dict[int, Row], lost: dict[int, str], accepted: dict[str, list[str]]
) -> None:
    """Two alike, both bought, may stand under each other's ID: nobody can tell, and the
    money is the same. Any other ID is wrong."""
    of_order = {accepted[link][0]: one for one, link in lost.items() if accepted.get(link)}
    for order_id, link in lost.items():
        theirs = rows[order_id]["upstream_order_id"]
        if _verdict(rows[order_id], accepted.get(link, [])) != "swapped?":
            continue
        other = of_order.get(theirs)
        alike = other is not None and rows[other]["units"] == rows[order_id]["units"]
        tally["adopted, swapped" if alike else "wrong: adopted"] += 1


def main() -> int:
    arguments: argparse.ArgumentParser = parser(__doc__)
    arguments.add_argument("--doubts", type=int, default=200)
    asked = arguments.parse_args()
    return conclude(asyncio.run(run(asked.doubts, asked.seed)))


if __name__ == "__main__":
    sys.exit(main())
