"""What is known of a provider's doubts, put together as ``core.doubt.plan`` wants it.

Three sources meet here: the attempts that nothing has proved, the provider's past
with us (both from the database), and what this process has seen by asking
(``Sight``, ``Manners``: in memory, and asked again after a restart).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from aggregator.actions import World
from aggregator.actions.doubtful import expected
from aggregator.background.queue import as_bought
from aggregator.core import bracket, evidence
from aggregator.core.incident import Brood, Doubt, Fingerprint, Habits, Incident, OwnAdd, Watched
from aggregator.core.model import AttemptState, Kind, Order, Provider
from aggregator.core.pricing import MAX_THEIRS_MICROS
from aggregator.core.purse import ASKED_MS, Seen, Spent, veto
from aggregator.core.scanning import Manners, Scan
from aggregator.store.doubts import Past, Unproved
from aggregator.store.tx import Row


@dataclass(slots=True)
class Sight:
    """What asking has shown of one ID sequence. ``errs_each``: foreign IDs are answered
    with an error each; until that is known it is asked for, not before ``ask_at_ms``."""

    scan: Scan = field(default_factory=Scan)
    errs_each: bool = False
    ask_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """One provider's doubts and its past, as they stand on disk."""

    world: World
    provider: Provider
    unproved: Sequence[Unproved]
    past: Past
    seen: Sequence[Seen] = ()  # balances

    def sequences(self) -> list[Kind]:
        """Those that hold anything unproved."""
        return list(dict.fromkeys(self.sequence(one.kind) for one in self.unproved))

    def sequence(self, kind: Kind) -> Kind:
        return self.world.sequence(self.provider.name, kind)

    def kinds(self, sequence: Kind) -> list[Kind]:
        return [kind for kind in Kind if self.sequence(kind) is sequence]


def incident(
    account: Account, sequence: Kind, sight: Sight, manners: Manners, replayed: dict[int, int]
) -> Incident:
    """All but ``mapped``, whose range (``reach``) depends on the rest."""
    step = evidence.step(account.past.charges)
    doubts = {one.attempt_id: _doubt(account, one, step or 0, replayed) for one in account.unproved}
    return Incident(
        provider=account.provider,
        sequence=sequence,
        habits=_habits(account, sequence, sight, step is not None),
        doubts=tuple(doubts[one.attempt_id] for one in account.unproved if is_open(one)),
        mapped=frozenset[int](),
        adds=tuple(own_adds(account.world, account.provider, account.past.adds)),
        broods=_broods(account),
        watched=tuple(
            Watched(doubts[one.attempt_id], one.closed_at_ms)
            for one in account.unproved
            if not is_open(one) and one.upstream_order_id is None and one.closed_at_ms is not None
        ),
        scan=sight.scan,
        manners=manners,
        not_exclusive=account.past.not_exclusive,
        up_since_ms=account.world.up_since_ms,
    )


def is_open(one: Unproved) -> bool:
    return one.state is AttemptState.IN_DOUBT


def reach(one: Incident) -> list[tuple[int, int]]:
    """The ranges of IDs of which it matters whether they are ours: what may be asked for
    next, and what was found unknown before. Empty: nothing is asked."""
    lows = [*_lows_of_doubts(one), *_lows_of_watched(one)]
    highs = [number + one.provider.slack for number, _ in one.own]
    if one.scan.current is not None:
        lows.append(one.scan.current.next_id)
        highs.append(one.scan.current.high)
    found = [(number, number) for number in one.scan.unknown]
    return [(max(min(lows), 1), max(highs)), *found] if lows and highs else found


def _lows_of_doubts(one: Incident) -> list[int]:
    return [
        bracket.floor(one, each)
        for each in one.doubts
        if each.fingerprint.sequence is one.sequence
        and each.low_anchor is not None
        and not each.left  # nothing more is asked on its behalf
        and not bracket.out_of_line(one, each)
    ]


def _lows_of_watched(one: Incident) -> list[int]:
    """Below what has been reached nothing is asked a second time, but for the slack."""
    floors = [
        bracket.floor(one, each.doubt)
        for each in one.watched
        if each.doubt.fingerprint.sequence is one.sequence
        and each.doubt.low_anchor is not None
        and not bracket.out_of_line(one, each.doubt)
    ]
    return [max(floor, one.scan.reached(floor) - one.provider.slack) for floor in floors]


