"""``aggregator reseller import``: resellers and what they have paid, from another panel.

All of a file or nothing: every line is checked first, and one transaction writes them.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from aggregator.cli import output
from aggregator.cli.failures import Mistaken
from aggregator.cli.kinds import Amount, Discount, NewKey, NewName, Scopes
from aggregator.cli.opening import load, now_ms, reading, writing
from aggregator.cli.options import config_option, confirm, json_option, yes_option
from aggregator.core.model import Scope

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.tx import Tx

_COLUMNS: dict[str, click.ParamType[Any]] = {
    "name": NewName(),
    "balance": Amount(zero=True),
    "key": NewKey(),
    "scopes": Scopes(),
    "discount": Discount(),
}
_LARGEST = 64 * 1024 * 1024
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A line of the file. ``key``: the one he has already, if he keeps it."""

    line: int
    name: str
    balance: int = 0
    key: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    discount: int = 0


@click.command(
    "import",
    epilog="""\b
Examples:
  aggregator reseller import resellers.csv --dry-run
  aggregator reseller import resellers.csv --keys-to keys.csv""",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--skip-existing", is_flag=True, help="Leave resellers alone that are known.")
@click.option(
    "--keys-to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write new keys to this new file, for your eyes only.",
)
@click.option("--note", default="imported", show_default=True, help="It stands in the ledger.")
@yes_option
@config_option
@json_option
def import_(
    file: Path,
    dry_run: bool,
    skip_existing: bool,
    keys_to: Path | None,
    note: str,
    yes: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """Add the resellers of a CSV file, with their balances: all of them, or none.

    The first line names the columns: `name`, and any of `balance`, `key` (one that he has
    already; without it he gets a new one), `scopes` and `discount`. Every mistake is told
    with its line, and so is a name that is known already, unless --skip-existing.
    """
    loaded = load(config_path)
    entrants = _read(file)
    if not dry_run:
        confirm(_question(entrants, loaded.setup.policy.currency), yes)
    if dry_run:
        fresh, shown = _tried(loaded, file, entrants, skip_existing), {}
    else:
        with _keeping(keys_to) as keep, writing(loaded, create=True) as tx:
            fresh = _unknown(tx, file, entrants, skip_existing)
            keep(given := _added(tx, fresh, note))
        shown = {one.name: one.key for one in given} if keys_to is None else {}
    if as_json:
        output.as_json([_described(one, shown) for one in fresh])
    else:
        _tell(fresh, len(entrants) - len(fresh), shown, dry_run)


def _tried(
    loaded: "Loaded", file: Path, entrants: Sequence[Entrant], skip_existing: bool
) -> Sequence[Entrant]:
    from aggregator.store.exceptions import NoDatabase

    try:
        with reading(loaded) as tx:
            return _unknown(tx, file, entrants, skip_existing)
    except NoDatabase:
        return entrants


def _question(entrants: Sequence[Entrant], currency: str) -> str:
    micros = sum(one.balance for one in entrants)
    return f"Import {_many(len(entrants))} with {output.money(micros)} {currency}?"


def _many(count: int) -> str:
    return output.count(count, "reseller")


def _read(file: Path) -> list[Entrant]:
    """Every line, or Mistaken with all that is wrong with them."""
    rows = csv.reader(io.StringIO(text := _text(file), newline=""), delimiter=_delimiter(text))
    mistakes: list[str] = []
    entrants: list[Entrant] = []
    try:
        columns = _columns(next(rows, []), file)
        for row in rows:
            if any(cell.strip() for cell in row):
                entrants.append(_entrant(columns, row, rows.line_num, mistakes))
    except csv.Error as error:
        mistakes.append(f"{rows.line_num}: {error}")
    mistakes += _twice(entrants, "name") + _twice(entrants, "key")
    _refuse(file, mistakes)
    return entrants


def _refuse(file: Path, mistakes: Sequence[str]) -> None:
    if mistakes:
        by_line = sorted(mistakes, key=lambda one: int(one.partition(":")[0]))
        raise Mistaken("\n".join(output.safe(f"{file}:{one}") for one in by_line))


def _text(file: Path) -> str:
    with click.open_file(str(file), "rb") as stream:
        content: bytes = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise Mistaken(f"{file}: is larger than 64 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Mistaken(f"{file}:{line}: is not UTF-8") from None


def _delimiter(text: str) -> str:
    """That of the first line: spreadsheets do not agree on one."""
    first = text.partition("\n")[0]
    return max(_DELIMITERS, key=first.count)


def _columns(row: Sequence[str], file: Path) -> list[str]:
    columns = [cell.strip().lower() for cell in row]
    unknown = [one for one in columns if one not in _COLUMNS]
    if unknown or "name" not in columns or len(set(columns)) < len(columns):
        known = ", ".join(_COLUMNS)
        raise Mistaken(
            output.safe(f"{file}:1: must name the columns, each once: name, and any of {known};")
            + output.safe(f" not {', '.join(columns) or 'nothing'}")
        )
    return columns


def _entrant(columns: Sequence[str], row: Sequence[str], line: int, mistakes: list[str]) -> Entrant:
    if len(row) != len(columns):
        mistakes.append(f"{line}: has {len(row)} columns, not {len(columns)}")
    given: dict[str, Any] = {"name": ""}
    for column, cell in zip(columns, row, strict=False):
        if column == "name" or cell.strip():
            try:
                given[column] = _COLUMNS[column].convert(cell.strip(), None, None)
            except click.BadParameter as error:
                mistakes.append(f"{line}: {column}: {error.message}")
    return Entrant(line, **given)


def _twice(entrants: Sequence[Entrant], column: str) -> list[str]:
    """Keys are not quoted: they are secrets."""
    counted = Counter(value for one in entrants if (value := getattr(one, column)))
    return [
        f"{one.line}: {column}: stands in another line too"
        for one in entrants
        if counted[getattr(one, column)] > 1
    ]


def _unknown(
    tx: "Tx", file: Path, entrants: Sequence[Entrant], skip_existing: bool
) -> list[Entrant]:
    """Those who are to be added. Mistaken where a name or a key is known already."""
    from aggregator.store import keys, resellers

    known = {one.name for one in resellers.listed(tx)}
    fresh = [one for one in entrants if one.name not in known]
    mistakes = [
        f"{one.line}: key: is somebody's already" for one in fresh if keys.taken(tx, one.key)
    ]
    if not skip_existing:
        mistakes += [
            f"{one.line}: name: there is a reseller {one.name!r} already"
            for one in entrants
            if one.name in known
        ]
    _refuse(file, mistakes)
    return fresh


def _added(tx: "Tx", fresh: Sequence[Entrant], note: str) -> list[Entrant]:
    """Each with his new key; who keeps his own is left out."""
    from aggregator.store import resellers

    at_ms = now_ms()
    given = []
    for one in fresh:
        key = resellers.add(tx, one.name, at_ms, one.scopes, one.discount, one.key)
        if one.balance:
            resellers.credit(tx, one.name, one.balance, note, at_ms)
        if one.key is None:
            given.append(replace(one, key=key))
    return given


@contextmanager
def _keeping(path: Path | None) -> Iterator[Callable[[Sequence[Entrant]], None]]:
    """Writes keys to a new file before their resellers are on disk; it goes again if those
    are known to have come to nothing."""
    if path is None:
        yield lambda _given: None
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield partial(_write_keys, stream)
    except BaseException as error:
        if _wrote_nothing(error):
            path.unlink()
        else:
            click.echo(f"The keys are kept in {path}: their resellers may be there.", err=True)
        raise


def _wrote_nothing(error: BaseException) -> bool:
    """An interruption may come with the COMMIT on its way, like a server's going."""
    from aggregator.store.exceptions import StoreUnsure

    return isinstance(error, Exception) and not isinstance(error, StoreUnsure)


def _write_keys(stream: TextIO, given: Sequence[Entrant]) -> None:
    output.as_csv(("name", "key"), ((one.name, one.key) for one in given), stream)
    stream.flush()
    os.fsync(stream.fileno())


def _tell(
    fresh: Sequence[Entrant], skipped: int, shown: dict[str, str | None], dry_run: bool
) -> None:
    also = f"; {output.count(skipped, 'other')} known already" if skipped else ""
    what = "would be added" if dry_run else "added"
    money = output.money(sum(one.balance for one in fresh))
    click.echo(f"{_many(len(fresh))} {what}, with {money} in all{also}.", err=bool(shown))
    if shown:
        click.echo("New keys, shown this once:", err=True)
        output.as_csv(("name", "key"), shown.items())


def _described(one: Entrant, shown: dict[str, str | None]) -> dict[str, object]:
    key = {"key": shown[one.name]} if one.name in shown else {}
    return {"reseller": one.name, "balance": output.money(one.balance), **key}
