"""The command as a whole: help, exit statuses, what may be imported."""

import re
import subprocess
import sys

import click
import pytest

from aggregator.cli import main
from tests.cli.support import Desk

SLOW = {"aiohttp", "aiosqlite", "pydantic", "rich", "structlog", "uvloop", "yaml"}


def commands(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for command in group.commands.values():
        found += commands(command) if isinstance(command, click.Group) else [command]
    return found


def test_help_imports_nothing_slow() -> None:
    """`--help` answers at once: libraries that take their time are not imported for it."""
    code = (
        "import sys; from aggregator.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in ran.stderr.split()}
    assert "click" in imported
    assert imported & SLOW == set()


def test_help_documents_the_exit_status(desk: Desk) -> None:
    """What 0, 1 and 2 mean stands in the help."""
    assert "Exit status:" in desk.run("--help").stdout


@pytest.mark.parametrize("command", commands(main), ids=lambda command: command.name)
def test_every_command_has_an_example(command: click.Command) -> None:
    """Each command says what it does and shows how it is called."""
    assert command.help
    assert re.match(r"[\s\b]*Examples?:\s+aggregator ", command.epilog or "")


def test_examples_can_be_typed() -> None:
    """The options in each example exist."""
    for command in commands(main):
        options = {word for param in command.params for word in param.opts}
        words = (command.epilog or "").split('"')[0].split()
        assert {word for word in words if word.startswith("-")} <= options


def test_module_runs(desk: Desk) -> None:
    """`python -m aggregator` is the same command."""
    ran = subprocess.run(desk.command("--help"), capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Usage: aggregator ")


def test_wrong_usage_is_2(desk: Desk) -> None:
    """A command line that makes no sense ends with 2."""
    result = desk.run("orders", "show", "twelve", status=2)
    assert "'twelve' is not a valid integer range" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("check",),
        ("serve",),
        ("reseller", "list"),
        ("reseller", "add", "shop"),
        ("orders", "list"),
        ("orders", "show", "1"),
        ("orders", "cancel", "1"),
        ("ledger", "verify"),
    ],
    ids=" ".join,
)
def test_mistakes_are_listed_with_2(desk: Desk, args: tuple[str, ...]) -> None:
    """Whatever reads a mistaken configuration lists all of its mistakes and ends with 2."""
    desk.configure(databse="x", currency="dollars")
    result = desk.run(*args, status=2)
    assert "unknown key (did you mean 'database'?)" in result.stderr
    assert "currency" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_missing_database_is_said(desk: Desk) -> None:
    """Commands that need a database say that there is none, and make none."""
    for args in (("reseller", "list"), ("reseller", "credit", "shop", "1"), ("orders", "list")):
        assert "There is no database" in desk.refused(*args)
    assert list(desk.folder.iterdir()) == [desk.config_path]


def test_not_a_database_is_said(desk: Desk) -> None:
    """A file that is something else is neither used nor changed."""
    other = desk.folder / "aggregator.db"
    other.write_text("shopping list\n" * 100)
    assert "is not a database of this program" in desk.refused("reseller", "add", "shop")
    assert other.read_text() == "shopping list\n" * 100


def test_database_in_no_directory_is_said(desk: Desk) -> None:
    """A path that cannot be opened is one line, not a traceback."""
    desk.configure(database="nowhere/aggregator.db")
    assert "nowhere" in desk.refused("reseller", "add", "shop")
