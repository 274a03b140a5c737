"""``aggregator sandbox``: a pretend panel, to try things out against."""

import json
from pathlib import Path

import click

from aggregator.cli.options import json_option

SEEDS = ("smmxcel", "smmowner", "socialmediapanels", "smmgulf", "cheapsmmpanel")


@click.command(epilog="Example: aggregator sandbox --port 9001 --dialect smmgulf")
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="0: any free one.")
@click.option(
    "--dialect",
    type=click.Choice(["standard", *SEEDS]),
    default="standard",
    show_default=True,
    help="How it speaks.",
)
@click.option(
    "--log",
    "log_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the log of accepted orders here, and go on from it.",
)
@click.option("--strict", is_flag=True, help="Know the dialect's own names only, as real panels.")
@json_option
def sandbox(port: int, dialect: str, log_path: Path | None, strict: bool, as_json: bool) -> None:
    """Run a pretend panel until Ctrl-C.

    It answers on 127.0.0.1, its orders progress, and nothing is real. A link that
    contains sandbox-partial, sandbox-canceled, sandbox-failed or sandbox-stuck
    decides how its order ends; with sandbox-refill-rejected its refill is rejected.

    Faults are set at the side door, one JSON object for each (a list replaces all):

    \b
      curl -d '{"fault": "drop_after", "action": "add", "times": 1}' URL/_sandbox/faults

    "fault" is drop_before, drop_after, hang, slow, cut_body, server_error, html,
    wrong_json, refuse, rate_limit or redirect. "action", "marker" (text in a parameter),
    "probability" and "times" say when it strikes; "seconds", "status", "text",
    "processed" and "content_length" how. GET URL/_sandbox/log has every order accepted;
    POST {"balance": "0"} to URL/_sandbox/balance empties the account. URL is without
    the path of the API.
    """
    import asyncio

    from aggregator.sandbox import KEY, run_sandbox

    def told(url: str) -> None:
        if as_json:
            click.echo(json.dumps({"url": url, "key": KEY, "dialect": dialect}))
        else:
            click.echo(f"A panel that speaks {dialect} answers at {url}, with the key {KEY}.")

    asyncio.run(run_sandbox(port, dialect, log_path=log_path, strict=strict, on_ready=told))
