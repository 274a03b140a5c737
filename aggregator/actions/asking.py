"""What this process knows of its questions to providers: in memory, and bounded."""

from dataclasses import dataclass, field

from aggregator.actions.flights import Flights
from aggregator.actions.missing import Missing
from aggregator.core.model import Order, Refill
from aggregator.core.pacing import Pace
from aggregator.ports import Clock


@dataclass(slots=True)
class Asking:
    """``durations``: by service of ours, how many milliseconds its orders take."""

    clock: Clock
    orders: Flights[Order] = field(init=False)
    refills: Flights[Refill] = field(init=False)
    missing: Missing = field(default_factory=Missing)
    durations: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.orders = Flights(self.clock)
        self.refills = Flights(self.clock)

    def pace(self, order: Order, *, wanted: bool = False) -> Pace:
        return Pace(self.durations.get(order.service_id, 0), wanted)

    async def close(self) -> None:
        await self.orders.close()
        await self.refills.close()
