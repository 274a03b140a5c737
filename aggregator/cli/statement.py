"""``aggregator ledger statement``: where a reseller's money went."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aggregator.cli import output
from aggregator.cli.opening import load, now_ms, reading
from aggregator.cli.options import (
    config_option,
    csv_option,
    json_option,
    name_argument,
    one_form,
    period_options,
)
from aggregator.core.ledger import EVER, Period

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.tx import Row

Line = dict[str, Any]

_COLUMNS = ("at", "kind", "order", "available", "held", "left", "note")


@click.command(
    epilog="""\b
Examples:
  aggregator ledger statement shop
  aggregator ledger statement shop --from 2026-01-01 --to 2026-01-31 --csv > january.csv"""
)
@name_argument
@period_options
@csv_option
@config_option
@json_option
def statement(name: str, period: Period, as_csv: bool, config_path: Path, as_json: bool) -> None:
    """Print every movement of a reseller's money, oldest first.

    LEFT is what he could spend after it. Given a period, and in CSV always, the first
    and the last line are the balance with which it opened and closed.
    """
    one_form(as_csv, as_json)
    loaded = load(config_path)
    with _told(loaded, name, period) as told:
        if as_csv:
            output.as_csv(_COLUMNS, ([line[one] for one in _COLUMNS] for line in told.framed()))
        elif as_json:
            output.stream_json(told.lines() if period == EVER else told.framed())
        else:
            _print(told, loaded.setup.policy.currency)


@dataclass(slots=True)
class _Told:
    """A statement being read: what is left is known once its lines have been."""

    name: str
    period: Period
    now_ms: int
    rows: Iterator["Row"]
    available_micros: int
    held_micros: int

    def lines(self) -> Iterator[Line]:
        for row in self.rows:
            available, held = int(row["available_micros"]), int(row["held_micros"])
            self.available_micros += available
            self.held_micros += held
            yield self._line(
                row["created_at_ms"], row["kind"], row["order_id"], available, held, row["note"]
            )

    def framed(self) -> Iterator[Line]:
        """With a line before and after for the balance."""
        yield self._balance("opening", self.period.from_ms)
        yield from self.lines()
        yield self._balance("closing", min(self.period.until_ms, self.now_ms))

    def _balance(self, kind: str, at_ms: int) -> Line:
        return self._line(at_ms, kind, None, self.available_micros, self.held_micros, None)

    def _line(
        self,
        at_ms: int,
        kind: str,
        order_id: int | None,
        available: int,
        held: int,
        note: str | None,
    ) -> Line:
        return {
            "at": output.moment(at_ms),
            "kind": kind,
            "order": order_id,
            "available": output.money(available),
            "held": output.money(held),
            "left": output.money(self.available_micros),
            "note": note,
        }


@contextmanager
def _told(loaded: "Loaded", name: str, period: Period) -> Iterator[_Told]:
    from aggregator.store import money, resellers

    with reading(loaded) as tx:
        reseller_id = resellers.get(tx, name).id
        opening = money.balance_at(tx, reseller_id, period.from_ms)
        rows = money.statement(tx, reseller_id, period)
        yield _Told(name, period, now_ms(), rows, *opening)


def print_statement(loaded: "Loaded", name: str) -> None:
    """All of it, for people."""
    with _told(loaded, name, EVER) as told:
        _print(told, loaded.setup.policy.currency)


def _print(told: _Told, currency: str) -> None:
    headings = ("WHEN", "WHAT", "ORDER", "AVAILABLE", "HELD", "LEFT", "NOTE")
    lines = told.lines() if told.period == EVER else told.framed()
    output.table(headings, map(_row, lines), right="AVAILABLE,HELD,LEFT", free="NOTE")
    available, held = output.money(told.available_micros), output.money(told.held_micros)
    had = "has" if told.period.until_ms > told.now_ms else "had"
    click.echo(f"\n{told.name} {had} {available} {currency} available, {held} held.")


def _row(line: Line) -> tuple[str, ...]:
    balance = line["kind"] in ("opening", "closing")
    changes = [line[one] if balance else _signed(line[one]) for one in ("available", "held")]
    return (
        line["at"][:19].replace("T", " "),
        line["kind"],
        output.maybe(line["order"]),
        *changes,
        line["left"],
        line["note"] or "",
    )


def _signed(amount: str) -> str:
    if amount == "0.00":
        return ""
    return amount if amount.startswith("-") else f"+{amount}"
