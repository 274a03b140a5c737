"""What ``refill`` and ``cancel`` share: orders sorted out here, the rest forwarded.

A provider's words never reach the reseller: his answer says that it was not
available, or that the trouble is ours.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog

from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Refused, Unreadable
from aggregator.core.model import Kind, Order, Service

# Enough for the retries of one call; a reseller's own client rarely waits longer.
TIMEOUT_S = 8.0

Answer = TypeVar("Answer", covariant=True)

log = structlog.get_logger(__name__)


class Call(Protocol[Answer]):
    """``Upstream.refill`` or ``Upstream.cancel``."""

    def __call__(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> Awaitable[Mapping[str, Answer]]: ...


async def forwarded(orders: Sequence[Order], call: Call[Answer]) -> dict[int, Answer]:
    """Asks each provider about its orders with one ``call``; the answers by our ID.

    What it raises for one of them is logged, and costs only that one's answers.
    """
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for order in orders:
        if order.provider is not None and order.upstream_order_id is not None:
            groups[order.provider][order.upstream_order_id] = order.id
    asking = (call(name, list(ids), timeout_s=TIMEOUT_S) for name, ids in groups.items())
    answers: dict[int, Answer] = {}
    found = await asyncio.gather(*asking, return_exceptions=True)
    for (provider, ids), said in zip(groups.items(), found, strict=True):
        if isinstance(said, BaseException):
            log.error("asking_failed", provider=provider, exc_info=said)
        else:
            answers |= {ids[theirs]: answer for theirs, answer in said.items()}
    return answers


# The trouble is between us and the provider: the reseller may repeat.
_OURS = frozenset(
    {
        ErrorClass.AUTH,
        ErrorClass.FUNDS,
        ErrorClass.RATE,
        ErrorClass.DOWN,
        ErrorClass.UNKNOWN_OUTCOME,
    }
)


def service_of(world: World, order: Order) -> Service | None:
    return world.setup.services.get(order.service_id)


def reaches(world: World, order: Order, action: str) -> bool:
    """Whether the provider that holds the order can be asked for ``action`` on it.

    Where drip-feed has IDs of its own, a number of theirs would name somebody
    else's order in an action that cannot say which kind it means.
    """
    provider = world.setup.providers.get(order.provider or "")
    if provider is None:
        return False
    dialect = world.setup.dialects[provider.dialect]
    apart = dialect.dripfeed is not None and bool(dialect.dripfeed.status)
    return dialect.offers(action) and not (apart and order.kind is Kind.DRIPFEED)


async def translated(
    world: World, order: Order, action: str, answer: Refused | Unreadable, refusal: str
) -> Refused:
    """Our text for a provider's no, with an event that keeps theirs."""
    if isinstance(answer, Unreadable):
        await world.record(order, f"{action}_lost", cause=answer.cause)
        return Refused(errors.UNAVAILABLE)
    await world.record(order, f"{action}_refused", said=answer.text, means=answer.error_class)
    return Refused(errors.UNAVAILABLE if answer.error_class in _OURS else refusal)
