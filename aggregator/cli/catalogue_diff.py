"""``aggregator catalogue diff``: what providers have changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.failures import FAILED
from aggregator.cli.kinds import Duration
from aggregator.cli.opening import load, now_ms, reading
from aggregator.cli.options import config_option, json_option
from aggregator.core import drift
from aggregator.core.drift import Change
from aggregator.core.model import Offer
from aggregator.core.plaintext import plain_text

if TYPE_CHECKING:
    from aggregator.config import Loaded

ALL = 1_000_000  # more than are ever kept

EXAMPLES = """
\b
Examples:
  aggregator catalogue diff
  aggregator catalogue diff gulf --since 24h --ours
  aggregator catalogue diff gulf --live
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """``at_ms`` None: it is so now, and was not written down yet."""

    at_ms: int | None
    change: Change
    name: str
    ours: Sequence[int]


@click.command("diff", epilog=EXAMPLES)
@click.argument("provider", required=False)
@click.option("--since", type=Duration(), default="7d", show_default=True, help="How far back.")
@click.option("--ours", is_flag=True, help="Only what routes of ours lead to.")
@click.option("--live", is_flag=True, help="Ask now: what differs from the list as last read?")
@config_option
@json_option
@click.pass_context
def diff(
    ctx: click.Context,
    provider: str | None,
    since: float,
    ours: bool,
    live: bool,
    config_path: Path,
    as_json: bool,
) -> None:
    """List what providers changed: rates, limits, types, services that came or went.

    Newest first, of one provider or of all. OURS are the services of ours concerned.
    Ends with 1 if a provider was to be asked and did not answer.
    """
    from aggregator.cli import asking

    loaded = load(config_path, secrets=live)
    if provider is not None:
        asking.known(loaded, provider)
    names = [provider] if provider else list(loaded.setup.providers)
    told = [_of_now(loaded, one) if live else _written_down(loaded, one, since) for one in names]
    lines = [line for one in told for line in one or ()]
    found = sorted((one for one in lines if one.ours or not ours), key=_newest_first)
    if as_json:
        output.as_json([_described(one) for one in found])
    else:
        _show(found)
    ctx.exit(FAILED if None in told else 0)


def _newest_first(line: _Line) -> int:
    return -(line.at_ms or 0)


def _written_down(loaded: "Loaded", provider: str, since_s: float) -> list[_Line]:
    from aggregator.store import catalogue

    with reading(loaded) as tx:
        names = {key: one.name for key, one in catalogue.of_provider(tx, provider).items()}
        found = catalogue.changes(tx, provider, now_ms() - int(since_s * 1000), ALL)
    return _lines(loaded, provider, ((one.at_ms, one.change) for one in found), names)


def _of_now(loaded: "Loaded", provider: str) -> list[_Line] | None:
    """Against the stored list; None, told on stderr, where the provider is silent."""
    from aggregator.cli import asking
    from aggregator.store import catalogue

    with reading(loaded) as tx:
        before = catalogue.of_provider(tx, provider)
    try:
        now = asking.listed(loaded, provider)
    except click.ClickException as silent:
        click.echo(silent.message, err=True)
        return None
    there = {key: one for key, one in before.items() if not one.gone}
    if there and (doubt := drift.doubt(there, now)):
        click.echo(f"{provider}: a server would not believe this list: {doubt}.", err=True)
    changes = [
        (None, change)
        for key in dict.fromkeys([*now, *before])
        for change in drift.changes(provider, before.get(key), now.get(key))
    ]
    return _lines(loaded, provider, changes, _names([*before.values(), *now.values()]))


def _names(offers: Iterable[Offer]) -> dict[str, str]:
    return {one.service: one.name for one in offers}


def _lines(
    loaded: "Loaded",
    provider: str,
    changes: Iterable[tuple[int | None, Change]],
    names: dict[str, str],
) -> list[_Line]:
    from aggregator.cli import asking

    ours = asking.served_by(loaded, provider)
    return [
        _Line(at_ms, one, plain_text(names.get(one.service, "")), ours.get(one.service, []))
        for at_ms, one in changes
    ]


def _show(lines: Sequence[_Line]) -> None:
    if not lines:
        click.echo("No changes.")
        return
    headings = ("WHEN", "PROVIDER", "SERVICE", "OURS", "CHANGE", "NAME")
    rows = (
        (
            "now" if one.at_ms is None else output.shown(one.at_ms),
            one.change.provider,
            one.change.service,
            ", ".join(map(str, one.ours)),
            _said(one.change),
            one.name,
        )
        for one in lines
    )
    output.table(headings, rows, right="SERVICE", free="OURS,CHANGE,NAME")


def _said(one: Change) -> str:
    if one.field == drift.SERVICE:
        return "new" if one.old is None else "gone"
    old, new = (plain_text(output.maybe(value)) for value in (one.old, one.new))
    return f"{one.field} {old} → {new}"


def _described(line: _Line) -> dict[str, object]:
    one = line.change
    return {
        "at": None if line.at_ms is None else output.moment(line.at_ms),
        "provider": one.provider,
        "service": one.service,
        "field": one.field,
        "old": one.old,
        "new": one.new,
        "name": line.name,
        "ours": list(line.ours),
    }
