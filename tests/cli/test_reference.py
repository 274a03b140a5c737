"""docs/cli.md has every command with its options."""

import pytest

from aggregator.cli import main, reference
from tests.cli.support import Desk


def test_the_page_is_the_program() -> None:
    """The reference in docs/cli.md is the one made of the commands; if not, run
    `python -m aggregator.cli.reference --write`."""
    text = reference.PAGE.read_text()
    assert reference.page(text) == text


@pytest.mark.parametrize("words", [words for words, _ in reference.commands(main)], ids=" ".join)
def test_every_option_is_explained(desk: Desk, words: tuple[str, ...]) -> None:
    """No option of any command goes without a word on what it does."""
    for param in dict(reference.commands(main))[words].params:
        assert param.param_type_name == "argument" or getattr(param, "help", None), param.name
    assert f" {' '.join(words)}" in desk.run(*words, "--help").stdout.splitlines()[0]


# What does not show anything but acts, or goes on until it is told to stop.
_SHOWS_NOTHING = {("serve",), ("demo",), ("completion",)}


def test_json_everywhere() -> None:
    """Whatever shows something can show it as JSON."""
    for words, command in reference.commands(main):
        names = {param.name for param in command.params}
        assert ("as_json" in names) is (words not in _SHOWS_NOTHING), words
