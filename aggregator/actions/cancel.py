"""``cancel``: at once for an order that never left, else asked of its provider.

``"cancel": 1`` means asked for. Money moves only when a later status says so.
"""

from collections.abc import Sequence

from aggregator.actions.forward import forwarded, reaches, service_of, translated
from aggregator.actions.ids import asked
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.messages import CancelAnswers, Command, Refused, Unreadable
from aggregator.core.model import Order, Reseller, State

Answers = dict[int, Refused | None]


async def cancel(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> CancelAnswers:
    ids = asked(command.params, "order", "orders", missing=errors.INCORRECT_ORDER_ID)
    orders = await world.store.orders([one for one in ids.values() if one], reseller.id)
    answers = await cancel_orders(world, list(orders.values()))
    unknown = Refused(errors.INCORRECT_ORDER_ID)
    return {
        text: answers.get(order_id, unknown) if order_id else unknown
        for text, order_id in ids.items()
    }


async def cancel_orders(world: World, orders: Sequence[Order]) -> Answers:
    """By order ID: None where the cancel is done or asked for, else why not."""
    answers: Answers = {}
    forwarded = []
    for order in orders:
        if order.state is State.QUEUED and await _canceled_here(world, order):
            answers[order.id] = None
        elif _may_be_asked(world, order):
            forwarded.append(order)
        else:
            answers[order.id] = Refused(errors.CANCEL_NOT_AVAILABLE)
    return answers | await _asked_for(world, forwarded)


async def _canceled_here(world: World, order: Order) -> bool:
    """False where it left the queue meanwhile: the cancel came too late."""
    return await world.store.cancel_queued(order.id, "asked by the reseller", world.clock.now_ms())


def _may_be_asked(world: World, order: Order) -> bool:
    service = service_of(world, order)
    offered = service is not None and service.cancel
    return offered and order.state is State.PLACED and reaches(world, order, "cancel")


async def _asked_for(world: World, orders: Sequence[Order]) -> Answers:
    said = await forwarded(orders, world.upstream.cancel)
    answers: Answers = {}
    for order in orders:
        no = said.get(order.id, Unreadable("not answered"))
        if no is None:
            await world.record(order, "cancel_asked")
            answers[order.id] = None
        else:
            answers[order.id] = await translated(
                world, order, "cancel", no, errors.CANCEL_NOT_AVAILABLE
            )
    now_ms = world.clock.now_ms()
    if soon := {order_id: now_ms for order_id, no in answers.items() if no is None}:
        await world.store.check_later(soon)
    return answers
