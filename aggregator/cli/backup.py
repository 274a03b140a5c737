"""``aggregator backup``: a sound copy of the database, beside a server that runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.opening import load, now_ms
from aggregator.cli.options import config_option, json_option

if TYPE_CHECKING:
    from aggregator.store.backup import Copy, Progress

WITH_PG_DUMP = (
    "Make the backup with:  pg_dump --format=custom --file={dest} URL  (the URL as `database:` "
    "has it). docs/backup.md says what to do after a pg_restore."
)


@click.command(
    epilog="Example: aggregator backup /var/backups/aggregator\n\n"
    "A directory gets a new file, named after the time."
)
@click.argument("dest", type=click.Path(path_type=Path))
@config_option
@json_option
def backup(dest: Path, config_path: Path, as_json: bool) -> None:
    """Copy the database to DEST, also while the server runs, and verify the copy.

    The copy is of one moment. It gets its name once it has been read back whole and its
    ledger verifies; nothing is ever overwritten.
    """
    from aggregator.store import backup as copying
    from aggregator.store import is_postgres, path_of
    from aggregator.store.exceptions import NotByFile

    loaded = load(config_path)
    if is_postgres(loaded.server.database):
        raise NotByFile(instead=WITH_PG_DUMP.format(dest=dest))
    database = path_of(loaded.server.database)
    began_s = time.monotonic()
    target = copying.destination(database, dest, now_ms())
    with progress("Copying") as told:
        made = copying.back_up(database, target, loaded.setup.policy, told)
    took_s = round(time.monotonic() - began_s, 1)
    if as_json:
        output.as_json({**described(made), "seconds": took_s})
    else:
        click.echo(f"{made.path}: {tell(made)}, verified, in {took_s} s.")


def described(made: "Copy") -> dict[str, object]:
    last_ms = made.last_order_at_ms
    return {
        "file": str(made.path),
        "bytes": made.size,
        "orders": made.orders,
        "last_order": made.last_order_id or None,
        "last_order_at": None if last_ms is None else output.moment(last_ms),
        "verified": True,
    }


def tell(made: "Copy") -> str:
    size = f"{made.size / 2**20:,.1f} MiB"
    if made.last_order_at_ms is None:
        return f"{size}, no orders"
    last = output.shown(made.last_order_at_ms)
    return f"{size}, {made.orders:,} orders, the last of {last} UTC"


@contextmanager
def progress(doing: str) -> Iterator["Progress"]:
    """A bar on a terminal; off one nothing is shown."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing)
        yield lambda done, pages: bar.update(task, completed=done, total=pages)
