"""``aggregator restore``: a backup put back, and what was bought since it was made."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.backup import described, progress, tell
from aggregator.cli.opening import load, now_ms, reading, writing
from aggregator.cli.options import config_option, confirm, json_option, yes_option
from aggregator.core.restoring import Progress, Stage

if TYPE_CHECKING:
    from aggregator.config import Loaded
    from aggregator.store.restores import Marked
    from aggregator.store.restoring import Restored
    from aggregator.store.tx import Row

WITH_PG_RESTORE = (
    "Put it back with pg_restore, while no server of yours runs, then:  aggregator restore "
    "--in-place"
)
_ASKED_LATER = (
    "When a server starts, it looks for what was bought since the backup; see `--status`."
)

_FOUND = """\
Not known here: bought since the backup, or one of the doubts left to a person.
The panel shows the link of each:"""


@click.command(
    epilog="\b\nExamples:\n  aggregator restore /var/backups/aggregator-20260131T030000Z.db\n"
    "  aggregator restore --status"
)
@click.argument("src", required=False, type=click.Path(path_type=Path))
@click.option("--in-place", is_flag=True, help="The database was put back by other means.")
@click.option("--status", is_flag=True, help="How far the search is, and what it has found.")
@click.option("--waive", metavar="PROVIDER", help="Sell there again before its search has ended.")
@yes_option
@config_option
@json_option
def restore(
    src: Path | None,
    in_place: bool,
    status: bool,
    waive: str | None,
    yes: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """Put the backup SRC in the place of the database. No server may run.

    The database that was there is kept beside it. Order IDs jump by a million, what was
    queued is canceled and given back, and what was being sent is left to a person. At the
    next start nothing is sold at a provider before what was bought there since the backup
    has been looked for.
    """
    if sum((src is not None, in_place, status, waive is not None)) != 1:
        raise click.UsageError("Name a backup, or one of --in-place, --status and --waive.")
    loaded = load(config_path)
    if src is not None:
        _put_back(loaded, src, yes, as_json)
    elif in_place:
        _mark(loaded, yes, as_json)
    elif waive is not None:
        _waive(loaded, waive, yes, as_json)
    else:
        _tell_status(loaded, as_json)


def _put_back(loaded: "Loaded", src: Path, yes: bool, as_json: bool) -> None:
    from aggregator.store import is_postgres, path_of, restoring
    from aggregator.store.exceptions import NotByFile

    if is_postgres(loaded.server.database):
        raise NotByFile(instead=WITH_PG_RESTORE)
    database, policy = path_of(loaded.server.database), loaded.setup.policy
    confirm(f"Put {src} in the place of {database}, which is kept beside it?", yes)
    with progress("Copying") as told:
        made = restoring.put_back(database, src, policy, now_ms(), told)
    if as_json:
        output.as_json(
            {
                **described(made.copy),
                **_described(made.marked),
                "replaced": None if made.replaced is None else str(made.replaced),
            }
        )
    else:
        _tell(made)


def _tell(made: "Restored") -> None:
    click.echo(f"{made.copy.path}: {tell(made.copy)}, verified.")
    if made.replaced is not None:
        click.echo(f"What was there is now {made.replaced}.")
    _tell_marked(made.marked)


def _tell_marked(marked: "Marked") -> None:
    click.echo(f"The next order will be {marked.next_order_id}.")
    if marked.canceled:
        click.echo(f"Canceled and given back: {len(marked.canceled)} that were queued.")
    if marked.doubts:
        click.echo(f"Left to a person: {len(marked.doubts)} (orders list --state in_doubt).")
    click.echo(_ASKED_LATER)


def _described(marked: "Marked") -> dict[str, object]:
    return {
        "restored_at": output.moment(marked.at_ms),
        "next_order": marked.next_order_id,
        "left_to_a_person": list(marked.doubts),
        "canceled": list(marked.canceled),
    }


def _mark(loaded: "Loaded", yes: bool, as_json: bool) -> None:
    from aggregator.store import is_postgres, path_of, restoring

    named, policy = loaded.server.database, loaded.setup.policy
    confirm("Was the database put back from a backup?", yes)
    if is_postgres(named):
        marked = restoring.mark_on_postgres(named, policy, now_ms())
    else:
        marked = restoring.mark_in_place(path_of(named), policy, now_ms())
    if as_json:
        output.as_json(_described(marked))
    else:
        _tell_marked(marked)


def _waive(loaded: "Loaded", provider: str, yes: bool, as_json: bool) -> None:
    from aggregator.store import restores

    if provider not in loaded.setup.providers:
        raise click.BadParameter(f"there is no provider {provider!r}.", param_hint="--waive")
    confirm(f"Sell at {provider} again, whatever else was bought there?", yes)
    with writing(loaded) as tx:
        if restores.marked(tx) is None:
            raise click.ClickException("This database was never restored.")
        done = restores.waive(tx, provider, now_ms())
    if as_json:
        output.as_json({"provider": provider, "waived": done})
    else:
        click.echo(f"{provider} is open." if done else f"{provider} was open already.")


def _tell_status(loaded: "Loaded", as_json: bool) -> None:
    from aggregator.store import restores

    with reading(loaded) as tx:
        marked = restores.marked(tx)
        known = restores.progress(tx)
        pending = restores.pending(tx, list(loaded.setup.providers)) or {}
        found = list(restores.foundlings(tx))
    searches = {
        name: known.get(name, Progress(Stage.SCANNING, "not begun"))
        for name in loaded.setup.providers
        if name in known or name in pending
    }
    if as_json:
        output.as_json(
            {
                "restored": None if marked is None else _described(marked),
                "searches": {name: _described_search(one) for name, one in searches.items()},
                "found": [_described_found(row) for row in found],
            }
        )
    elif marked is None:
        click.echo("This database was never restored.")
    else:
        _tell_searches(marked, searches, found)


def _described_search(one: Progress) -> dict[str, object]:
    since = output.moment(one.since_ms) if one.since_ms else None
    closed = one.stage is Stage.SCANNING
    return {"stage": one.stage.value, "closed": closed, "why": one.why, "since": since}


def _described_found(row: "Row") -> dict[str, object]:
    charge = row["charge_micros"]
    return {
        "provider": row["provider"],
        "sequence": row["kind"],
        "upstream_order_id": row["upstream_order_id"],
        "word": row["word"],
        "charge": None if charge is None else output.money(charge),
        "start_count": row["start_count"],
        "remains": row["remains"],
        "found_at": output.moment(row["found_at_ms"]),
    }


def _tell_searches(marked: "Marked", searches: dict[str, Progress], found: list["Row"]) -> None:
    click.echo(f"Restored {output.shown(marked.at_ms)} UTC.\n")
    rows = [
        (name, "closed" if one.stage is Stage.SCANNING else "open", one.stage.value, one.why)
        for name, one in searches.items()
    ]
    output.table(("PROVIDER", "SALES", "SEARCH", "WHY"), rows, free="WHY")
    if not found:
        click.echo("\nNo order was found that is not known here.")
        return
    click.echo(f"\n{_FOUND}")
    headings = ("PROVIDER", "SEQUENCE", "THEIR ORDER", "THEIR WORD", "THEIR CHARGE", "REMAINS")
    output.table(headings, (_line(row) for row in found), right="THEIR CHARGE,REMAINS")


def _line(row: "Row") -> tuple[str, ...]:
    return (
        row["provider"],
        row["kind"],
        row["upstream_order_id"],
        row["word"],
        output.money(row["charge_micros"]),
        output.maybe(row["remains"]),
    )
