"""A model of an account at a panel, with orders that fall into doubt.

Nothing here is measured from a live panel: it is what the five assumptions of the
bracket say, drawn at random, and ``Broken`` breaks them one at a time. A ``World``
is drawn whole before anything is decided, so it knows the truth about each doubt.

IDs rise with the panel's own pace; every order that lands on our account takes the
next one, and may stand out of order by up to the slack. Times are milliseconds.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random

from aggregator.core.incident import SETTLE_MS, Brood, Doubt, Fingerprint, OwnAdd
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Kind

START_MS = 10_000_000
HORIZON_MS = 2_400_000  # adds of ours go on for so long after the first doubt
SLACK = 200
SERVICES = (2, 6, 6, 6, 25, 25, 25, 25, 25, 25)  # fingerprints sold at a provider
MINUTE_MS = 60_000


class Broken(StrEnum):
    """Which assumption does not hold."""

    NONE = "none"
    EXCLUSIVE = "others order on the account"
    SETTLING = "requests land after the settling time"
    SLACK = "IDs run out of order beyond the slack"
    CHARGE = "charges are not those expected"
    CHILDREN = "the panel makes orders nobody knows of"


@dataclass(slots=True)
class Sold:
    """An order on the account, ours or not. ``doubt``: the attempt it belongs to.

    ``ends``: when its charge falls to ``ends_micros`` under the word ``ends_as``.
    """

    landed_ms: int
    fingerprint: Fingerprint
    doubt: int | None = None
    parent: int | None = None
    number: int = 0
    shown_micros: int = 0
    ends_ms: int | None = None
    ends_as: str = ""
    ends_micros: int = 0
    jitter: int = 0

    def charged(self, now_ms: int) -> int:
        if now_ms < self.landed_ms:
            return 0
        ended = self.ends_ms is not None and now_ms >= self.ends_ms
        return self.ends_micros if ended else self.shown_micros

    def status(self, now_ms: int) -> OrderStatus | None:
        if now_ms < self.landed_ms:
            return None
        ended = self.ends_ms is not None and now_ms >= self.ends_ms
        micros = self.ends_micros if ended else self.shown_micros
        word = self.ends_as if ended else "In progress"
        remains = self.fingerprint.units // 2 if ended else self.fingerprint.units
        return OrderStatus(word, Decimal(micros).scaleb(-6), remains=remains)


@dataclass(slots=True)
class Add:
    """An add of ours that was answered."""

    began_ms: int
    answered_ms: int
    sold: Sold
    withheld: bool = False  # sent elsewhere, because of the doubts open then
    _known: OwnAdd | None = None

    def seen(self, now_ms: int) -> OwnAdd:
        if now_ms < self.answered_ms:
            return OwnAdd(Kind.NORMAL, self.began_ms)
        if self._known is None:
            self._known = OwnAdd(Kind.NORMAL, self.began_ms, self.answered_ms, self.sold.number)
        return self._known


@dataclass(slots=True)
class World:
    """``truth``: attempt -> what was bought, None where nothing was."""

    adds: list[Add]
    doubts: list[Doubt]
    truth: dict[int, Sold | None]
    sold: dict[int, Sold]
    broods: dict[int, Brood] = field(default_factory=dict)
    watched: list[Doubt] = field(default_factory=list)
    first_own: int = 0

    def balance(self, at_ms: int) -> int:
        """Less what was charged, and what was given back, by then."""
        return -sum(one.charged(at_ms) for one in self.sold.values())


class Drawing:
    """Draws one world."""

    def __init__(self, rng: Random, broken: Broken) -> None:
        self.rng, self.broken = rng, broken
        # Few fingerprints: identical ones meet in one window. Some differ in quantity only.
        charges = [rng.randrange(1, 400) * 2_500 for _ in range(rng.choice(SERVICES))]
        self.catalogue = [
            Fingerprint(Kind.NORMAL, charge, rng.choice((500, 1000, 2000)), 10)
            for charge in charges
            for _ in range(rng.choice((1, 1, 2)))
        ]
        self.all: list[Sold] = []
        self.broods: dict[int, Brood] = {}

    def world(self, first_attempt: int) -> World:
        adds = self._adds()
        doubts = self._doubts(first_attempt)
        watched = self._watched(first_attempt)
        self._others()
        self._number()
        self._glitch(adds)
        return World(
            adds=adds,
            doubts=doubts,
            truth={one.attempt_id: self._bought(one.attempt_id) for one in (*doubts, *watched)},
            sold={one.number: one for one in self.all},
            broods=self.broods,
            watched=watched,
            first_own=min(add.sold.number for add in adds) - self._older(),
        )

    def _sell(self, landed_ms: int, fingerprint: Fingerprint, **more: int | None) -> Sold:
        rng = self.rng
        charge = fingerprint.charge_micros or 0
        shown = charge + rng.randrange(-10, 11) if charge else 0
        if self.broken is Broken.CHARGE and rng.random() < 0.3:
            shown = rng.choice(self.catalogue).charge_micros or 0
        sold = Sold(landed_ms, fingerprint, shown_micros=max(shown, 0), **more)  # type: ignore[arg-type]
        chance = rng.random()
        if chance < 0.06:
            sold.ends_ms = landed_ms + rng.randrange(20 * MINUTE_MS)
            sold.ends_as = "Canceled" if chance < 0.04 else "Partial"
            sold.ends_micros = 0 if chance < 0.04 else charge * rng.randrange(10, 100) // 100
        self.all.append(sold)
        return sold

    def _adds(self) -> list[Add]:
        """Our own adds, some of them in flight together."""
        rng = self.rng
        mean_ms = rng.choice((10_000, 30_000, 60_000, 180_000))
        at_ms = START_MS - 10 * MINUTE_MS
        adds = []
        while at_ms < START_MS + HORIZON_MS:
            latency_ms = rng.choice((300, 1_000, 2_000, 30_000))
            landed_ms = at_ms + rng.randrange(latency_ms)
            sold = self._sell(landed_ms, rng.choice(self.catalogue))
            adds.append(Add(at_ms, at_ms + latency_ms, sold))
            at_ms += int(rng.expovariate(1 / mean_ms)) + 1
        return adds

    def _doubts(self, first_attempt: int) -> list[Doubt]:
        rng = self.rng
        many = rng.choice((1, 1, 1, 1, 2, 2, 3, 6))
        within_ms = rng.choice((5_000, MINUTE_MS, 10 * MINUTE_MS))
        return [
            self._doubt(first_attempt + n, START_MS + rng.randrange(within_ms)) for n in range(many)
        ]

    def _doubt(self, attempt: int, began_ms: int) -> Doubt:
        rng = self.rng
        died_ms = began_ms + rng.randrange(2_000, 110_000)
        fingerprint = rng.choice(self.catalogue)
        brood = self._brood(attempt, fingerprint) if rng.random() < 0.05 else None
        if brood is not None:
            fingerprint = Fingerprint(Kind.NORMAL, brood.low_micros * 5 + 50, 5 * 2000, 10)
        if rng.random() < 0.6:
            landed_ms = rng.randrange(began_ms, died_ms)
            if rng.random() < 0.2:
                landed_ms = died_ms + rng.randrange(SETTLE_MS)
            if self.broken is Broken.SETTLING and rng.random() < 0.3:
                landed_ms = died_ms + rng.randrange(SETTLE_MS, 4 * SETTLE_MS)
            self._sell(landed_ms, fingerprint, doubt=attempt, jitter=self._jitter())
            if brood is not None:
                self._hatch(brood, attempt, landed_ms)
        service = f"{fingerprint.charge_micros}/{fingerprint.units}"
        return Doubt(
            attempt, attempt, fingerprint, service, None, began_ms, died_ms, began_ms, brood
        )

    def _jitter(self) -> int:
        """How far out of order an ID stands. Only orders that nobody waits for are slow
        enough for it: our answered adds rose strictly, or nothing would be probed."""
        reach = SLACK * 5 if self.broken is Broken.SLACK else SLACK - 20
        return self.rng.randrange(-reach, reach + 1) if self.rng.random() < 0.3 else 0

    def _brood(self, order_id: int, fingerprint: Fingerprint) -> Brood:
        charge = fingerprint.charge_micros or 0
        service = f"{charge}/{fingerprint.units}"
        named = self.rng.random() < 0.7
        return Brood(order_id, service, max(charge - 10, 0), charge + 10, named)

    def _hatch(self, brood: Brood, parent: int, from_ms: int) -> None:
        """Its runs, each an order that the panel makes by itself."""
        every_ms = self.rng.choice((2, 5)) * MINUTE_MS
        units = int(brood.service.split("/")[1])
        run = Fingerprint(Kind.NORMAL, brood.low_micros + 10, units, 10)
        for n in range(5):
            self._sell(from_ms + n * every_ms, run, parent=parent)

    def _watched(self, first_attempt: int) -> list[Doubt]:
        """Now and then a refusal in unknown words, which may have been bought."""
        if self.rng.random() > 0.05:
            return []
        began_ms = START_MS - self.rng.randrange(3 * MINUTE_MS)
        attempt, fingerprint = first_attempt + 90, self.rng.choice(self.catalogue)
        if self.rng.random() < 0.5:
            self._sell(began_ms + 500, fingerprint, doubt=attempt)
        return [Doubt(attempt, attempt, fingerprint, "", None, began_ms, began_ms + 1_000, 0)]

    def _others(self) -> None:
        """Drip-feeds that run already, and what breaks assumptions."""
        rng = self.rng
        if rng.random() < 0.15:
            brood = self._brood(-1, rng.choice(self.catalogue))
            self.broods[-1] = brood
            self._hatch(brood, -1, START_MS - rng.randrange(15 * MINUTE_MS))
        if self.broken in (Broken.EXCLUSIVE, Broken.CHILDREN):
            every_ms = rng.choice((2, 5, 15)) * MINUTE_MS
            at_ms = START_MS - 5 * MINUTE_MS
            while at_ms < START_MS + HORIZON_MS:
                if self.broken is Broken.EXCLUSIVE:
                    self._sell(at_ms, rng.choice(self.catalogue))
                else:  # a refill, say: as a rule it costs nothing
                    free = Fingerprint(Kind.NORMAL, 0, 2000)
                    self._sell(at_ms, free if rng.random() < 0.8 else rng.choice(self.catalogue))
                at_ms += int(rng.expovariate(1 / every_ms)) + 1

    def _number(self) -> None:
        """Gives every order its ID, in the order in which they landed."""
        pace = self.rng.choice((20, 300, 3_000, 12_000)) / 3_600_000
        taken: set[int] = set()
        last_ms, last = START_MS - 20 * MINUTE_MS, self.rng.randrange(10_000, 5_000_000)
        exact = float(last)
        for sold in sorted(self.all, key=lambda one: one.landed_ms):
            exact += (sold.landed_ms - last_ms) * pace * self.rng.uniform(0.5, 1.5)
            last = max(last + 1, int(exact))
            while last in taken:
                last += 1
            last_ms, exact = sold.landed_ms, float(last)
            sold.number = last + sold.jitter
            while sold.number in taken:
                sold.number += 1 if sold.jitter > 0 else -1
            taken.add(sold.number)

    def _glitch(self, adds: list[Add]) -> None:
        """Now and then one of our orders before the doubts got an ID far above the others."""
        before = [add.sold for add in adds if add.answered_ms < START_MS]
        if before and self.rng.random() < 0.1:
            self.rng.choice(before).number += self.rng.choice((5_000, 100_000_000))

    def _older(self) -> int:
        """How far back the account's history goes: now and then it has just begun."""
        return 0 if self.rng.random() < 0.03 else SLACK

    def _bought(self, attempt: int) -> Sold | None:
        return next((one for one in self.all if one.doubt == attempt), None)
