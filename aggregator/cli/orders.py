"""``aggregator orders …``: looking at them. ``orders_by_hand`` adds the acts."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import orders_by_hand, output, story, story_json
from aggregator.cli.completion import complete_providers, complete_resellers
from aggregator.cli.opening import load, now_ms, reading
from aggregator.cli.options import config_option, json_option, order_argument
from aggregator.core.model import State

if TYPE_CHECKING:
    from aggregator.store.tx import Row


@click.group()
def orders() -> None:
    """Orders: what became of them, and what a person must decide."""


@orders.command("list", epilog="Example: aggregator orders list --state in_doubt --provider gulf")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="In this state only."
)
@click.option(
    "--provider",
    shell_complete=complete_providers,
    help="Placed there, or perhaps placed there.",
)
@click.option("--reseller", shell_complete=complete_resellers, help="His orders only.")
@click.option("--link", help="Exactly this link.")
@click.option("--limit", type=click.IntRange(1), help="Only the newest so many.")
@config_option
@json_option
def list_(
    state: str | None,
    provider: str | None,
    reseller: str | None,
    link: str | None,
    limit: int | None,
    config_path: Path,
    as_json: bool,
) -> None:
    """List orders, newest first: all of them, unless --limit says otherwise.

    PART OF is the order that paid for this one: its drip-feed or subscription.
    """
    from aggregator.store import lists, resellers

    loaded = load(config_path)
    wanted = lists.OrderFilter(State(state) if state else None, provider, reseller, link, limit)
    with reading(loaded) as tx:
        if reseller is not None:
            resellers.get(tx, reseller)  # a misspelt name is not an empty list
        found = lists.listed(tx, wanted)
        if as_json:
            output.stream_json(_described(row) for row in found)
        else:
            _print_table(found)


def _charged(row: "Row") -> int:
    """What the reseller has paid by now; nothing, where nothing was ever bought."""
    unbought = row["upstream_order_id"] is None
    if unbought and row["state"] in (State.CANCELED, State.REJECTED):
        return 0
    return int(row["charge_micros"] - row["refunded_micros"])


def _described(row: "Row") -> dict[str, object]:
    return {
        "order": row["id"],
        "state": row["state"],
        "reseller": row["reseller"],
        "service": row["service_id"],
        "charge": output.money(_charged(row)),
        "provider": row["provider"],
        "upstream_order_id": row["upstream_order_id"],
        "created_at": output.moment(row["created_at_ms"]),
        **({} if row["parent_id"] is None else {"parent": row["parent_id"]}),
    }


def _print_table(found: Iterable["Row"]) -> None:
    headings = (
        *("ORDER", "PART OF", "STATE", "RESELLER", "SERVICE", "CHARGE", "PROVIDER"),
        *("THEIR ORDER", "CREATED", "WHY"),
    )
    output.table(
        headings, _lines(found), right="ORDER,PART OF,SERVICE,CHARGE", free="STATE", cut="WHY"
    )


def _lines(found: Iterable["Row"]) -> Iterator[tuple[str, ...]]:
    for row in found:
        yield (
            str(row["id"]),
            "" if row["parent_id"] is None else str(row["parent_id"]),
            _state(row),
            row["reseller"],
            str(row["service_id"]),
            output.money(_charged(row)),
            output.maybe(row["provider"]),
            output.maybe(row["upstream_order_id"]),
            output.shown(row["created_at_ms"]),
            _why(row),
        )


def _state(row: "Row") -> str:
    return f"{row['state']}, needs a person" if row["needs_person"] else str(row["state"])


def _why(row: "Row") -> str:
    """Of an order in doubt, why it still is."""
    return str(json.loads(row["awaited"]).get("why") or "") if row["awaited"] else ""


@orders.command(epilog="Example: aggregator orders show 23501")
@order_argument
@config_option
@json_option
def show(order_id: int, config_path: Path, as_json: bool) -> None:
    """Explain one order: where it stands, what it cost, all that happened to it."""
    from aggregator.store import lists

    loaded = load(config_path)
    with reading(loaded) as tx:
        told = lists.story(tx, order_id)
    if as_json:
        output.as_json(story_json.described(told))
    else:
        story.tell(told, loaded.setup, now_ms())


for command in orders_by_hand.COMMANDS:
    orders.add_command(command)
