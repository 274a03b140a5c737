"""``aggregator ledger …``: does every cent add up, and where did a reseller's go."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.failures import FAILED
from aggregator.cli.opening import load, reading
from aggregator.cli.options import config_option, json_option

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.tx import Row, Tx

_LOOKED_AT = ("resellers", "orders", "attempts", "transfers", "entries")


@click.group()
def ledger() -> None:
    """The ledger: every movement of money, in double entry."""


@ledger.command(epilog="Example: aggregator ledger verify")
@config_option
@json_option
@click.pass_context
def verify(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Hold the ledger to its rules, in one snapshot; exit 1 where one is broken."""
    ctx.exit(0 if verified(load(config_path), as_json) else FAILED)


def verified(loaded: "Loaded", as_json: bool = False) -> bool:
    """Prints what is wrong with the ledger, or that nothing is."""
    from aggregator.store import verify as rules

    with reading(loaded) as tx:
        violations = rules.verify(tx)
        looked_at = {table: _count(tx, table) for table in _LOOKED_AT}
    if as_json:
        result = {"ok": not violations, "violations": violations, "looked_at": looked_at}
        output.as_json(result)
    else:
        _tell(violations, looked_at)
    return not violations


def _count(tx: "Tx", table: str) -> int:
    row = tx.one(f"SELECT count(*) AS rows FROM {table}")
    return 0 if row is None else int(row["rows"])


def _tell(violations: list[str], looked_at: dict[str, int]) -> None:
    for violation in violations:
        click.echo(output.safe(violation))
    amount = ", ".join(f"{count} {table}" for table, count in looked_at.items())
    if violations:
        click.echo(f"The ledger does NOT verify: {len(violations)} violations in {amount}.")
    else:
        click.echo(f"The ledger verifies: {amount}.")


@ledger.command(epilog="Example: aggregator ledger statement shop")
@click.argument("name")
@config_option
@json_option
def statement(name: str, config_path: Path, as_json: bool) -> None:
    """Print every movement of a reseller's money, oldest first."""
    print_statement(load(config_path), name, as_json)


def print_statement(loaded: "Loaded", name: str, as_json: bool = False) -> None:
    from aggregator.store import resellers

    with reading(loaded) as tx:
        account = resellers.get(tx, name)
        lines = _running(resellers.statement(tx, name))
    if as_json:
        output.as_json([_described(row, left) for row, left in lines])
        return
    headings = ("WHEN", "WHAT", "ORDER", "AVAILABLE", "HELD", "LEFT", "NOTE")
    rows = (_line(row, left) for row, left in lines)
    output.table(headings, rows, right="AVAILABLE,HELD,LEFT", free="NOTE")
    available, held = output.money(account.available_micros), output.money(account.held_micros)
    currency = loaded.setup.policy.currency
    click.echo(f"\n{name} has {available} {currency} available, {held} held.")


def _running(rows: list["Row"]) -> list[tuple["Row", int]]:
    """Each line with what was available after it."""
    lines, left = [], 0
    for row in rows:
        left += row["available_micros"]
        lines.append((row, left))
    return lines


def _described(row: "Row", left: int) -> dict[str, object]:
    return {
        "at": output.moment(row["created_at_ms"]),
        "kind": row["kind"],
        "order": row["order_id"],
        "available": output.money(row["available_micros"]),
        "held": output.money(row["held_micros"]),
        "left": output.money(left),
        "note": row["note"],
    }


def _line(row: "Row", left: int) -> tuple[str, ...]:
    return (
        output.shown(row["created_at_ms"]),
        row["kind"],
        output.maybe(row["order_id"]),
        _signed(row["available_micros"]),
        _signed(row["held_micros"]),
        output.money(left),
        row["note"] or "",
    )


def _signed(micros: int) -> str:
    return f"+{output.money(micros)}" if micros > 0 else output.money(micros) if micros else ""
