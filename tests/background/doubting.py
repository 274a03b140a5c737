"""A shop whose provider sometimes takes an order and says nothing."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aggregator.background import Doubts, polling
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused
from aggregator.core.model import Kind, Order, Purchase, Route, State
from aggregator.core.outcome import InDoubt, Outcome, Placed
from aggregator.core.pricing import price
from aggregator.core.scanning import Heard
from tests.actions.conftest import OpenShop, Shop
from tests.fakes import FakeClock, FakeUpstream, Sent, provider, service, settled, setup

COST = 500_000  # per 1000, there
NO_SUCH = Refused("Incorrect order ID", ErrorClass.ORDER)


@dataclass
class Panel(FakeUpstream):
    """``lost``: of the next adds, whether each is bought before its answer is lost.
    ``halt``: what every probe runs into. ``open``: what it sells under which ID."""

    lost: deque[bool] = field(default_factory=deque)
    open: dict[str, OrderStatus] = field(default_factory=dict)
    halt: str = ""
    next_id: int = 5001
    clock: FakeClock = field(default_factory=FakeClock)
    probes: list[int] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    def book(self, units: int) -> str:
        number, self.next_id = str(self.next_id), self.next_id + 1
        micros = price(COST, units, per_order=False)
        self.open[number] = OrderStatus("In progress", Decimal(micros).scaleb(-6), remains=units)
        return number

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        self.sent.append(Sent(provider, service, purchase))
        if self.outcomes[provider]:
            return self.outcomes[provider].popleft()  # type: ignore[no-any-return]
        if provider != "alpha":
            return Placed(f"b{len(self.sent)}")
        if self.lost:
            if self.lost.popleft():
                self.book(purchase.units)
            return InDoubt("timeout")
        return Placed(self.book(purchase.units))

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> dict[str, Any]:
        return {one: self.open.get(one, NO_SUCH) for one in ids}

    async def probe(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> Heard:
        now_ms = self.clock.now_ms()
        self.probes.append(now_ms)
        answers = {} if self.halt else {one: self.open.get(one, NO_SUCH) for one in ids}
        return Heard(answers, now_ms, now_ms, self.halt)

    async def cancel(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> dict[str, Any]:
        self.canceled += ids
        return {one: self.cancels.get((provider, one)) for one in ids}


@dataclass
class House:
    """``shop`` with the settling of its doubts, and a past at alpha that proves its habits."""

    shop: Shop
    panel: Panel
    doubts: Doubts

    @classmethod
    async def open(cls, open_shop: OpenShop, *routes: str, past: int = 60, **alpha: Any) -> "House":
        served = tuple(Route(name, "s1", cost_micros=COST) for name in routes or ("alpha",))
        given = {"exclusive_account": True, "slack": 20, **alpha}
        providers = [provider("alpha", **given), provider("beta")]
        shop = await open_shop(setup(service(1, routes=served), providers=providers))
        panel = Panel(clock=shop.clock)
        shop.world.upstream = shop.upstream = panel
        house = cls(shop, panel, Doubts(shop.world, shop.store))
        await house.doubts.load(house.shop.world.setup)
        for _ in range(past):
            await house.buy(10)
        shop.clock.pass_s(3600)
        await polling.poll(shop.world)
        return house

    async def buy(self, quantity: int) -> int:
        """The order's ID; a second later."""
        added = await self.shop.buy(quantity)
        await settled(lambda: not self.shop.world.tasks)
        self.shop.clock.pass_s(1)
        return int(added.order)

    async def doubt(self, bought: bool, quantity: int = 100) -> int:
        self.panel.lost.append(bought)
        return await self.buy(quantity)

    async def live(self, seconds: int, every_s: int = 20, quantity: int = 20) -> None:
        """Time passes; an order of another size is sold now and then, and doubts are settled."""
        until_ms = self.shop.clock.ms + seconds * 1000
        next_ms = self.shop.clock.ms
        while self.shop.clock.ms < until_ms:
            if every_s and self.shop.clock.ms >= next_ms:
                next_ms += every_s * 1000
                await self.buy(quantity)
            await self.turn(4)

    async def turn(self, seconds: float = 1) -> None:
        await self.doubts.settle()
        await settled(lambda: not self.shop.world.tasks)
        self.shop.clock.pass_s(seconds)

    async def order(self, order_id: int) -> Order:
        return await self.shop.order(order_id)  # type: ignore[no-any-return]

    async def state(self, order_id: int) -> State:
        return (await self.order(order_id)).state

    async def story(self, order_id: int) -> list[tuple[str, str]]:
        rows = await self.shop.store.rows("events", order_id=order_id)
        return [(row["kind"], row["detail"]) for row in rows]

    async def reasons(self, order_id: int) -> str:
        return " | ".join(detail for kind, detail in await self.story(order_id))

    async def losses(self) -> list[tuple[int, int]]:
        """Each order whose cost nobody paid for, and what it was."""
        found = await self.shop.store.rows(
            "SELECT t.order_id, max(e.amount_micros) AS micros FROM transfers t"
            " JOIN entries e ON e.transfer_id = t.id WHERE t.kind = 'loss' GROUP BY t.order_id"
        )
        return [(row["order_id"], row["micros"]) for row in found]

    def restart(self) -> None:
        """The memory is lost, the database is not."""
        self.doubts = Doubts(self.shop.world, self.shop.store)
        self.shop.world.doubtful.answered.clear()
        self.shop.world.doubtful.cautions = {}
