"""``aggregator probe``: how does a panel speak? Blocks for the configuration come out."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from aggregator.cli import output
from aggregator.cli.kinds import UpstreamId, Url
from aggregator.cli.options import json_option

if TYPE_CHECKING:
    from aggregator.dialects import Learned

EXAMPLES = """
\b
Examples:
  aggregator probe https://panel.example/api/v2 --key-file panel.key
  aggregator probe https://panel.example/api/v2 --key-file panel.key --order 23501
"""

_NOT_A_NAME = re.compile(r"[^a-z0-9_-]+")
_ANYWHERE = frozenset({"www", "api", "app", "panel", "my", "t", "localhost"})


@click.command(epilog=EXAMPLES)
@click.argument("url", type=Url())
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path),
    help="A file with the key of your account there, in one line.",
)
@click.option("--name", help="What to call the provider; by its host.")
@click.option(
    "--order",
    metavar="ID",
    type=UpstreamId(),
    help="An order of yours there: its status shows more.",
)
@json_option
def probe(url: str, key_file: Path, name: str | None, order: str | None, as_json: bool) -> None:
    """Find out how a panel speaks, and print what to configure.

    Only its list of services, the balance and the status of orders and refills that
    cannot exist are asked for: nothing is ordered, refilled or canceled. What is
    printed is YAML, with what each line was concluded from, and with what could not be
    learned.
    """
    from aggregator.cli.asking import waiting
    from aggregator.config import values

    called = _called(url) if name is None else name
    try:
        values.name(called)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--name") from None
    key = _key(key_file)
    with waiting(f"Asking {urlsplit(url).hostname} …"):
        learned = _learned(url, key, order)
    provider = _provider(url, key_file, called, learned)
    if as_json:
        output.as_json(_described(provider, called, learned))
    else:
        click.echo("\n".join(_lines(provider, called, learned)))


def _key(path: Path) -> str:
    from aggregator.config.keys import read_secret

    try:
        return read_secret(str(path.absolute()), Path(), {})
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}.") from None


def _learned(url: str, key: str, order: str | None) -> "Learned":
    import asyncio

    from aggregator.config.forms import builtin_dialects
    from aggregator.dialects import Unlearned, build_all, conclude, listen
    from aggregator.upstream import converse

    try:
        seen = asyncio.run(converse(url, listen(key, order)))
    except Unlearned as why:
        raise click.ClickException(f"{output.safe(str(why))}.") from None
    dialects, _ = build_all(builtin_dialects())
    return conclude(seen, urlsplit(url).hostname or "", dialects)


def _called(url: str) -> str:
    """A name out of the host: ``smmgulf`` of ``www.smmgulf.com``."""
    host = (urlsplit(url).hostname or "").lower()
    labels = [label for label in host.split(".")[:-1] if label not in _ANYWHERE]
    name = "" if host.replace(".", "").isdigit() else _NOT_A_NAME.sub("-", "".join(labels[-1:]))
    return name.strip("-_") or "panel"


def _provider(url: str, key_file: Path, called: str, learned: "Learned") -> dict[str, str]:
    told = {"currency": learned.currency} if learned.currency else {}
    dialect = _dialect_name(called) if learned.lines else learned.base
    return {"url": url, "key_file": str(key_file.absolute()), "dialect": dialect, **told}


def _dialect_name(called: str) -> str:
    from aggregator.dialects import BUILTIN

    return f"{called}-own" if called in BUILTIN else called


# -- showing


def _lines(provider: Mapping[str, str], called: str, learned: "Learned") -> Iterator[str]:
    yield "# Learned by asking; nothing was ordered, refilled or canceled."
    yield from (f"# {_plain(said)}" for said in learned.observed)
    yield "providers:"
    yield f"  {called}:"
    for key, value in provider.items():
        yield f"    {key}: {_flow(value)}{_why(key, learned)}"
    if not learned.currency:
        yield "    # currency: the balance was told without one; write theirs here"
    if learned.lines:
        yield "dialects:"
        yield f"  {_dialect_name(called)}:"
        yield f"    extends: {learned.base}  # {learned.because}"
        for line in learned.lines:
            yield f"    # {_plain(line.because)}"
            yield f"    {line.key}: {_flow(line.value)}"
    if learned.fits:
        yield "#"
        yield f"# These answers would fit {', '.join(learned.fits)} as well. If it is one of"
        yield "# these, name that dialect: it knows what cannot be asked for."
    yield "#"
    yield "# Not learned:"
    yield from (f"#   {_plain(said)}" for said in learned.unknown)


def _plain(said: str) -> str:
    return output.safe(said)


def _why(key: str, learned: "Learned") -> str:
    if key == "dialect":
        return "  # below" if learned.lines else f"  # {learned.because}"
    return "  # as the balance was told" if key == "currency" else ""


def _flow(value: object) -> str:
    """As YAML on one line."""
    from aggregator.config.fragments import scalar

    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    assert isinstance(value, str | int)
    return scalar(value)


def _described(provider: Mapping[str, str], called: str, learned: "Learned") -> dict[str, object]:
    return {
        "providers": {called: provider},
        "dialects": {_dialect_name(called): learned.form} if learned.lines else {},
        "because": {line.key: line.because for line in learned.lines},
        "observed": learned.observed,
        "fits": learned.fits,
        "not_learned": learned.unknown,
    }