def _doubt(account: Account, one: Unproved, step: int, replayed: dict[int, int]) -> Doubt:
    purchase = as_bought(one.order)
    charge = expected(purchase, one.cost_micros)
    doubt = Doubt(
        attempt_id=one.attempt_id,
        order_id=one.order.id,
        fingerprint=Fingerprint(account.sequence(one.kind), charge, one.order.units, step),
        service=one.service,
        low_anchor=one.low_anchor,
        began_at_ms=one.began_at_ms,
        died_at_ms=one.died_at_ms,
        ordered_at_ms=one.order.created_at_ms,
        brood=_brood(one.order, one.service, one.cost_micros, named=True),
        left=one.order.needs_person,
        alerted=one.told,
        replayed_at_ms=replayed.get(one.attempt_id),
    )
    return replace(doubt, veto=_veto(account, doubt, step)) if is_open(one) else doubt


def _veto(account: Account, doubt: Doubt, step: int) -> str:
    """Where the provider makes orders by itself, nobody can say what moves the balance."""
    past = account.past
    if past.broods or past.refills or any(one.order.kind.has_children for one in account.unproved):
        return ""
    spent = [
        Spent(
            row["id"],
            row["created_at_ms"],
            None if row["connection_died_at_ms"] is not None else row["ended_at_ms"],
            row["cost_micros"],
        )
        for row in past.spent
    ]
    known_since_ms = min((one.from_ms for one in spent), default=0)
    seen = [one for one in account.seen if one.at_ms - ASKED_MS >= known_since_ms]
    return veto(doubt, seen, spent, step)


def _habits(account: Account, sequence: Kind, sight: Sight, charge_shown: bool) -> Habits:
    placed = [row for row in account.past.recent if row["state"] == AttemptState.PLACED]
    adds = [
        one for one in own_adds(account.world, account.provider, placed) if one.sequence is sequence
    ]
    first = [
        number
        for kind, text in account.past.first_ids
        if account.sequence(kind) is sequence and (number := evidence.number(text)) is not None
    ]
    return Habits(
        batch=account.world.setup.dialect_of(account.provider.name).batch_size("status"),
        first_own=min(first, default=None),
        rose=evidence.rose(adds),
        errs_each=sight.errs_each,
        charge_shown=charge_shown,
        pace_per_hour=evidence.pace_per_hour(adds),
    )


def own_adds(world: World, provider: Provider, found: Iterable[Row]) -> list[OwnAdd]:
    """Rows of attempts as adds of ours."""
    return [
        OwnAdd(
            sequence=world.sequence(provider.name, Kind(row["kind"])),
            began_at_ms=row["created_at_ms"],
            answered_at_ms=row["ended_at_ms"],
            upstream_id=evidence.number(row["upstream_order_id"] or ""),
        )
        for row in found
    ]


# -- orders that the provider makes by itself


def _broods(account: Account) -> tuple[Brood, ...]:
    """A parent is known to name its children once it, or another of its kind, did."""
    naming = {order.kind for order, has_children in account.past.broods if has_children}
    parents = [
        _brood(
            order, order.upstream_service or "", order.upstream_cost_micros, order.kind in naming
        )
        for order, _ in account.past.broods
    ]
    # A panel that makes an order out of a refill asks nothing for it, and names it nowhere.
    refills = [
        Brood(order_id, theirs, 0, 0, named=False) for order_id, theirs in account.past.refills
    ]
    return (*(one for one in parents if one is not None), *refills)


def _brood(order: Order, service: str, cost_micros: int | None, named: bool) -> Brood | None:
    """What each of its children will be charged there."""
    if order.kind is Kind.NORMAL:
        return None
    low, high = 0, MAX_THEIRS_MICROS
    if cost_micros is not None and order.kind is Kind.DRIPFEED:
        low, high = (cost_micros // (order.runs or 1) + off for off in (-1, 1))
    elif cost_micros is not None:
        least = int(order.params.get("min", "0"))
        low, high = (
            cost_micros * least // order.units - 1,
            cost_micros * order.quantity // order.units + 1,
        )
    slop = 10_000 if cost_micros is not None else 0  # the panel's rounding
    return Brood(order.id, service, max(low - slop, 0), high + slop, named, order.asked_at_ms)
