"""`aggregator completion`, and what it offers."""

import subprocess

import pytest

from tests.cli.support import Desk


def offered(desk: Desk, *words: str) -> set[str]:
    """What the shell is offered in place of the last word."""
    environ = {
        **desk.environ,
        "_AGGREGATOR_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("aggregator", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [
        desk.command()[0],
        "-c",
        "from aggregator.cli import main; main(prog_name='aggregator')",
    ]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    return {line.partition(",")[2] for line in ran.stdout.splitlines() if line}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(desk: Desk, shell: str) -> None:
    """Each shell gets a script that asks this program."""
    script = desk.run("completion", shell).stdout
    assert f"_AGGREGATOR_COMPLETE={shell}_complete" in script


def test_other_shells_are_refused(desk: Desk) -> None:
    """A shell that is not known is a mistake on the command line."""
    assert "'bash', 'zsh', 'fish'" in desk.run("completion", "csh", status=2).stderr


def test_what_is_offered(shop: Desk) -> None:
    """Commands, states, and the names of resellers and providers."""
    assert {"orders", "reseller"} <= offered(shop, "")
    assert offered(shop, "orders", "list", "--state", "in") == {"in_doubt"}
    assert offered(shop, "reseller", "credit", "s") == {"shop"}
    assert offered(shop, "orders", "list", "--reseller", "") == {"shop"}
    assert offered(shop, "orders", "list", "--provider", "") == {"gulf"}
    assert offered(shop, "reseller", "credit", "x") == set()


def test_nothing_is_offered_where_nothing_is_known(desk: Desk) -> None:
    """Completing fails for nobody and makes no database."""
    assert offered(desk, "reseller", "credit", "s") == set()
    desk.config_path.write_text("{")
    assert offered(desk, "orders", "list", "--provider", "") == set()
    assert list(desk.folder.iterdir()) == [desk.config_path]
