"""After a restore: looks for what was bought since the backup, and only then sells again.

``core.restoring`` says what to ask; this carries it out, one question a turn and provider,
with the manners of ``core.scanning``. What is found is written down as foundlings: a
panel tells of an order neither link nor service, so nobody can say whose it is, but an
operator who looks into the panel. From then on their IDs count as ours, and no doubt is
taken for one of them.

How far it has come stands in the database; what was seen meanwhile is in memory, and
asked anew after a restart. Of several servers the leader asks, and all of them keep the
closed providers closed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from aggregator.actions import World
from aggregator.actions.refresh import refresh
from aggregator.background.doubts import BRACKET, CHILDREN_FOR_S, PROBE_FOR_S, RECENT
from aggregator.background.incidents import own_adds
from aggregator.core import evidence, restoring, scanning
from aggregator.core.incident import OwnAdd
from aggregator.core.model import Kind
from aggregator.core.restoring import ASKED, ENDED, UNDER_WAY, Progress, Stage, Trail
from aggregator.core.scanning import Manners, Scan, Sweep
from aggregator.store import doubts, restores
from aggregator.store.doubts import Past
from aggregator.store.scripted import ScriptedStore
from aggregator.store.tx import Tx

NOTHING_CLOSED = 2**53  # a moment since which no doubt was closed

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Search:
    """One provider's, in memory. ``trails``: by ID sequence, those that can be searched."""

    trails: dict[Kind, Trail] = field(default_factory=dict)
    scans: dict[Kind, Scan] = field(default_factory=lambda: defaultdict(Scan))
    manners: Manners = field(default_factory=Manners)
    begun: bool = False


