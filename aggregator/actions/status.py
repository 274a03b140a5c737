"""``status``: the provider's word in our spelling, at our price."""

from decimal import Decimal
from functools import partial

from aggregator.actions.ids import asked
from aggregator.actions.refresh import fresh_orders, question
from aggregator.actions.world import World
from aggregator.core import errors, lifecycle, pricing, settlement
from aggregator.core.messages import Command, OrderStatus, Refused, StatusAnswers
from aggregator.core.model import Kind, Order, Reseller, State


async def status(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> StatusAnswers:
    """A row for each order of his; for anything else "Incorrect order ID"."""
    ids = asked(command.params, "order", "orders", missing=errors.INCORRECT_ORDER_ID)
    orders = await fresh_orders(
        world, reseller, [one for one in ids.values() if one], partial(is_stale, world)
    )
    answers: dict[str, OrderStatus | Refused] = {}
    for text, order_id in ids.items():
        order = orders.get(order_id) if order_id else None
        answers[text] = (
            Refused(errors.INCORRECT_ORDER_ID) if order is None else await _shown(world, order)
        )
    return answers


def is_stale(world: World, order: Order) -> bool:
    """Ended orders are the poller's business: a reseller gets what stands there."""
    asked = question(world, order)
    if order.state is not State.PLACED or asked is None:
        return False
    return not world.asking.orders.is_answered(asked, order.asked_at_ms, world.setup.policy)


async def _shown(world: World, order: Order) -> OrderStatus:
    """The order as its reseller sees it. Nothing of the provider's is in it."""
    children = [] if order.kind is Kind.NORMAL else await world.store.children(order.id)
    paid = settlement.cost(order) if order.parent_id is not None else order.net_charge_micros
    dripfeed, subscription = order.kind is Kind.DRIPFEED, order.kind is Kind.SUBSCRIPTION
    return OrderStatus(
        word=lifecycle.shown(order.state, order.word, heard=order.asked_at_ms is not None),
        charge=Decimal(pricing.wire(paid)),
        start_count=order.start_count or "0",
        remains=order.units if order.remains is None else order.remains,
        currency=world.setup.policy.currency,
        runs=max(order.runs_done or 0, len(children)) if dripfeed else None,
        posts=max(order.posts_done or 0, len(children)) if subscription else None,
        expiry=(order.expiry or order.params.get("expiry")) if subscription else None,
        children=tuple(str(child.id) for child in children) if order.kind.has_children else None,
        kind=order.kind,
    )
