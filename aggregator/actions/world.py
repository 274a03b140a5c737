"""What every action works with: the ports, the current setup, the running tasks."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from structlog.typing import FilteringBoundLogger

from aggregator.actions.answering import Answering, Unanswered
from aggregator.actions.asking import Asking
from aggregator.actions.doubtful import Doubtful, sequence_of
from aggregator.actions.lists import Lists
from aggregator.actions.sales import Sale, Sales
from aggregator.actions.showcase import Showcase
from aggregator.core import routing
from aggregator.core.model import (
    Kind,
    Offer,
    Order,
    Policy,
    PriceTerms,
    Provider,
    Purchase,
    Service,
    Strategy,
)
from aggregator.core.routing import Facts, Prospect, Weighed
from aggregator.ports import Clock, Event, Setup, Store, Upstream
from aggregator.telemetry import Metrics, logger

# Deadlines that move money or forget keys wait until we have run this long: a
# machine that was off for a day must first hear what happened meanwhile.
PATIENCE_S = 600
TOLD_MOST = 10_000

EVENTS_OF_A_KIND = 50  # kept of each order, where it is clients who cause them


@dataclass(slots=True)
class World:
    """``setup`` is replaced whole by a reload, ``catalogue`` by its reader; an
    action takes what it needs of either once, and so never sees half of each."""

    store: Store
    upstream: Upstream
    clock: Clock
    setup: Setup
    boot_id: str
    metrics: Metrics = field(default_factory=Metrics)
    log: FilteringBoundLogger = field(default_factory=partial(logger, "actions"))
    catalogue: Mapping[str, Mapping[str, Offer]] = field(default_factory=dict)
    draw: Callable[[], float] = random.random
    ring: Callable[[Mapping[str, object]], None] = lambda _event: None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    answering: dict[tuple[int, str], Answering] = field(default_factory=dict)
    unanswered: Unanswered = field(default_factory=Unanswered)
    doubtful: Doubtful = field(default_factory=Doubtful)
    lists: Lists = field(default_factory=Lists)
    sales: Sales = field(default_factory=Sales)
    asking: Asking = field(init=False)
    showcase: Showcase = field(default_factory=Showcase)
    started_s: float = 0.0
    up_since_ms: int = 0
    stopping: bool = False
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)  # the catalogue, in memory
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)  # and in the database
    told: set[tuple[object, ...]] = field(default_factory=set)  # what was alerted once
    losses: set[tuple[int, str, str, str, int]] = field(default_factory=set)  # and these
    turn: dict[int, int] = field(default_factory=dict)  # of the queue, by service

    def __post_init__(self) -> None:
        self.asking = Asking(self.clock)
        self.started_s = self.clock.monotonic()
        self.up_since_ms = self.clock.now_ms()

    async def finish(self, within_s: float) -> None:
        """Lets the tasks end, then cancels them: what was sending becomes a doubt,
        what had not left is queued, and either is written down."""
        self.stopping = True
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=within_s)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.asking.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs ``work`` in a task of the app's: no client hanging up ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    @property
    def patient(self) -> bool:
        return self.clock.monotonic() - self.started_s >= PATIENCE_S

    @property
    def settling_policy(self) -> Policy:
        """The policy by which statuses are settled; none by deadline when just up."""
        policy = self.setup.policy
        return policy if self.patient else replace(policy, settle_failed_after_s=float("inf"))

    def sale(self, service: Service, his: PriceTerms) -> Sale | None:
        """The service as a reseller of these terms buys it now; None: nobody knows its price."""
        return self.sales.get(self.setup, self.catalogue, self.upstream.health, service, his)

    def facts(self, service: Service) -> list[Facts]:
        """What is known of each of the service's routes, in the operator's order."""
        return self.setup.facts(service, self.catalogue, self.upstream.health)

    def prospects(self, service: Service) -> list[Prospect]:
        """The same, of a service that is in no list: as it was sold once."""
        return [routing.prospect(service, one) for one in self.facts(service)]

    def weigh(
        self, prospects: Sequence[Prospect], purchase: Purchase, now_ms: int
    ) -> list[Weighed]:
        weighed = [one.weighed(purchase, now_ms) for one in prospects]
        if self.doubtful.untroubled:
            return weighed
        return [self._heeded(one, purchase) for one in weighed]

    def _heeded(self, choice: Weighed, purchase: Purchase) -> Weighed:
        sequence = self.sequence(choice.facts.provider.name, purchase.kind)
        return self.doubtful.heeded(choice, purchase, sequence)

    def sequence(self, provider: str, kind: Kind) -> Kind:
        """The provider's ID sequence in which an order of that kind stands. Of one that a
        reload has taken out meanwhile nothing is known, and nothing will be asked."""
        if kind is Kind.NORMAL:
            return kind
        setup = self.setup
        return (
            sequence_of(setup.dialect_of(provider), kind) if provider in setup.providers else kind
        )

    def is_current(self, provider: Provider) -> bool:
        """Whether what was decided about it still holds: a reload may have put another
        panel in its place, or be about to."""
        now = self.setup.providers.get(provider.name)
        stays = now is not None and now.is_same_panel(provider)
        return stays and self.doubtful.why_closed(provider.name) is None

    def takes_orders(self, provider: str) -> bool:
        """Whether an order may go there at this moment."""
        known = self.setup.providers.get(provider)
        usable = self.upstream.health(provider).usable(self.clock.now_ms())
        closed = self.doubtful.why_closed(provider) is not None
        return known is not None and known.takes_orders and usable and not closed

    def ranked(self, service: Service, weighed: Sequence[Weighed]) -> list[Weighed]:
        is_lottery = service.strategy is Strategy.WEIGHTED
        draws = [self.draw() for _ in weighed] if is_lottery else []
        return routing.candidates(service, weighed, draws)

    async def record(self, order: Order, kind: str, **detail: object) -> None:
        """An event of the order's story. What a client repeats must not fill the disk."""
        event = Event(order.id, kind, detail)
        await self.store.record([event], self.clock.now_ms(), most=EVENTS_OF_A_KIND)

    def alert(self, kind: str, **detail: object) -> None:
        """An operator should look: log, metrics, ``alert_command``. No secrets in it."""
        self.metrics.alert(kind)
        self.log.warning(kind, alert=True, **detail)
        self.ring({"event": kind, **detail})

    def alert_once(self, about: tuple[object, ...], kind: str, **detail: object) -> None:
        """An alert about what lasts. Whoever sees its end takes ``about`` out of ``told``."""
        if about in self.told:
            return
        if len(self.told) >= TOLD_MOST:
            self.told.clear()
        self.told.add(about)
        self.alert(kind, **detail)

    def alert_all(self, events: Sequence[Event]) -> None:
        """For events that are on disk already."""
        for event in events:
            self.alert(event.kind, **{**event.detail, "order": event.order_id})
