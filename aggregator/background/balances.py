"""What is left on our accounts at providers: read every few minutes, for whoever watches.

A paused provider is asked by ``cures`` in its own time.
"""

import asyncio

from aggregator.actions import World
from aggregator.core import pricing
from aggregator.core.messages import Balance
from aggregator.core.model import Provider

TIMEOUT_S = 15.0


async def look(world: World) -> None:
    asked = [
        one
        for name, one in world.setup.providers.items()
        if not one.retired and world.upstream.health(name).paused_for is None
    ]
    await asyncio.gather(*(_ask(world, one) for one in asked))


async def _ask(world: World, provider: Provider) -> None:
    """The upstream itself keeps the balance, for the metrics. One alert when it falls
    below ``low_balance``; the next one only after it was above again."""
    answer = await world.upstream.balance(provider.name, timeout_s=TIMEOUT_S)
    low = provider.low_balance_micros
    micros = pricing.nearest_micros(answer.balance) if isinstance(answer, Balance) else None
    about = ("low_balance", provider.name)
    if low is None or (micros is not None and micros >= low):
        world.told.discard(about)
    elif micros is not None:
        world.alert_once(
            about,
            "low_balance",
            provider=provider.name,
            balance=pricing.exact(micros),
            low_balance=pricing.exact(low),
            currency=provider.currency,
        )
