"""Carries ``doubt.plan`` through a model world, as the background loop would, and
sets every decision against the truth."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from aggregator.core import evidence, purse, scanning
from aggregator.core.doubt import plan
from aggregator.core.errors import ErrorClass
from aggregator.core.incident import (
    Adopt,
    Alert,
    AskChildren,
    Doubt,
    Habits,
    Incident,
    LateOrphan,
    NeedsPerson,
    NotExclusive,
    NotPlaced,
    OwnAdd,
    Refund,
    Replay,
    Step,
    Wait,
    Watched,
)
from aggregator.core.messages import OrderStatus, Refused, StatusAnswers, Unreadable
from aggregator.core.model import Kind, Provider
from aggregator.core.purse import Seen, Spent
from aggregator.core.rivals import Admission, Caution
from aggregator.core.scanning import Heard, Manners, Probe, Scan
from benchmarks.doubts_world import HORIZON_MS, START_MS, Add, Sold, World

BATCH = 100
BALANCE_EVERY_MS = 300_000
END_MS = START_MS + HORIZON_MS
ROUND_TRIP_MS = 400
TICK_MS = 30_000
PANEL = Provider("model", "https://panel.example", "", "standard", "USD", exclusive_account=True)
NO_SUCH_ORDER = Refused("Incorrect order ID", ErrorClass.ORDER)


@dataclass(slots=True)
class Run:
    """One world being lived through. ``tally`` counts what became of its doubts."""

    world: World
    rng: Random
    tally: Counter[str] = field(default_factory=Counter)
    waited_ms: list[int] = field(default_factory=list)
    now_ms: int = START_MS
    scan: Scan = field(default_factory=Scan)
    manners: Manners = field(default_factory=Manners)
    open: dict[int, Doubt] = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)
    mapped: set[int] = field(default_factory=set)
    seen: tuple[Seen, ...] = ()
    asked: dict[int, int] = field(default_factory=dict)
    not_exclusive: bool = False
    _coming: list[Doubt] = field(default_factory=list)
    _began: list[int] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _next_balance_ms: int = START_MS - 60_000
    _met: int = 0
    _pace: int = 0

    def __post_init__(self) -> None:
        self._coming = sorted(self.world.doubts, key=lambda one: -one.died_at_ms)
        self._began = [add.began_ms for add in self.world.adds]
        self._numbers = sorted(self.world.sold)
        before = [add for add in self.world.adds if add.answered_ms < START_MS]
        self._pace = evidence.pace_per_hour([add.seen(START_MS) for add in before])
        self.watched = [Watched(self._anchored(one), one.died_at_ms) for one in self.world.watched]

    def live(self) -> None:
        """Until every doubt is decided or has reached its deadline."""
        while self._coming or any(not one.left for one in self.open.values()):
            self._meet()
            steps = plan(self._incident(), self.now_ms)
            self._carried_out(steps)
            self._pass_time(steps)

    def watch(self) -> None:
        """Then for as long as there are adds of ours that move the head."""
        while self.now_ms < END_MS:
            self._meet()
            self._carried_out(plan(self._incident(), self.now_ms))
            self.now_ms += TICK_MS

    # -- what happens around us

    def _meet(self) -> None:
        """Everything that began, was answered or died by now."""
        while self._coming and self._coming[-1].died_at_ms <= self.now_ms:
            one = self._anchored(self._coming.pop())
            self.open[one.attempt_id] = one
        adds = self.world.adds
        while self._met < len(adds) and adds[self._met].began_ms <= self.now_ms:
            self._send(adds[self._met])
            self._met += 1
        while self._next_balance_ms <= self.now_ms:
            seen = Seen(self._next_balance_ms, self.world.balance(self._next_balance_ms))
            oldest_ms = min((one.began_at_ms for one in self.open.values()), default=None)
            self.seen = purse.noted(self.seen, seen, oldest_ms)
            self._next_balance_ms += BALANCE_EVERY_MS

    def _send(self, add: Add) -> None:
        """An add of ours, unless the open doubts send it elsewhere."""
        flying = sum(
            one.answered_ms > add.began_ms and not one.withheld
            for one in self.world.adds[max(self._met - 10, 0) : self._met]
        )
        caution = Caution(
            frozenset(one.fingerprint for one in self.open.values()),
            sum(not one.left for one in self.open.values()),
        )
        admission, _ = caution.admits(add.sold.fingerprint, flying)
        elsewhere = admission is Admission.RATHER_ELSEWHERE and self.rng.random() < 0.5
        add.withheld = admission is Admission.NOT_NOW or elsewhere
        if add.withheld:
            self.world.sold.pop(add.sold.number)
            self._numbers.remove(add.sold.number)
        else:
            self.mapped.add(add.sold.number)

    def _anchored(self, doubt: Doubt) -> Doubt:
        """With the low anchor that transaction 1 would have stored."""
        before = [
            add
            for add in self.world.adds
            if add.answered_ms <= doubt.began_at_ms and not add.withheld
        ]
        by_answer = sorted(before, key=lambda add: add.answered_ms)
        return replace(
            doubt, low_anchor=evidence.Answered(add.sold.number for add in by_answer).anchor
        )

    # -- what the loop knows

    def _incident(self) -> Incident:
        adds = self._known_adds()
        habits = Habits(
            batch=BATCH,
            first_own=self.world.first_own,
            rose=True,
            errs_each=True,
            charge_shown=True,
            pace_per_hour=self._pace,
        )
        broods = tuple(
            replace(one, asked_at_ms=self.asked.get(one.order_id))
            for one in self.world.broods.values()
        )
        return Incident(
            provider=PANEL,
            sequence=Kind.NORMAL,
            habits=habits,
            doubts=tuple(replace(one, veto=self._veto(one)) for one in self.open.values()),
            mapped=self._answered_ids(adds),
            adds=adds,
            broods=broods,
            watched=tuple(self.watched),
            scan=self.scan,
            manners=self.manners,
            not_exclusive=self.not_exclusive,
        )

    def _veto(self, doubt: Doubt) -> str:
        """By the balance, as the loop would have it from the database."""
        brooding = self.world.broods or any(one.brood for one in self.world.doubts)
        if brooding or self.now_ms < doubt.settled_at_ms:
            return ""
        return purse.veto(doubt, self.seen, self._spent(), doubt.fingerprint.step_micros)

    def _spent(self) -> list[Spent]:
        adds = [
            Spent(
                -1,
                add.began_ms,
                add.answered_ms if add.answered_ms <= self.now_ms else None,
                add.sold.fingerprint.charge_micros,
            )
            for add in self.world.adds[: self._met]
            if not add.withheld
        ]
        doubts = [
            Spent(one.attempt_id, one.began_at_ms, None, one.fingerprint.charge_micros)
            for one in (*self.world.doubts, *self.world.watched)
        ]
        return adds + doubts

    def _known_adds(self) -> tuple[OwnAdd, ...]:
        """Back to the oldest open doubt, and a few before for the head."""
        since_ms = min((one.began_at_ms for one in self.open.values()), default=self.now_ms)
        first, last = (bisect_right(self._began, at) for at in (since_ms, self.now_ms))
        began = self.world.adds[max(first - 10, 0) : last]
        # What will be a doubt is an add in flight until its connection dies.
        dying = [one.began_at_ms for one in self._coming if one.began_at_ms <= self.now_ms]
        return (
            *(add.seen(self.now_ms) for add in began if not add.withheld),
            *(OwnAdd(Kind.NORMAL, began_ms) for began_ms in dying),
        )

    def _answered_ids(self, adds: tuple[OwnAdd, ...]) -> set[int]:
        """IDs known to be ours: an add in flight has one that we do not know yet."""
        flying = {
            add.sold.number
            for add in self.world.adds[max(self._met - 20, 0) : self._met]
            if add.answered_ms > self.now_ms
        }
        return self.mapped - flying if flying else self.mapped

    # -- carrying out

    def _carried_out(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            match step:
                case Probe():
                    self._ask(step)
                case AskChildren(order_ids):
                    for order_id in order_ids:
                        self._register(order_id)
                case Adopt(attempt, _, upstream_id):
                    self._adopt(attempt, int(upstream_id))
                case NotPlaced(attempt):
                    bought = self.world.truth[attempt] is not None
                    self._close(attempt, "wrong: given away" if bought else "right: not placed")
                case Refund(attempt):
                    self._close(attempt, "deadline")
                case NeedsPerson(attempt):
                    self.open[attempt] = replace(self.open[attempt], left=True)
                    self.tally["person"] += 1
                case NotExclusive():
                    self.not_exclusive = True
                    self.tally["alarms"] += 1
                case LateOrphan(_, _, upstream_id):
                    self._late(int(upstream_id))
                case Alert(order_ids):
                    for order_id in order_ids:
                        self.open[order_id] = replace(self.open[order_id], alerted=True)
                case Replay() | Wait():
                    pass

    def _ask(self, probe: Probe) -> None:
        asked_ms = self.now_ms
        self.now_ms += ROUND_TRIP_MS
        chance = self.rng.random()
        answers = self._answers(probe, asked_ms)
        if chance < 0.02:
            answers = {**answers, self.rng.choice(probe.asked): Unreadable("left out")}
        heard = Heard(answers, asked_ms, self.now_ms, "429" if chance > 0.9995 else "")
        self.scan, self.manners = scanning.heard(self.scan, self.manners, probe, heard)
        self.tally["probes"] += 1

    def _answers(self, probe: Probe, asked_ms: int) -> StatusAnswers:
        answers: dict[str, OrderStatus | Refused | Unreadable]
        answers = dict.fromkeys(probe.asked, NO_SUCH_ORDER)
        for number in (probe.sweep.head, *self._ours(probe.sweep.next_id, probe.to_id)):
            said = self.world.sold[number].status(asked_ms)
            if said is not None and str(number) in answers:
                answers[str(number)] = said
        return answers

    def _ours(self, low: int, high: int) -> list[int]:
        numbers = self._numbers
        return numbers[bisect_right(numbers, low - 1) : bisect_right(numbers, high)]

    def _register(self, parent: int) -> None:
        self.asked[parent] = self.now_ms
        for sold in self.world.sold.values():
            if sold.parent == parent and sold.landed_ms <= self.now_ms:
                self.mapped.add(sold.number)

    def _adopt(self, attempt: int, number: int) -> None:
        doubt, truth = self.open[attempt], self.world.truth[attempt]
        self.mapped.add(number)
        self._close(attempt, _judged(self.world, doubt, truth, number), watch=False)
        if doubt.brood is not None:
            self.world.broods[attempt] = doubt.brood

    def _close(self, attempt: int, what: str, watch: bool = True) -> None:
        doubt = self.open.pop(attempt)
        if what != "deadline":
            self.waited_ms.append(self.now_ms - doubt.died_at_ms)
        if what != "deadline" or not doubt.left:  # else it was left to a person, and stays so
            self.tally[what] += 1
            self.tally["person"] -= doubt.left
        if watch:
            self.watched.append(Watched(doubt, self.now_ms))

    def _late(self, number: int) -> None:
        self.mapped.add(number)
        # Which of several closed ones alike it was makes no difference to the money.
        found = self.world.sold[number].doubt in {one.doubt.attempt_id for one in self.watched}
        self.tally["late orphans found" if found else "late orphans mistaken"] += 1

    def _pass_time(self, steps: tuple[Step, ...]) -> None:
        """To the next moment at which anything can have changed."""
        if any(not isinstance(step, Wait | Probe) for step in steps):
            return
        waits = [step for step in steps if isinstance(step, Wait)]
        moments = [step.until_ms for step in waits if step.until_ms is not None]
        if self._coming:
            moments.append(self._coming[-1].died_at_ms)
        if not moments or any("order" in step.why for step in waits):
            moments.append(self._next_answer_ms())
        self.now_ms = max(min(moments), self.now_ms + 1)

    def _next_answer_ms(self) -> int:
        upto = bisect_right(self._began, self.now_ms)
        window = self.world.adds[max(upto - 20, 0) : upto + 20]
        return min(
            (add.answered_ms for add in window if add.answered_ms > self.now_ms),
            default=self.now_ms + 24 * 3_600_000,
        )


def _judged(world: World, doubt: Doubt, truth: Sold | None, number: int) -> str:
    """``number`` was adopted for ``doubt``, which really bought ``truth``."""
    if truth is None:
        return "wrong: adopted"
    if truth.number == number:
        return "right: placed"
    other = world.sold[number]
    like = other.doubt is not None and other.fingerprint == doubt.fingerprint
    return "right: placed, swapped" if like else "wrong: adopted"
