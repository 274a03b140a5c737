"""``balance``: what the reseller can spend, open holds taken off."""

from decimal import Decimal

from aggregator.actions.world import World
from aggregator.core import pricing
from aggregator.core.messages import Balance, Command
from aggregator.core.model import Reseller


async def balance(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> Balance:
    micros = await world.store.available(reseller.id)
    return Balance(Decimal(pricing.wire(micros)), world.setup.policy.currency)
