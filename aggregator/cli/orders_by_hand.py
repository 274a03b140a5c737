"""The acts of ``aggregator orders``: what only a person can decide, done by hand.

Each leaves an event with its note; those that move money keep it in the ledger too.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.kinds import Amount
from aggregator.cli.opening import load, now_ms, reading, writing
from aggregator.cli.options import (
    config_option,
    confirm,
    json_option,
    order_argument,
    yes_option,
)
from aggregator.core.model import Order, State
from aggregator.dialects.values import sound_id

if TYPE_CHECKING:
    from aggregator.config import Loaded

# A retried order waits at least so long for a route, even where orders are not queued.
LEAST_WAIT_S = 600

note_option = click.option(
    "--note", default="by hand", show_default=True, help="The reason; it is kept with the order."
)


def _order(loaded: "Loaded", order_id: int) -> Order:
    from aggregator.store import orders

    with reading(loaded) as tx:
        return orders.get(tx, order_id)


def _done(loaded: "Loaded", order_id: int, what: str, as_json: bool, **more: object) -> None:
    """What came of it: the state that stands now."""
    state = _order(loaded, order_id).state.value
    if as_json:
        output.as_json({"order": order_id, "state": state, **more})
    else:
        click.echo(f"Order {order_id} {what}.")


@click.command(epilog="Example: aggregator orders resolve 23501 --placed 98112")
@order_argument
@click.option("--placed", metavar="UPSTREAM_ID", help="They have it, under this ID of theirs.")
@click.option("--not-placed", is_flag=True, help="They do not have it: give the hold back.")
@note_option
@yes_option
@config_option
@json_option
def resolve(
    order_id: int,
    placed: str | None,
    not_placed: bool,
    note: str,
    yes: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """Settle an order in doubt: look it up in the provider's panel, then say what is there."""
    from aggregator.store import by_hand

    placed = _sound_id(placed, not_placed)
    loaded = load(config_path)
    confirm(_resolving(order_id, placed), yes)
    with writing(loaded) as tx:
        if placed is not None:
            by_hand.resolve_placed(tx, order_id, placed, note, now_ms())
        else:
            by_hand.resolve_not_placed(tx, order_id, note, now_ms())
    what = "is canceled, its hold given back" if placed is None else f"is placed, as {placed}"
    _done(loaded, order_id, what, as_json)


def _sound_id(placed: str | None, not_placed: bool) -> str | None:
    """The upstream ID given, if any; exactly one of the two options must be."""
    if (placed is None) is not not_placed:
        raise click.UsageError("Give either --placed UPSTREAM_ID or --not-placed.")
    if placed is None:
        return None
    upstream_order_id = sound_id(placed.strip())
    if upstream_order_id is None:
        raise click.UsageError("An upstream ID is one ID: 1 to 64 letters, digits, _ and -.")
    return upstream_order_id


def _resolving(order_id: int, placed: str | None) -> str:
    if placed is None:
        return f"Cancel order {order_id} and give its hold back, as never placed?"
    return f"Charge order {order_id}, as placed there under {placed}?"


@click.command(epilog="Example: aggregator orders cancel 23501")
@order_argument
@note_option
@yes_option
@config_option
@json_option
def cancel(order_id: int, note: str, yes: bool, config_path: Path, as_json: bool) -> None:
    """Cancel a queued order at once, or ask the provider to cancel a placed one.

    A provider's yes means that it was asked; money moves when its status says so.
    """
    from aggregator.store import by_hand

    loaded = load(config_path)
    state = _order(loaded, order_id).state
    confirm(f"Cancel order {order_id}, which is {state}?", yes)
    if state is State.PLACED:
        _ask_provider(config_path, order_id, note)
        _done(loaded, order_id, "was asked for: the provider's next status decides", as_json)
        return
    with writing(loaded) as tx:
        by_hand.cancel(tx, order_id, note, now_ms())
    _done(loaded, order_id, "is canceled, its hold given back", as_json)


def _ask_provider(config_path: Path, order_id: int, note: str) -> None:
    import asyncio

    refused = asyncio.run(_forward(config_path, order_id, note))
    if refused is not None:
        raise click.ClickException(
            f"Order {order_id} was not canceled: {refused}."
            f" `aggregator orders show {order_id}` has the provider's words, if it said any."
        )


async def _forward(config_path: Path, order_id: int, note: str) -> str | None:
    """Why it was refused; None where the provider was asked."""
    from aggregator import bootstrap
    from aggregator.actions.cancel import cancel_orders

    async with bootstrap.counter(config_path, os.environ) as world:
        order = (await world.store.orders([order_id]))[order_id]
        await world.record(order, "cancel_by_hand", note=note)
        answer = (await cancel_orders(world, [order]))[order_id]
    return None if answer is None else answer.text


@click.command(epilog="Example: aggregator orders retry 23501")
@order_argument
@note_option
@yes_option
@config_option
@json_option
def retry(order_id: int, note: str, yes: bool, config_path: Path, as_json: bool) -> None:
    """Put an order back into the queue, or give a queued one more time there.

    Of an order in doubt this says that it was never placed: if it was, it is
    bought twice.
    """
    from aggregator.store import by_hand

    loaded = load(config_path)
    if _order(loaded, order_id).state is State.IN_DOUBT:
        confirm(f"Buy order {order_id} again? If the provider has it, it is bought twice.", yes)
    wait_s = max(loaded.setup.policy.queue_for_s, LEAST_WAIT_S)
    at_ms = now_ms()
    until_ms = at_ms + int(wait_s * 1000)
    with writing(loaded) as tx:
        by_hand.retry(tx, order_id, until_ms, note, at_ms)
    until = output.moment(until_ms)
    what = f"waits in the queue, until {output.shown(until_ms)} UTC"
    _done(loaded, order_id, what, as_json, queued_until=until)


@click.command(epilog='Example: aggregator orders refund 23501 1.50 --note "dropped again"')
@order_argument
@click.argument("amount", type=Amount(), required=False)
@click.option("--note", required=True, help="The reason; it stands in the ledger.")
@yes_option
@config_option
@json_option
def refund(
    order_id: int, amount: int | None, note: str, yes: bool, config_path: Path, as_json: bool
) -> None:
    """Give back AMOUNT of an order's charge, or all that is left of it."""
    from aggregator.store import by_hand

    loaded = load(config_path)
    currency = loaded.setup.policy.currency
    asked = amount or _order(loaded, order_id).net_charge_micros
    confirm(f"Refund {output.money(asked)} {currency} of order {order_id}?", yes)
    with writing(loaded) as tx:
        given = output.money(by_hand.refund(tx, order_id, amount, note, now_ms()))
    _done(loaded, order_id, f"is refunded {given} {currency}", as_json, refunded=given)


COMMANDS = (resolve, cancel, retry, refund)
