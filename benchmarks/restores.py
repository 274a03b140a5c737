"""Databases lost at random moments and put back from random backups: what is found again.

``python -m benchmarks.restores --restores 100 --seed 1``

A server's world, on a real database and over real sockets, sells at a panel whose IDs rise
by more than our orders, loses an answer now and then, and is backed up while it sells. Then
its database is lost, and one of the last backups is put in its place: by then orders have
been bought that nobody here knows. A new world starts on it, and must sell nothing before
it has looked for them. All lives share one panel, whose log of what it accepted is the
truth. In the end of each

* no order ID was given out that any life had given out before;
* nothing was sent before the search had ended, and no order was ever bought twice;
* every order that the panel accepted is known: as an order's, or as a find;
* the ledger verifies.

The clock is turned by the program, so that the seconds between two questions pass at once.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aggregator.actions import Desk, World
from aggregator.background import Doubts, Restores, cures, queue
from aggregator.core.messages import Command
from aggregator.core.model import State
from aggregator.sandbox import PanelSettings, Rule
from aggregator.store import SqliteStore, backup, open_store, restores, restoring
from aggregator.upstream import UpstreamClient
from benchmarks.doubts_real import LOSSES, TurnedClock
from benchmarks.evidence import Findings, conclude, parser, watched
from benchmarks.house import HOST, House, opened

KEPT = 4  # backups, any of which may be put back
BUY_EVERY_MS = 10_000
TURNS = 2_000  # of the search, at most
FATES = ("kept", "damaged", "gone")  # of a database, when a backup takes its place
MONEY = 10_000_000_000


@dataclass(slots=True)
class History:
    """What all lives of the database have in common. ``given``: every order ID that a
    reseller was told, with the link he bought for."""

    house: House
    dice: random.Random
    findings: Findings
    clock: TurnedClock = field(default_factory=TurnedClock)
    given: dict[int, str] = field(default_factory=dict)
    backups: list[Path] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)

    def accepted(self) -> dict[str, str]:
        """Their order ID -> the link that it was bought for."""
        return {record["order"]: record["params"]["link"] for record in self.house.panel.log()}


@dataclass(slots=True)
class Life:
    """The database between two losses, with the world on it."""

    history: History
    store: SqliteStore
    world: World
    desk: Desk
    doubts: Doubts
    restores: Restores

    async def buy(self, rule: Rule | None = None) -> int:
        """The order's ID, once its outcome is known."""
        history = self.history
        link = f"https://x.example/{len(history.given)}"
        history.house.panel.set_fault(*([rule] if rule else []))
        quantity = str(history.dice.randrange(10, 2_000))
        command = Command("add", {"service": "1", "link": link, "quantity": quantity})
        added = await self.desk.carry_out(history.house.key, command, None, HOST)
        order_id = int(added.order)  # type: ignore[union-attr]
        history.findings.check(order_id not in history.given, f"order ID {order_id} given twice")
        history.given[order_id] = link
        await self._landed()
        history.house.panel.set_fault()
        history.clock.ms += BUY_EVERY_MS
        return order_id

    async def sell(self, many: int) -> None:
        """Some answers are lost, but not two in a row, or the breaker would end sales."""
        for number in range(many):
            lost = number % 2 and self.history.dice.random() < 0.2
            await self.buy(self.history.dice.choice(LOSSES) if lost else None)
            await self.doubts.settle()
            await cures.look(self.world)

    async def search(self) -> None:
        """An order is asked for meanwhile, and must wait."""
        history, before = self.history, len(self.history.accepted())
        waiting = await self.buy()
        state = (await self.world.store.orders([waiting]))[waiting].state
        history.findings.check(state is State.QUEUED, f"order {waiting} did not wait: {state}")
        for _ in range(TURNS):
            await self.restores.turn()
            if not self.world.doubtful.closed:
                break
            await queue.advance(self.world)
            await self._landed()
            history.clock.ms += 2_000
            history.tally["turns"] += 1
        sent = len(history.accepted()) - before
        history.findings.equal("orders sent before the search had ended", sent, 0)
        await queue.advance(self.world)
        await self._landed()
        history.clock.ms += BUY_EVERY_MS
        await self.sell(2)
        for _ in range(TURNS):
            await self.restores.turn()
            marked = await self.store.read(restores.marked)
            if marked is not None and marked.ended:
                return
            await self.doubts.settle()
            history.clock.ms += 2_000
        history.findings.violations.append("a search that did not end")

    async def known(self) -> tuple[set[str], set[str]]:
        """Their IDs of our orders, and of finds."""
        ours = await self.store.rows("SELECT upstream_order_id FROM attempts")
        found = await self.store.read(restores.foundlings)
        return {row["upstream_order_id"] for row in ours}, {
            row["upstream_order_id"] for row in found
        }

    async def judge(self, before: set[str]) -> None:
        """``before``: what was known when this life began."""
        history, findings = self.history, self.history.findings
        ours, found = await self.known()
        doubts = await self.store.rows("SELECT link FROM orders WHERE state = 'in_doubt'")
        doubted = {row["link"] for row in doubts}
        accepted = history.accepted()
        for number, link in accepted.items():
            if number not in ours | found and link not in doubted:
                findings.violations.append(f"{number} was bought and is not known")
        for number in found - accepted.keys():
            findings.violations.append(f"{number} was found and never bought")
        for link, times in Counter(accepted.values()).items():
            findings.check(times == 1, f"bought {times} times: {link}")
        history.tally["found"] += len(found - before)

    async def _landed(self) -> None:
        while self.world.tasks:
            await asyncio.wait(set(self.world.tasks))

    async def back_up(self, name: str) -> None:
        """While it sells."""
        target = self.history.house.folder / name
        policy = self.world.setup.policy
        database = Path(self.history.house.database)
        copying = asyncio.to_thread(backup.back_up, database, target, policy, lambda *_: None)
        await asyncio.gather(copying, self.sell(3))
        self.history.backups.append(target)


