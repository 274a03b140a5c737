"""docs/dialects.md says what a dialect's file may say."""

import re
from pathlib import Path

import pytest
import yaml

from aggregator.core.errors import ErrorClass
from aggregator.core.lifecycle import Word
from aggregator.dialects import BUILTIN, build_all
from aggregator.dialects.form import BLANKS, INTEGERS, PARTS
from aggregator.dialects.keys import KEYS
from tests.dialects.support import builtin_forms

PAGE = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))


def examples(section: str) -> list[object]:
    """The forms in a section's YAML. Lines that repeat the key are forms of their own."""
    (block,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[section], re.DOTALL)
    return [yaml.safe_load(form) for form in re.split(rf"^(?={section}:)", block, flags=re.M)[1:]]


def test_every_key_has_a_section() -> None:
    """The page explains exactly the keys that there are, each under a heading of its own."""
    assert list(SECTIONS) == list(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_examples_are_sound(key: str) -> None:
    """Each example is a dialect without mistakes that uses the key it explains."""
    found = examples(key)
    assert found
    for number, form in enumerate(found):
        assert isinstance(form, dict)
        assert key in form
        _, mistakes = build_all({**builtin_forms(), f"example{number}": form})
        assert mistakes == []


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("errors", ErrorClass),
        ("statuses", Word),
        ("omit", PARTS),
        ("integers", INTEGERS),
        ("blank", BLANKS),
    ],
)
def test_every_word_is_listed(section: str, words: list[str]) -> None:
    """Where a key takes one of a few words, the page lists them all."""
    assert [word for word in words if f"`{word}`" not in SECTIONS[section]] == []


def test_every_builtin_dialect_is_named() -> None:
    """The page names the dialects that come with the program."""
    assert [name for name in BUILTIN if f"`{name}`" not in PAGE] == []
