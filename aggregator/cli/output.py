"""What the commands print: tables for people, JSON for programs.

Links, comments and a provider's words come from strangers. They are shown with
control characters spelled out, so that none of them can move the cursor, and never
read as markup.
"""

import csv
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import TYPE_CHECKING, Literal

import click

from aggregator.core import pricing

if TYPE_CHECKING:
    from _typeshed import SupportsWrite
    from rich.console import Console

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what it begins with for a spreadsheet
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII).fullmatch
_ENDLESS = 10_000
_GAP = 2  # between two columns
_NARROWEST = 12  # of what may be folded or cut
_LINE = 96  # the longest line of prose


def as_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def stream_json(items: Iterable[object]) -> None:
    """A list, an item a line: there may be millions."""
    separator = "["
    for item in items:
        click.echo(f"{separator}\n  {json.dumps(item, ensure_ascii=False)}", nl=False)
        separator = ","
    click.echo("\n]" if separator == "," else "[]")


def as_csv(
    headings: Iterable[str],
    rows: Iterable[Iterable[object]],
    to: "SupportsWrite[str] | None" = None,
) -> None:
    """RFC 4180, a row at a time, on standard output unless ``to`` a file; None is an empty
    cell. A text that a spreadsheet would take for a formula has a ' before it."""
    writer = csv.writer(to or _Stdout())
    writer.writerow(headings)
    writer.writerows(map(_cell, row) for row in rows)


def _cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(FORMULA) and not _NUMBER(value)
    return f"'{value}" if is_formula else value


class _Stdout:
    def write(self, text: str) -> None:
        click.echo(text, nl=False)


def moment(at_ms: int) -> str:
    """ISO 8601 in UTC: ``2026-01-31T09:30:00.250Z``."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(at_ms: int | None) -> str:
    """The same for people: ``2026-01-31 09:30:00``, always UTC; a dash for never."""
    return "–" if at_ms is None else moment(at_ms)[:19].replace("T", " ")


def maybe(value: object) -> str:
    return "–" if value is None else str(value)


def money(micros: int | None) -> str:
    return "–" if micros is None else pricing.exact(micros)


def count(number: int, noun: str) -> str:
    """``1 order``, ``2 orders``; of an "entry" there are entries."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{number} {noun}s"


def safe(text: str) -> str:
    """``text`` on one line, with what is not printable spelled out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def room(indent: int, otherwise: int) -> int:
    """How many characters fit into the rest of a terminal's line; ``otherwise`` off one."""
    if not sys.stdout.isatty():
        return otherwise
    return max(shutil.get_terminal_size().columns - indent, 2 * _NARROWEST)


def wrapped(text: str, indent: str = "") -> str:
    """``text`` made ``safe``, on as many lines as it needs."""
    return textwrap.fill(
        safe(text),
        min(room(0, _LINE), _LINE),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _filled(
    headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    if not rows:
        return headings, rows
    filled = [any(column) for column in zip(*rows, strict=True)]
    return list(compress(headings, filled)), [list(compress(row, filled)) for row in rows]


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: str = "",
    free: str = "",
    cut: str = "",
) -> None:
    """One line a row; a column with nothing in it is left out.

    ``right`` and ``free``: comma lists of headings, of the columns of numbers and of those
    that may be folded to fit a narrow terminal, though not to nothing. ``cut``: the last
    column, if it has only the room that the others leave, or is left out.
    """
    from rich.console import Console

    headings, filled = _filled(headings, [[safe(cell) for cell in row] for row in rows])
    console = Console(highlight=False)
    safe_rows: list[Sequence[str]] = [headings, *filled]
    if console.is_terminal and headings[-1] == cut:
        safe_rows = _last_cut(safe_rows, console.width)
    widths = _widths(safe_rows)
    if console.is_terminal and sum(widths) + _GAP * (len(widths) - 1) > console.width:
        _folded(console, safe_rows, widths, right, free)
        return
    for number, row in enumerate(safe_rows):
        line = _line(row, widths, [heading in right.split(",") for heading in safe_rows[0]])
        click.secho(line, bold=number == 0)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _last_cut(rows: Sequence[Sequence[str]], width: int) -> list[Sequence[str]]:
    """``rows`` with their last cells in what the others leave of ``width``."""
    from rich.cells import cell_len, set_cell_size

    room_left = width - sum(_GAP + one for one in _widths([row[:-1] for row in rows]))
    if room_left < _NARROWEST:
        return [row[:-1] for row in rows]
    return [
        row
        if cell_len(row[-1]) <= room_left
        else [*row[:-1], f"{set_cell_size(row[-1], room_left - 1)}…"]
        for row in rows
    ]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    from rich.cells import cell_len

    cells = []
    for cell, width, is_right in zip(row, widths, right, strict=True):
        blank = " " * (width - cell_len(cell))
        cells.append(f"{blank}{cell}" if is_right else f"{cell}{blank}")
    return (" " * _GAP).join(cells).rstrip()


def _folded(
    console: "Console",
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    right: str,
    free: str,
) -> None:
    """What is wider than the terminal; rich takes its time with thousands of rows."""
    from rich.measure import measure_renderables
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for heading, longest in zip(rows[0], widths, strict=True):
        folds = heading in free.split(",")
        justify: Literal["right", "left"] = "right" if heading in right.split(",") else "left"
        grid.add_column(
            heading,
            justify=justify,
            min_width=min(longest, _NARROWEST) if folds else longest,
            overflow="fold",
            no_wrap=not folds,
        )
    for row in rows[1:]:
        grid.add_row(*map(Text, row))
    # A number cut in two misleads: better that the terminal breaks the whole line.
    endless = console.options.update(width=_ENDLESS)
    least = measure_renderables(console, endless, [grid]).minimum
    console.width = max(console.width, least)
    console.print(grid)
