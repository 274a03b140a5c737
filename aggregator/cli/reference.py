"""``python -m aggregator.cli.reference``: every command with its options, as Markdown.

It is the second half of docs/cli.md, between the two marks; with ``--write`` it is put
there. A test holds the page to it.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from aggregator.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- commands:begin -->", "<!-- commands:end -->"

_EVERYWHERE = ("config_path", "as_json", "yes")


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command that does something, with the words that call it, in their order."""
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def reference() -> str:
    return "\n".join(line for path, command in commands(main) for line in _command(path, command))


def _command(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    words = " ".join(path)
    ctx = click.Context(command, info_name=words)
    yield f"### `aggregator {words}`"
    yield ""
    yield f"`aggregator {words} {' '.join(command.collect_usage_pieces(ctx))}`"
    yield ""
    yield _prose(command.help or "")
    yield ""
    options = [one for one in command.params if isinstance(one, click.Option)]
    yield from _table([one for one in options if one.name not in _EVERYWHERE], ctx)
    also = [f"`{one.opts[-1]}`" for one in options if one.name in _EVERYWHERE]
    if also:
        yield f"Takes {', '.join(also)}."
        yield ""
    yield "```"
    yield _example(command.epilog or "")
    yield "```"
    yield ""


def _prose(text: str) -> str:
    return inspect.cleandoc(text.replace("\b", ""))


def _table(options: list[click.Option], ctx: click.Context) -> Iterator[str]:
    if not options:
        return
    yield "| option | meaning |"
    yield "|---|---|"
    for one in options:
        record = one.get_help_record(ctx)
        assert record is not None
        written, meaning = (cell.replace("|", r"\|") for cell in record)
        yield f"| `{written}` | {meaning} |"
    yield ""


def _example(epilog: str) -> str:
    text = re.sub(r"Examples?:\s*", "", epilog.replace("\b", "").strip(), count=1)
    return "\n".join(line.removeprefix("  ") for line in text.splitlines()).strip()


def page(text: str) -> str:
    """The page with the reference of now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}{END}{after}"


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text()))
    else:
        print(reference(), end="")
