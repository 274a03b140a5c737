"""``status``: the provider's word in our spelling, at our price."""

from functools import partial

from aggregator.actions.ids import asked, id_list
from aggregator.actions.refresh import fresh_orders, question
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.messages import Command, OrderStatus, Refused, StatusAnswers
from aggregator.core.model import Order, Reseller, State
from aggregator.core.pacing import is_fresh

_UNKNOWN = Refused(errors.INCORRECT_ORDER_ID)


async def status(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> StatusAnswers:
    """A row for each order of his; for anything else "Incorrect order ID"."""
    now_ms, listed = world.clock.now_ms(), id_list(command.params, "order", "orders")
    page = world.showcase.page((reseller.id, listed), world.store, world.setup.policy, now_ms)
    if page is not None:
        return page
    ids = asked(command.params, "order", "orders", missing=errors.INCORRECT_ORDER_ID)
    stale = partial(is_stale, world, now_ms)
    orders = await fresh_orders(world, reseller, [one for one in ids.values() if one], stale)
    shown = await _shown(world, orders)
    return {text: shown.get(order_id or 0, _UNKNOWN) for text, order_id in ids.items()}


def is_stale(world: World, now_ms: int, order: Order) -> bool:
    """Ended orders are the poller's business: a reseller gets what stands there."""
    policy = world.setup.policy
    if order.state is not State.PLACED or is_fresh(order.asked_at_ms, now_ms, policy):
        return False
    asked = question(world, order)
    return asked is not None and not world.asking.orders.is_spared(asked, now_ms, policy)


async def _shown(world: World, orders: dict[int, Order]) -> dict[int, OrderStatus]:
    parents = [key for key, order in orders.items() if order.kind.has_children]
    children = await world.store.children(parents) if parents else {}
    policy, showcase = world.setup.policy, world.showcase
    return {key: showcase.status(order, policy, children.get(key)) for key, order in orders.items()}