@asynccontextmanager
async def living(history: History, boot_id: str) -> AsyncIterator[Life]:
    """What ``bootstrap`` builds, on a clock that is turned."""
    loaded, clock = history.house.loaded, history.clock
    store = await open_store(loaded.server.database, loaded.setup.policy)
    assert isinstance(store, SqliteStore)
    async with UpstreamClient(loaded.setup.providers, loaded.setup.dialects, clock) as upstream:
        world = World(store, upstream, clock, loaded.setup, boot_id)
        doubts, search = Doubts(world, store), Restores(world, store)
        await doubts.load(loaded.setup)
        await search.load()
        try:
            yield Life(history, store, world, Desk(world), doubts, search)
        finally:
            await world.finish(10)
            await store.close()


async def run(count: int, seed: int) -> Findings:
    findings = Findings("restores", seed)
    with watched(findings):
        settings = PanelSettings(stage_s=None, balance="100000000", max_step=7, seed=seed)
        async with opened(panel_settings=settings) as house:
            _declare(house)
            house.credit(MONEY)
            history = History(house, random.Random(seed), findings)
            await _lived(history, count)
            findings.equal("ledger", house.verified(), [])
            findings.figures = {
                "restores": count,
                "orders given out": len(history.given),
                "bought upstream": len(history.accepted()),
                "unknown after a restore": history.tally["unknown"],
                "found": history.tally["found"],
                "turns of the search": history.tally["turns"],
                **{f"databases {fate}": history.tally[fate] for fate in FATES},
            }
    return findings


async def _lived(history: History, count: int) -> None:
    async with living(history, "boot0") as life:
        await life.sell(history.dice.randrange(10, 40))
        await life.back_up("0.db")
        await life.sell(history.dice.randrange(60))
    for number in range(1, count + 1):
        _lose(history)
        async with living(history, f"boot{number}") as life:
            before = set[str]().union(*await life.known())
            history.tally["unknown"] += len(history.accepted().keys() - before)
            await life.search()
            await life.judge(before)
            await life.sell(history.dice.randrange(5))
            await life.back_up(f"{number}.db")
            await life.sell(history.dice.randrange(60))


def _lose(history: History) -> None:
    """The database is not wanted any more, is damaged, or is gone; a backup takes its place."""
    database = Path(history.house.database)
    fate = history.dice.choice(FATES)
    if fate == "damaged":
        database.write_bytes(history.dice.randbytes(100_000))
    elif fate == "gone":
        database.unlink()
    history.tally[fate] += 1
    policy = history.house.loaded.setup.policy
    source = history.dice.choice(history.backups[-KEPT:])
    restoring.put_back(database, source, policy, history.clock.ms, lambda *_: None)


def _declare(house: House) -> None:
    """The operator's word about the panel, and its price."""
    path = house.folder / "config.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    declared = {"exclusive_account": True, "slack": 20, "in_doubt_deadline": "240h"}
    document["providers"]["panel"] |= declared
    document["services"][1]["routes"][0]["cost"] = "0.90"
    path.write_text(yaml.safe_dump(document))


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--restores", type=int, default=100)
    asked = arguments.parse_args()
    return conclude(asyncio.run(run(asked.restores, asked.seed)))


if __name__ == "__main__":
    sys.exit(main())
