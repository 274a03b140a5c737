"""``aggregator serve``: the server, until it is told to stop."""

import os
from pathlib import Path

import click

from aggregator.cli.options import config_option


@click.command(epilog="Example: aggregator serve -c /etc/aggregator/config.yaml")
@config_option
@click.pass_context
def serve(ctx: click.Context, config_path: Path) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    On either it takes no new connections, serves open ones for up to 5 more seconds,
    carries the orders under way to an outcome, for `drain_within` at most, and ends.
    SIGHUP reloads the configuration: whole, or with a mistake in it, not at all.
    """
    import asyncio

    import uvloop

    from aggregator import bootstrap

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ctx.exit(runner.run(bootstrap.serve(config_path, os.environ)))
