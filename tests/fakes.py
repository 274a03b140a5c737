"""The world that actions live in, with an upstream that does as it is told."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aggregator.core.halving import Limit
from aggregator.core.health import Health
from aggregator.core.messages import (
    Balance,
    OrderStatus,
    Refused,
    ServiceRow,
    Unreadable,
)
from aggregator.core.model import Kind, Policy, Provider, Purchase, Route, Service
from aggregator.core.outcome import InDoubt, Outcome, Placed
from aggregator.core.scanning import Heard
from aggregator.dialects import Dialect
from aggregator.ports import Setup

START_MS = 1_800_000_000_000


class FakeClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def pass_s(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@dataclass
class Sent:
    provider: str
    service: str
    purchase: Purchase


@dataclass
class FakeUpstream:
    """Answers what was laid out for it; an add with nothing laid out is Placed.

    ``outcomes`` are taken one by one, per provider; an ``asyncio.Event`` laid out
    among them holds the call until it is set. ``statuses`` etc. are looked up by
    (provider, their ID); whatever is missing there was not answered.
    """

    outcomes: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    statuses: dict[tuple[str, str], OrderStatus | Refused] = field(default_factory=dict)
    refills: dict[tuple[str, str], str | Refused] = field(default_factory=dict)
    refill_words: dict[tuple[str, str], str] = field(default_factory=dict)
    cancels: dict[tuple[str, str], Refused | None] = field(default_factory=dict)
    catalogues: dict[str, list[ServiceRow] | Refused | Unreadable] = field(default_factory=dict)
    balances: dict[str, Balance | Refused | Unreadable] = field(default_factory=dict)
    healths: dict[str, Health] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    learned: dict[str, dict[str, Limit]] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)  # until then: no answer
    asked: list[tuple[str, str, Kind, tuple[str, ...]]] = field(default_factory=list)

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        self.sent.append(Sent(provider, service, purchase))
        number = len(self.sent)
        try:
            while self.outcomes[provider]:
                laid_out = self.outcomes[provider].popleft()
                if not isinstance(laid_out, asyncio.Event):
                    return laid_out  # type: ignore[no-any-return]
                await laid_out.wait()
        except asyncio.CancelledError:
            return InDoubt("canceled")
        return Placed(str(9000 + number))

    def _answers(
        self, action: str, provider: str, ids: Sequence[str], kind: Kind, known: Mapping[Any, Any]
    ) -> dict[str, Any]:
        if provider in self.broken:
            raise ValueError("a fault of the upstream's own")
        self.asked.append((action, provider, kind, tuple(ids)))
        return {one: known.get((provider, one), Unreadable("silent")) for one in ids}

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> dict[str, Any]:
        answers = self._answers("status", provider, ids, kind, self.statuses)
        if provider in self.holds:
            await self.holds[provider].wait()
        return answers

    async def probe(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> Heard:
        return Heard(self._answers("probe", provider, ids, kind, self.statuses), 0, 0)

    async def refill(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> dict[str, Any]:
        return self._answers("refill", provider, ids, Kind.NORMAL, self.refills)

    async def refill_status(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> dict[str, Any]:
        return self._answers("refill_status", provider, ids, Kind.NORMAL, self.refill_words)

    async def cancel(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> dict[str, Any]:
        return self._answers("cancel", provider, ids, Kind.NORMAL, self.cancels)

    async def balance(self, provider: str, *, timeout_s: float) -> Balance | Refused | Unreadable:
        self.asked.append(("balance", provider, Kind.NORMAL, ()))
        return self.balances.get(provider, Balance(Decimal(100), "USD"))

    async def services(
        self, provider: str, *, timeout_s: float
    ) -> list[ServiceRow] | Refused | Unreadable:
        return self.catalogues.get(provider, Unreadable("silent"))

    def batch_size(self, provider: str, action: str) -> int:
        return 100

    def limits(self) -> dict[str, dict[str, Limit]]:
        return self.learned

    def restore_limits(self, limits: Mapping[str, Mapping[str, Limit]]) -> None:
        self.learned = {name: dict(found) for name, found in limits.items()}

    def health(self, provider: str) -> Health:
        return self.healths.get(provider, Health())


def provider(name: str, **changes: Any) -> Provider:
    given = {"url": "http://127.0.0.1:1/api/v2", "key": f"key-of-{name}", "currency": "USD"}
    return Provider(name=name, **{"dialect": "standard", **given, **changes})


def service(id: int = 1, *providers: str, **changes: Any) -> Service:
    """Sold at 1.00 per 1000, 10 to 10000 of it, everything allowed."""
    routes = tuple(Route(name, f"s{id}") for name in providers or ("alpha",))
    given: dict[str, Any] = {
        "id": id,
        "name": f"Service {id}",
        "category": "Things",
        "type": "Default",
        "rate": "1.00",
        "rate_micros": 1_000_000,
        "min": 10,
        "max": 10_000,
        "refill": True,
        "cancel": True,
        "dripfeed": True,
        "routes": routes,
    }
    return Service(**{**given, **changes})


def setup(
    *services: Service,
    policy: Policy | None = None,
    providers: Sequence[Provider] = (),
    dialects: Mapping[str, Dialect] | None = None,
) -> Setup:
    """Providers alpha and beta, unless others are given."""
    known = providers or [provider("alpha"), provider("beta")]
    return Setup(
        revision="r1",
        policy=policy or Policy(),
        providers={one.name: one for one in known},
        dialects=dialects or {"standard": Dialect()},
        services={one.id: one for one in services or (service(),)},
    )


async def settled(condition: Callable[[], bool]) -> None:
    """Lets the loop run until ``condition`` holds; fails if it never does."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - any condition, not one that is signalled
            await asyncio.sleep(0.001)
