"""What an order costs in the end, by what was delivered; and what a child of it is.

A drip-feed's runs and a subscription's posts are orders of their own
(``parent_id``) with charge 0: the parent paid. Each has a ``share_micros``, its
part of the parent's charge rounded down, to show to the reseller: the shares never
exceed what he paid. What the parent costs is reckoned once, from the sum of the
units that its children delivered, so that nothing is lost in roundings.
"""

from collections.abc import Sequence

from aggregator.core import pricing
from aggregator.core.lifecycle import ENDED
from aggregator.core.model import Kind, Order, State
from aggregator.core.order_types import TYPES, Billing


def cost(order: Order, children: Sequence[Order] = (), unregistered: int = 0) -> int:
    """What the order should finally cost, as far as is known, in micros.

    Of a child: its part of the parent's charge. ``unregistered`` are children just
    named, about which nothing else is known yet.
    """
    whole = order.charge_micros if order.parent_id is None else order.share_micros
    if order.kind.has_children and (children or unregistered):
        units = _units_of_children(order, children, unregistered)
        return pricing.share(whole, units, order.units)
    return pricing.share(whole, *delivered(order))


def is_post(order: Order) -> bool:
    """Whether it is one post of a subscription, whose size the provider chose."""
    return order.parent_id is not None and TYPES[order.service_type].billing is Billing.POSTS


def delivered(order: Order) -> tuple[int, int]:
    """What was delivered, and the whole it is a part of. Not yet known: all of it."""
    ended = order.state in ENDED
    if order.kind is Kind.SUBSCRIPTION and ended and order.posts_done is not None:
        return order.posts_done, order.runs or 1
    if order.state in (State.CANCELED, State.REJECTED):
        return 0, order.units
    theirs, full = order.upstream_charge_micros, order.upstream_cost_micros
    if order.state is State.PARTIAL and TYPES[order.service_type].per_order:
        return (1, 1) if theirs is None or not full else (theirs, full)
    # A post charged at nothing proves nothing: their parent order may have paid, too.
    if is_post(order) and ended and theirs and full:
        return theirs, full
    if order.state is State.PARTIAL:
        return order.units - (order.remains or 0), order.units
    return order.units, order.units


def _units(order: Order) -> int:
    part, whole = delivered(order)
    return min(order.units, -(-order.units * part // whole))


def _units_of_children(order: Order, children: Sequence[Order], unregistered: int) -> int:
    """What the children delivered, and what the pieces without a child count for.

    Those are still to come while the order runs. A completed drip-feed is
    believed to have made them all; a canceled one gives them back; an ended
    subscription had no more posts.
    """
    missing = (order.runs or 1) - len(children) - unregistered
    delivered = order.state is State.COMPLETED and order.kind is Kind.DRIPFEED
    if order.state in ENDED and not delivered:
        missing = 0
    return sum(map(_units, children)) + (unregistered + max(missing, 0)) * order.quantity


def child(parent: Order, upstream_order_id: str, now_ms: int) -> Order:
    """A run or a post that the provider named, to be registered as an order of ours."""
    pieces = parent.runs or 1
    cost_micros = parent.upstream_cost_micros
    return Order(
        id=0,
        reseller_id=parent.reseller_id,
        service_id=parent.service_id,
        service_type=parent.service_type,
        kind=Kind.NORMAL,
        state=State.PLACED,
        quantity=parent.quantity,
        units=parent.quantity,
        rate_micros=parent.rate_micros,
        charge_micros=0,
        created_at_ms=now_ms,
        parent_id=parent.id,
        share_micros=pricing.round_down(parent.charge_micros // pieces),
        config_revision=parent.config_revision,
        provider=parent.provider,
        upstream_service=parent.upstream_service,
        upstream_order_id=upstream_order_id,
        upstream_cost_micros=None if cost_micros is None else cost_micros // pieces,
        next_check_at_ms=now_ms,
    )