class Restores:
    """``load`` before the first order is taken, then ``turn`` again and again."""

    def __init__(self, world: World, store: ScriptedStore) -> None:
        self._world = world
        self._store = store
        self._searches: dict[str, Search] = defaultdict(Search)
        self._over: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Closes what must be closed."""
        await self._look()

    async def turn(self) -> None:
        """Once every provider's search has ended there is nothing left to do here, until
        another one is configured."""
        providers = frozenset(self._world.setup.providers)
        if providers <= self._over:
            return
        pending = await self._look()
        if pending is None:
            self._over = providers
            return
        if not await self._store.leads():
            return
        if not pending:
            await self._store.write(restores.end)
        failed = await asyncio.gather(
            *(self._provider(*one) for one in pending.items()), return_exceptions=True
        )
        for error in failed:
            if isinstance(error, BaseException):
                log.error("restore_not_searched", exc_info=error)

    async def _look(self) -> dict[str, Progress] | None:
        """The searches that have not ended; closes and opens providers accordingly. None:
        there is nothing to look for at any of them."""
        providers = list(self._world.setup.providers)
        pending = await self._store.read(partial(restores.pending, providers=providers))
        self._world.doubtful.closed = {
            name: one.why or UNDER_WAY
            for name, one in (pending or {}).items()
            if one.stage is Stage.SCANNING
        }
        return pending

    async def _provider(self, name: str, known: Progress) -> None:
        search = self._searches[name]
        if search.manners.halted:
            if self._world.clock.now_ms() < search.manners.halted_at_ms + restoring.AGAIN_MS:
                return
            search.manners = replace(search.manners, halted="")
        if known.stage is Stage.SCANNING:
            await self._scan(name, known, search)
        else:
            await self._check(name, known, search)

    # -- before sales reopen

    async def _scan(self, name: str, known: Progress, search: Search) -> None:
        if not search.begun and not await self._begun(name, search):
            return
        for sequence, trail in search.trails.items():
            now_ms, slack = self._world.clock.now_ms(), self._world.setup.providers[name].slack
            sweep = restoring.next_sweep(trail, search.scans[sequence], slack, now_ms)
            if sweep is not None:
                if not await self._too_dear(name, known, sweep, trail.batch):
                    await self._ask(name, sequence, known, search, sweep, trail.batch)
                return
        reached = {kind: search.scans[kind].sweeps[-1].high for kind in search.trails}
        self._searches.pop(name)
        await self._reopened(name, Stage.CHECKING, ASKED, reached)

    async def _begun(self, name: str, search: Search) -> bool:
        """Where it begins; reopens at once where nothing can be found out."""
        past = await self._past(name)
        if past.broods:  # their children are known orders once they have named them
            parents = [order for order, _ in past.broods]
            await refresh(self._world, parents, timeout_s=CHILDREN_FOR_S)
        anchors = await self._store.read(partial(restores.low_anchors, provider=name))
        adds = own_adds(self._world, self._world.setup.providers[name], past.recent)
        placed = [one for one in adds if one.upstream_id is not None]
        search.trails = self._trails(name, placed, past, anchors)
        why = self._missing(name, search, past)
        if why:
            await self._reopened(name, Stage.IMPOSSIBLE, why)
            self._world.alert("restored_not_searched", provider=name, why=why)
        search.begun = not why
        return search.begun

    def _trails(
        self, name: str, placed: Sequence[OwnAdd], past: Past, anchors: Sequence[tuple[Kind, int]]
    ) -> dict[Kind, Trail]:
        world, found = self._world, {}
        batch = world.setup.dialect_of(name).batch_size("status")
        for sequence in dict.fromkeys(world.sequence(name, kind) for kind in Kind):
            mine = [one for one in placed if one.sequence is sequence]
            ids = [
                number
                for kind, text in past.first_ids
                if world.sequence(name, kind) is sequence
                and (number := evidence.number(text)) is not None
            ]
            lows = [low for kind, low in anchors if world.sequence(name, kind) is sequence]
            trail = restoring.trail(mine, ids, evidence.pace_per_hour(mine), batch, lows)
            if trail is not None and evidence.rise(mine):
                found[sequence] = trail
        return found

    def _missing(self, name: str, search: Search, past: Past) -> str:
        bought = any(row["upstream_order_id"] is not None for row in past.recent)
        known = next(iter(search.trails.values()), None)
        provider = self._world.setup.providers[name]
        return restoring.missing(provider, known, bought, past.not_exclusive)

    async def _too_dear(self, name: str, known: Progress, sweep: Sweep, batch: int) -> bool:
        """Whether it must be left to the operator to sell there again."""
        questions = restoring.questions(sweep, batch)
        if questions <= restoring.MOST_PROBES:
            return False
        why = f"searching it would take {questions} questions: see `aggregator restore --waive`"
        if known.why != why:
            stays = Progress(Stage.SCANNING, why, self._world.clock.now_ms())
            await self._store.write(partial(restores.put_progress, provider=name, made=stays))
            self._world.alert("restored_stays_closed", provider=name, why=why)
        return True

    async def _reopened(
        self, name: str, stage: Stage, why: str, reached: dict[Kind, int] | None = None
    ) -> None:
        made = Progress(stage, why, self._world.clock.now_ms(), reached or {})
        await self._store.write(partial(_moved, provider=name, made=made))
        log.info("restored_provider", provider=name, stage=stage.value, why=why)

    # -- after that

    async def _check(self, name: str, known: Progress, search: Search) -> None:
        """Up to our first order since, all must have been asked: then nothing is missing."""
        provider, now_ms = self._world.setup.providers[name], self._world.clock.now_ms()
        past = await self._past(name)
        adds = own_adds(self._world, provider, past.adds)
        batch = self._world.setup.dialect_of(name).batch_size("status")
        ended = True
        for sequence, reached in known.reached.items():
            mine = [one for one in adds if one.sequence is sequence]
            scan = search.scans[sequence]
            sweep = restoring.closing_sweep(
                reached, mine, known.since_ms, scan, provider.slack, now_ms
            )
            if isinstance(sweep, Sweep):
                await self._ask(name, sequence, known, search, sweep, batch)
                return
            ended = ended and sweep
        if ended and await self._told_apart(name, search):
            for sequence, scan in search.scans.items():
                await self._found(name, sequence, scan)
            self._searches.pop(name)
            await self._reopened(name, Stage.DONE, "nothing is missing up to our first order since")

    async def _told_apart(self, name: str, search: Search) -> bool:
        """Whether no find can be an order of ours that is still on its way, or in doubt."""
        if not any(scan.unknown for scan in search.scans.values()):
            return True
        ends = [sweep.ended_at_ms or 0 for scan in search.scans.values() for sweep in scan.sweeps]
        script = partial(_open_there, provider=name, until_ms=max(ends))
        return not await self._store.read(script)

    async def _past(self, name: str) -> Past:
        script = partial(
            doubts.past,
            provider=name,
            from_id=None,
            refills_since_ms=self._world.clock.now_ms(),
            adds=BRACKET,
            recent=RECENT,
        )
        return await self._store.read(script)

    # -- asking

    async def _ask(
        self,
        name: str,
        sequence: Kind,
        known: Progress,
        search: Search,
        sweep: Sweep,
        batch: int,
    ) -> None:
        """One question, if it is time for one."""
        provider = self._world.setup.providers[name]
        next_ms = search.manners.next_at_ms(provider.rate_limit_per_minute)
        if self._world.clock.now_ms() < next_ms:
            return
        mapped = await self._mapped(name, sequence, sweep.next_id, sweep.high)
        probe = scanning.probe(sweep, mapped, batch, "looks for orders bought after the backup")
        reply = await self._world.upstream.probe(name, probe.asked, sequence, timeout_s=PROBE_FOR_S)
        scan, search.manners = scanning.heard(search.scans[sequence], search.manners, probe, reply)
        search.scans[sequence] = scan
        await self._stands(name, known, search.manners.halted)
        closing = not search.begun
        if scan.current is None and not closing:
            await self._found(name, sequence, scan)

    async def _stands(self, name: str, known: Progress, halted: str) -> None:
        """What `restore --status` tells is what has come of the last question."""
        made = restoring.standing(known, halted, self._world.clock.now_ms())
        if made != known:
            await self._store.write(partial(_moved, provider=name, made=made))
        if halted:
            self._world.alert("restore_search_halted", provider=name, why=halted)

    async def _mapped(self, name: str, sequence: Kind, low: int, high: int) -> set[int]:
        kinds = [kind for kind in Kind if self._world.sequence(name, kind) is sequence]
        script = partial(doubts.mapped, provider=name, kinds=kinds, ranges=[(low, high)])
        return await self._store.read(script)

    async def _found(self, name: str, sequence: Kind, scan: Scan) -> None:
        unknown = scan.unknown
        if not unknown:
            return
        mapped = await self._mapped(name, sequence, min(unknown), max(unknown))
        script = partial(
            restores.found,
            provider=name,
            sequence=sequence,
            unknown={number: said for number, said in unknown.items() if number not in mapped},
            now_ms=self._world.clock.now_ms(),
        )
        if new := await self._store.write(script):
            self._world.alert("restored_orders_found", provider=name, orders=new)


def _moved(tx: Tx, provider: str, made: Progress) -> None:
    """Unless the operator has waived it meanwhile."""
    known = restores.progress(tx).get(provider)
    if known is None or known.stage not in ENDED:
        restores.put_progress(tx, provider, made)


def _open_there(tx: Tx, provider: str, until_ms: int) -> bool:
    """Whether anything that we sent by then may stand there under an ID we do not know."""
    flying = tx.all("adds_in_flight", provider=provider)
    in_doubt = [one for one in doubts.unproved(tx, NOTHING_CLOSED) if one.provider == provider]
    return any(row["created_at_ms"] <= until_ms for row in flying) or any(
        one.began_at_ms <= until_ms and not one.order.needs_person for one in in_doubt
    )
