"""``refill``: only of completed orders, of services that have it."""

from collections.abc import Sequence

from aggregator.actions.forward import forwarded, reaches, service_of, translated
from aggregator.actions.ids import asked
from aggregator.actions.refresh import fresh_orders
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.messages import Command, RefillAnswers, Refused, Unreadable
from aggregator.core.model import Order, Reseller, State

Answers = dict[int, str | Refused]


async def refill(
    world: World, reseller: Reseller, command: Command, request_id: str | None
) -> RefillAnswers:
    """By the text asked: the ID of the refill, ours, or why there is none."""
    ids = asked(command.params, "order", "orders", missing=errors.INCORRECT_ORDER_ID)
    # One not known to be completed is asked after first.
    known = [one for one in ids.values() if one]
    orders = await fresh_orders(world, reseller, known, lambda one: one.state is State.PLACED)
    able = [order for order in orders.values() if _may_be_asked(world, order)]
    answers = await _asked_for(world, able)
    return {text: _answer(orders, answers, order_id) for text, order_id in ids.items()}


def _answer(orders: dict[int, Order], answers: Answers, order_id: int | None) -> str | Refused:
    if order_id is None or order_id not in orders:
        return Refused(errors.INCORRECT_ORDER_ID)
    return answers.get(order_id, Refused(errors.REFILL_NOT_AVAILABLE))


def _may_be_asked(world: World, order: Order) -> bool:
    service = service_of(world, order)
    offered = service is not None and service.refill
    return offered and order.state is State.COMPLETED and reaches(world, order, "refill")


async def _asked_for(world: World, orders: Sequence[Order]) -> Answers:
    said = await forwarded(orders, world.upstream.refill)
    lost = Unreadable("not answered")
    return {order.id: await _kept(world, order, said.get(order.id, lost)) for order in orders}


async def _kept(world: World, order: Order, answer: str | Refused | Unreadable) -> str | Refused:
    if isinstance(answer, str):
        return str(await world.store.add_refill(order, answer, world.clock.now_ms()))
    return await translated(world, order, "refill", answer, errors.REFILL_NOT_AVAILABLE)
