"""``aggregator sandbox``: a pretend panel, to try things out against."""

import json
from pathlib import Path

import click

from aggregator.cli.options import json_option

SEEDS = ("smmxcel", "smmowner", "socialmediapanels", "smmgulf", "cheapsmmpanel")


@click.command(epilog="Example: aggregator sandbox --port 9001 --dialect smmgulf")
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="0: any free one.")
@click.option(
    "--dialect", type=click.Choice(["standard", *SEEDS]), default="standard", show_default=True
)
@click.option(
    "--log",
    "log_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the log of accepted orders here, and go on from it.",
)
@json_option
def sandbox(port: int, dialect: str, log_path: Path | None, as_json: bool) -> None:
    """Run a pretend panel until Ctrl-C.

    It answers on 127.0.0.1, its orders progress, and nothing is real. A link that
    contains sandbox-partial, sandbox-canceled, sandbox-failed or sandbox-stuck
    decides how its order ends.
    """
    import asyncio

    from aggregator.sandbox import KEY, run_sandbox

    def told(url: str) -> None:
        if as_json:
            click.echo(json.dumps({"url": url, "key": KEY, "dialect": dialect}))
        else:
            click.echo(f"A panel that speaks {dialect} answers at {url}, with the key {KEY}.")

    asyncio.run(run_sandbox(port, dialect, log_path=log_path, on_ready=told))
