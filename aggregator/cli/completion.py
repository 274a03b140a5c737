"""``aggregator completion``, and the names that a shell can complete.

Completing must neither fail nor change anything: where the configuration or the database
cannot be read there is nothing to offer.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from aggregator.cli.opening import load, reading

if TYPE_CHECKING:
    from aggregator.config import Loaded

SHELLS = ("bash", "zsh", "fish")
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


@click.command(
    epilog="""\b
Examples:
  aggregator completion bash > /etc/bash_completion.d/aggregator
  aggregator completion zsh > "${fpath[1]}/_aggregator"
  aggregator completion fish > ~/.config/fish/completions/aggregator.fish"""
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands, options and names."""
    found = get_completion_class(shell)
    assert found is not None
    root = ctx.find_root().command
    click.echo(found(root, {}, "aggregator", "_AGGREGATOR_COMPLETE").source())


def _offered(names: Callable[["Loaded"], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        path = ctx.params.get("config_path") or Path("config.yaml")
        try:
            found = sorted(names(load(path)))
        except Exception:  # whatever it is, the command itself will say it better
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def _resellers(loaded: "Loaded") -> list[str]:
    from aggregator.store import resellers

    with reading(loaded) as tx:
        return [one.name for one in resellers.listed(tx)]


complete_resellers = _offered(_resellers)
complete_providers = _offered(lambda loaded: loaded.setup.providers)
