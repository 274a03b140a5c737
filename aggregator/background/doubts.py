"""Settling orders in doubt: carries out what ``core.doubt.plan`` answers.

How it works. About once a second, and only where anything is unproved, each provider's
``Account`` is read from the database and made into an ``Incident``, one for each of its
ID sequences (``incidents``). ``plan`` answers with steps. A decision is written by
``verdicts``, guarded, so that whoever else is settling the same order does no harm. A
``Probe`` is one call, and its answer goes into the ``Sight`` of the sequence and the
``Manners`` of the provider, which live here, in memory: a new process asks anew.

Why a doubt waits is an event whenever the reason changes, and so is each finished
sweep; with the decision they are the whole story in ``orders show``.

What placing orders must know of it goes into ``world.doubtful``: its low anchors are
loaded before the first order is taken, its cautions are renewed with every turn.

Of several servers on one database only the leader settles; the others have the cautions
alone, for their adds would be rivals just the same.

What must change together: a new step in ``core.incident`` is carried out in ``_carry_out``;
whatever a restart must not forget is in the database, not in here.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog

from aggregator.actions import World
from aggregator.actions.doubtful import sequence_of
from aggregator.actions.refresh import refresh
from aggregator.background import verdicts
from aggregator.background.incidents import Account, Sight, incident, is_open, reach
from aggregator.core import evidence, late, purse, scanning
from aggregator.core.doubt import plan
from aggregator.core.incident import (
    WATCH_MS,
    Adopt,
    Alert,
    AskChildren,
    Fingerprint,
    Incident,
    LateOrphan,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    Refund,
    Replay,
    Step,
    Wait,
)
from aggregator.core.messages import Refused
from aggregator.core.model import Kind, Provider
from aggregator.core.purse import Seen
from aggregator.core.rivals import Caution
from aggregator.core.scanning import Heard, Manners, Probe, Scan
from aggregator.ports import Setup
from aggregator.store import doubts
from aggregator.store.doubts import Past, Unproved
from aggregator.store.scripted import ScriptedStore

PROBE_FOR_S = 15.0
CHILDREN_FOR_S = 15.0
HARMLESS_EVERY_MS = 60_000
REST_MS = 15_000  # where nothing but a deadline, or a late order, can still come
REFILLS_MS = 3 * 86_400_000
RECENT = 500  # adds that prove a provider's habits
BRACKET = 5_000  # adds from the oldest doubt on, among which its anchors are
LEFT = "left to its deadline"

log = structlog.get_logger(__name__)


class Doubts:
    """``load`` before the first order is taken, then ``settle`` again and again."""

    def __init__(self, world: World, store: ScriptedStore) -> None:
        self._world = world
        self._store = store
        self._sights: dict[tuple[str, Kind], Sight] = defaultdict(Sight)
        self._manners: dict[str, Manners] = defaultdict(Manners)
        self._reasons: dict[int, str] = {}
        self._replayed: dict[int, int] = {}
        self._shown: dict[int, int | None] = {}  # of a late orphan: its charge there
        self._seen: dict[str, tuple[Seen, ...]] = defaultdict(tuple)  # balances
        self._follow: dict[int, int] = {}  # of one that was to be canceled: when to ask again
        self._leads = False
        self._rests: dict[str, tuple[frozenset[int], int]] = {}
        self._cautions: dict[str, Caution] = {}

    async def load(self, setup: Setup) -> None:
        """What low anchors are taken from, under a configuration that is about to be used."""
        providers = setup.providers

        def sequence(provider: str, kind: Kind) -> Kind:
            return sequence_of(setup.dialect_of(provider), kind)

        script = partial(
            doubts.answered, providers=list(providers), recent=RECENT, sequence=sequence
        )
        self._world.doubtful.answered.update(await self._store.read(script))

    async def settle(self) -> None:
        """One turn: every provider that has anything unproved, all at once."""
        since_ms = self._world.clock.now_ms() - WATCH_MS
        if await self._store.rows("unproved", since_ms=since_ms):
            found = await self._store.read(partial(doubts.unproved, since_ms=since_ms))
        else:
            found = []
        unproved: dict[str, list[Unproved]] = defaultdict(list)
        for one in found:
            if one.provider in self._world.setup.providers:
                unproved[one.provider].append(one)
        self._forget(found)
        self._note_balances(unproved)
        self._leads = await self._store.leads()
        failed = await asyncio.gather(
            *(self._provider(name, mine) for name, mine in unproved.items()),
            return_exceptions=True,
        )
        self._world.doubtful.cautions = dict(self._cautions)
        for error in failed:
            if isinstance(error, BaseException):
                log.error("doubts_not_settled", exc_info=error)

    def _forget(self, found: Sequence[Unproved]) -> None:
        known = {one.attempt_id for one in found}
        for memory in (self._reasons, self._replayed, self._shown, self._follow):
            for attempt_id in memory.keys() - known:
                memory.pop(attempt_id)
        open_at = {one.provider for one in found if is_open(one)}
        self._cautions = {name: one for name, one in self._cautions.items() if name in open_at}

    def _note_balances(self, unproved: Mapping[str, Sequence[Unproved]]) -> None:
        """Read by others, every few minutes; what stood before a doubt began is kept."""
        for name, provider in self._world.setup.providers.items():
            health = self._world.upstream.health(name)
            if not provider.exclusive_account or health.balance_micros is None:
                continue
            seen = Seen(health.balance_at_ms, health.balance_micros)
            began = [one.began_at_ms for one in unproved.get(name, ()) if is_open(one)]
            self._seen[name] = purse.noted(self._seen[name], seen, min(began, default=None))

    # -- one provider

    async def _provider(self, name: str, unproved: Sequence[Unproved]) -> None:
        now_ms = self._world.clock.now_ms()
        if self._leads:
            await self._late(unproved, now_ms)
        who, rests_until_ms = self._rests.get(name, (frozenset(), 0))
        ids = frozenset(one.attempt_id for one in unproved if is_open(one))
        if who == ids and now_ms < rests_until_ms:
            return
        provider = self._world.setup.providers.get(name)
        if provider is None:  # a reload has taken it out meanwhile
            return
        account = Account(
            self._world,
            provider,
            unproved,
            await self._past(provider, unproved, now_ms),
            self._seen[name],
        )
        heeds = [await self._sequence(account, sequence) for sequence in account.sequences()]
        all_open = frozenset[Fingerprint]().union(*(one.open for one in heeds))
        settling = sum(one.settling for one in heeds)
        self._cautions[name] = Caution(all_open, settling)
        self._rests[name] = ids, 0 if settling else now_ms + REST_MS

    async def _late(self, unproved: Sequence[Unproved], now_ms: int) -> None:
        """Orders of closed attempts that are there after all: what becomes of them."""
        for one in unproved:
            if is_open(one) or one.upstream_order_id is None:
                continue
            if not one.told:
                shown = self._shown.get(one.attempt_id)
                await verdicts.close_late(self._world, self._store, one, shown)
            elif one.canceling_since_ms is not None and now_ms >= self._follow.get(
                one.attempt_id, one.canceling_since_ms + late.ASK_EVERY_MS
            ):
                self._follow[one.attempt_id] = now_ms + late.ASK_EVERY_MS
                await verdicts.follow_late(self._world, self._store, one)

    async def _past(self, provider: Provider, unproved: Sequence[Unproved], now_ms: int) -> Past:
        """Adds from the oldest doubt on only where they can be of use."""
        brackets = provider.exclusive_account and provider.probe
        active = [one.attempt_id for one in unproved if is_open(one) and not one.order.needs_person]
        script = partial(
            doubts.past,
            provider=provider.name,
            from_id=min(active, default=None) if brackets else None,
            refills_since_ms=now_ms - REFILLS_MS,
            adds=BRACKET,
            recent=RECENT,
        )
        return await self._store.read(script)

    async def _sequence(self, account: Account, sequence: Kind) -> Caution:
        """Plans and carries out; what new adds there must know. A probe's answer is
        planned with in the next turn."""
        name = account.provider.name
        sight = self._sights[name, sequence]
        one = incident(account, sequence, sight, self._manners[name], self._replayed)
        if any(each.idempotency_key is None for each in account.unproved if is_open(each)):
            one = replace(one, provider=replace(one.provider, idempotency_param=None))
        if not self._leads:
            return _seen_from_afar(one, self._world.clock.now_ms())
        if await self._learned(one, sight):
            return Caution(settling=1)
        if ranges := reach(one):
            kinds = account.kinds(sequence)
            script = partial(doubts.mapped, provider=name, kinds=kinds, ranges=ranges)
            one = replace(one, mapped=await self._store.read(script))
        steps = plan(one, self._world.clock.now_ms())
        for step in steps:
            await self._carry_out(account, one, step)
        return _heed(one, steps)

    async def _carry_out(self, account: Account, one: Incident, step: Step) -> None:
        world, store = self._world, self._store
        match step:
            case Wait():
                await self._waits(step.order_id, step.attempt_id, step.why)
            case Probe():
                await self._asked(one, step)
            case AskChildren():
                orders = await world.store.orders(step.order_ids)
                await refresh(world, list(orders.values()), timeout_s=CHILDREN_FOR_S)
            case Adopt():
                await verdicts.adopt(world, store, step)
            case NotPlaced():
                await verdicts.not_placed(world, store, step)
            case NeedsPerson():
                await verdicts.needs_person(world, store, step)
            case Refund():
                await verdicts.refund(world, store, step)
            case Alert():
                await verdicts.alert(world, step)
            case NotExclusive():
                await verdicts.not_exclusive(world, store, account.provider, step)
            case LateOrphan():
                self._shown[step.attempt_id] = step.charge_micros
                await verdicts.late(world, store, step)
            case Replay():
                await self._replay(account, step)

    async def _waits(self, order_id: int, attempt_id: int, why: str) -> None:
        if self._reasons.get(attempt_id) != why:
            self._reasons[attempt_id] = why
            await self._store.record(
                verdicts.told([order_id], "doubt_waits", why=why), self._world.clock.now_ms()
            )

    async def _replay(self, account: Account, step: Replay) -> None:
        """In a task of its own: an answer may take long, and other doubts go on."""
        self._replayed[step.attempt_id] = self._world.clock.now_ms()
        one = next(each for each in account.unproved if each.attempt_id == step.attempt_id)
        self._world.spawn(verdicts.send_again_with_its_key(self._world, self._store, one))

    # -- asking

    async def _asked(self, one: Incident, probe: Probe) -> None:
        name = one.provider.name
        reply = await self._call(one, probe)
        sight = self._sights[name, one.sequence]
        sight.scan, self._manners[name] = scanning.heard(
            sight.scan, self._manners[name], probe, reply
        )
        await self._told(one, probe, reply, sight.scan)

    async def _call(self, one: Incident, probe: Probe) -> Heard:
        return await self._world.upstream.probe(
            one.provider.name, probe.asked, one.sequence, timeout_s=PROBE_FOR_S
        )

    async def _told(self, one: Incident, probe: Probe, reply: Heard, scan: Scan) -> None:
        """A finished sweep, or an answer that counted for nothing, is part of the story."""
        orders = [each.order_id for each in one.doubts if not each.left]
        if wrong := scanning.fault(probe, reply):
            told = verdicts.told(orders, "doubt_asked_in_vain", why=wrong)
        elif scan.current is None:
            sweep = scan.sweeps[-1]
            unknown = [str(number) for number in sorted(sweep.unknown)]
            told = verdicts.told(
                orders, "doubt_swept", asked=f"{sweep.low} to {sweep.high}", unknown=unknown
            )
        else:
            return
        await self._store.record(told, self._world.clock.now_ms())

    async def _learned(self, one: Incident, sight: Sight) -> bool:
        """One harmless question finds out whether foreign IDs are answered with an error
        each; whether it was put, and so everything must be read anew."""
        now_ms = self._world.clock.now_ms()
        habits = replace(one.habits, errs_each=True)
        head = max((number for number, _ in one.own), default=None)
        waiting = any(not each.left for each in one.doubts) or one.watched
        next_ms = one.manners.next_at_ms(one.provider.rate_limit_per_minute)
        if sight.errs_each or not waiting or head is None or now_ms < max(sight.ask_at_ms, next_ms):
            return False
        if evidence.missing(one.provider, habits, one.not_exclusive):
            return False
        if any(one.manners.halted_at_ms >= each.began_at_ms for each in one.doubts):
            return False
        sight.ask_at_ms = now_ms + HARMLESS_EVERY_MS
        far = head + scanning.IMPOSSIBLE_AHEAD
        sweep = scanning.sweep(far, far - 1, head, now_ms, now_ms)
        probe = Probe(sweep, (far + 1,), far, far, "learns how foreign IDs are answered")
        reply = await self._call(one, probe)
        name = one.provider.name
        _, self._manners[name] = scanning.heard(Scan(), self._manners[name], probe, reply)
        absent = isinstance(reply.answers.get(str(far + 1)), Refused)
        sight.errs_each = absent and not scanning.fault(probe, reply)
        return True


def _seen_from_afar(one: Incident, now_ms: int) -> Caution:
    """What adds must heed where another server settles: it has found out what must be."""
    one = replace(one, habits=replace(one.habits, errs_each=True))
    return _heed(one, plan(one, now_ms))


def _heed(one: Incident, steps: Sequence[Step]) -> Caution:
    """Where the bracket is of no use, new adds need not heed anything."""
    if evidence.missing(one.provider, one.habits, one.not_exclusive):
        return Caution()
    settling = sum(isinstance(step, Wait) and not step.why.startswith(LEFT) for step in steps)
    return Caution(frozenset(each.fingerprint for each in one.doubts), settling)
