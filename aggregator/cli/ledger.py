"""``aggregator ledger …``: does every cent add up; ``statement`` and ``profit`` say whose."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output, profit, statement
from aggregator.cli.failures import FAILED
from aggregator.cli.opening import load, reading
from aggregator.cli.options import config_option, json_option

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.tx import Tx

_LOOKED_AT = {
    "resellers": "reseller",
    "orders": "order",
    "attempts": "attempt",
    "transfers": "transfer",
    "entries": "entry",
}


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
    amount = ", ".join(output.count(rows, _LOOKED_AT[table]) for table, rows in looked_at.items())
    if violations:
        found = output.count(len(violations), "violation")
        click.echo(f"The ledger does NOT verify: {found} in {amount}.")
    else:
        click.echo(f"The ledger verifies: {amount}.")


for command in (statement.statement, profit.profit):
    ledger.add_command(command)
