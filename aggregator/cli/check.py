"""``aggregator check``: every mistake in a configuration, before a server trips over it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aggregator.cli import output
from aggregator.cli.failures import FAILED, MISTAKEN
from aggregator.cli.kinds import Duration
from aggregator.cli.opening import load, reading
from aggregator.cli.options import config_option, json_option

if TYPE_CHECKING:
    from aggregator.config import Loaded, Memory, Mistake


EXAMPLES = """
\b
Examples:
  aggregator check -c config.yaml
  aggregator check --live
  aggregator check -c new.yaml --replay 7d
"""


@click.command(epilog=EXAMPLES)
@click.option("--live", is_flag=True, help="Ask the providers: does every route fit what we sell?")
@click.option(
    "--replay",
    "replay_s",
    type=Duration(),
    metavar="TIME",
    help="What would it have done with the orders of the last 7d, say?",
)
@config_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, live: bool, replay_s: float | None, config_path: Path, as_json: bool
) -> None:
    """List every mistake in a configuration.

    It is held against the database too, if there is one. Nothing is changed, and
    without --live no provider is asked. Ends with 2 if there is a mistake, and with 1
    if --live finds something wrong. --replay takes every provider for well, and prices
    as they are now.
    """
    if live and replay_s is not None:
        raise click.UsageError("--live and --replay are two questions: ask one of them.")
    loaded = _sound(ctx, config_path, as_json)
    if replay_s is not None:
        from aggregator.cli.replaying import replayed

        replayed(loaded, replay_s, as_json)
        return
    if live:
        from aggregator.cli.live import checked

        ctx.exit(0 if checked(loaded, as_json) else FAILED)
    _tell(loaded, as_json)


def _sound(ctx: click.Context, config_path: Path, as_json: bool) -> "Loaded":
    from aggregator import config

    try:
        loaded = load(config_path, secrets=True)
        mistakes = config.check_against_memory(loaded.setup, _memory(loaded))
        if mistakes:
            raise config.ConfigErrors(loaded.locate(mistakes))
    except config.ConfigErrors as errors:
        if not as_json:
            raise
        output.as_json({"ok": False, "mistakes": _described(errors.mistakes), "warnings": []})
        ctx.exit(MISTAKEN)
    return loaded


def _memory(loaded: "Loaded") -> "Memory":
    """What the database remembers of earlier configurations; nothing, where there is none."""
    from aggregator import bootstrap, config
    from aggregator.store.exceptions import NoDatabase, OtherCurrency

    try:
        with reading(loaded) as tx:
            return bootstrap.memory(tx, bootstrap.clocks.SystemClock().now_ms())
    except NoDatabase:
        return config.Memory()
    except OtherCurrency as other:
        return config.Memory(str(other.facts["found"]))


def _tell(loaded: "Loaded", as_json: bool) -> None:
    from aggregator import config

    summary = config.summary(loaded)
    if as_json:
        warnings = _described(loaded.warnings)
        output.as_json({"ok": True, "summary": summary, "mistakes": [], "warnings": warnings})
        return
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(summary)


def _described(mistakes: Iterable["Mistake"]) -> list[dict[str, object]]:
    return [
        {
            "file": one.file,
            "line": one.line,
            "path": ".".join(str(part) for part in one.path),
            "message": one.message,
        }
        for one in mistakes
    ]
