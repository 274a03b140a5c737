"""YAML as a tree that knows its lines."""

from decimal import Decimal

import pytest

from aggregator.config import yaml_tree
from aggregator.config.sources import plain
from aggregator.config.yaml_tree import MAX_DEPTH, MAX_NODES, parse


def read(text: str) -> object:
    root, faults = parse(text)
    assert faults == []
    assert root is not None
    return plain(root)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.90", Decimal("0.90")),
        ("-1.5", Decimal("-1.5")),
        ("12", 12),
        ("-12", -12),
        ("0", 0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("0x1F", "0x1F"),
        ("0b1", "0b1"),
        ("12:30", "12:30"),
        ("1e3", "1e3"),
        ("1_000", "1_000"),
        ("+5", "+5"),
        (".5", ".5"),
        ("1.", "1."),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2024-01-31", "2024-01-31"),
        ("=", "="),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_scalar(written: str, value: object) -> None:
    """A plain scalar is null, a boolean, an exact number in decimal digits, or else text."""
    found = read(f"a: {written}\n")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_a_decimal_keeps_its_zeros() -> None:
    """A price is a number as it is written, zeros and all."""
    found = read("a: 0.900")
    assert isinstance(found, dict)
    assert str(found["a"]) == "0.900"


def test_keys_are_text() -> None:
    """Whatever a key looks like, it is the text that is written."""
    assert read("1: a\nyes: b\n01: c\nnull: d\n'x y': e") == dict(
        zip(["1", "yes", "01", "null", "x y"], "abcde", strict=True)
    )


def test_lines() -> None:
    """Every key and every item has its line, and what lies deeper that of what holds it."""
    root, _ = parse(
        "a: 1\nb:\n  c:\n    - x\n    -\n      d: 2\n"
        "  e: >\n    long\n    text\nf: {g: 3,\n  h: 4}\n"
    )
    assert root is not None
    assert root.line_of(("a",)) == 1
    assert root.line_of(("b", "c")) == 3
    assert root.line_of(("b", "c", 0)) == 4
    assert root.line_of(("b", "c", 1, "d")) == 6
    assert root.line_of(("b", "e")) == 7
    assert root.line_of(("f", "h")) == 11
    assert root.line_of(("b", "missing", "deeper")) == 2
    assert root.line_of(("b", "c", 9)) == 3
    assert root.line_of(("b", "c", "no index")) == 3
    assert root.line_of(()) == 1


def test_a_key_written_twice() -> None:
    """The second of two equal keys is a fault that names both lines; the first one holds."""
    root, faults = parse("a:\n  - {x: 1}\n  - x: 1\n    y: 2\n    'x': 3\na: 4\n")
    assert [str(fault.message) for fault in faults] == [
        "is written twice (lines 3 and 5)",
        "is written twice (lines 1 and 6)",
    ]
    assert [fault.path for fault in faults] == [("a", 1, "x"), ("a",)]
    assert root is not None
    assert plain(root) == {"a": [{"x": 1}, {"x": 1, "y": 2}]}


def test_aliases_and_merges() -> None:
    """An alias repeats what it names; '<<' adds what is not there, earlier ones first."""
    text = """\
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
text: &text hello
one: {<<: *base, b: 9}
all: {<<: [*base, *more]}
said: *text
"""
    found = read(text)
    assert isinstance(found, dict)
    assert found["one"] == {"a": 1, "b": 9}
    assert found["all"] == {"a": 1, "b": 2, "c": 4}
    assert found["said"] == "hello"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: !!python/object:os.system x", 2, "a tag (a value that begins with '!')"),
        ("a: !secret x", 1, "a tag"),
        ("a: !<tag:x> [1]", 1, "a tag"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("a: 1\n\nb: *gone", 3, "an alias that names nothing"),
        ("a: &x [*x]", 1, "an alias that names nothing"),
        ("? [a]\n: 1", 1, "a key that is not a text"),
        ("k: {{ name }}", 1, "a key that is not a text"),
        ("x: &x a\n*x : 1", 2, "a key that is not a text"),
        ("a: {<<: 5}", 1, "'<<' merges mappings only"),
        ("a: {<<: [{}, 5]}", 1, "'<<' merges mappings only"),
        ("a: b: c", 1, "not YAML: mapping values are not allowed"),
        ("a:\n\tb: 1", 2, "not YAML: found character that cannot start any token (indent with"),
        ("a: {b: ${X}, c: 1}", 1, "not YAML: did not find expected ',' or '}' (inside {…} and […]"),
        ("a: 'x", 1, "not YAML: found unexpected end of stream"),
        ("a: 1\nb: \x07", 2, "a character that YAML forbids: '\\x07'"),
        ("a: \ud800", 1, "a character that YAML forbids: '\\ud800'"),
        ("a: " + "[" * (MAX_DEPTH + 1), 1, "nested deeper than 40 levels"),
        ("a: " + "[" * 100_000, 1, "nested deeper than 40 levels"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(text: str, line: int, message: str) -> None:
    """What is no YAML, or more of it than a configuration needs, is refused with its line."""
    root, faults = parse(text)
    assert root is None
    assert faults[0].line == line
    assert faults[0].message.startswith(message)


def test_a_bomb_of_aliases() -> None:
    """Aliases that would expand to billions of values are refused before they do."""
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 30):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    root, faults = parse(text)
    assert root is None
    assert faults[0].message == f"more than {MAX_NODES} values, aliases expanded"


def test_a_ladder_of_aliases() -> None:
    """Aliases cannot nest deeper than brackets may."""
    text = "a0: &a0 [x]\n"
    for level in range(1, 2 * MAX_DEPTH):
        text += f"a{level}: &a{level} [*a{level - 1}]\n"
    root, faults = parse(text)
    assert root is None
    assert faults[0].message == f"nested deeper than {MAX_DEPTH} levels, aliases expanded"


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n", "---\n"])
def test_nothing(text: str) -> None:
    """An empty document is no fault here; there is just nothing in it."""
    root, faults = parse(text)
    assert faults == []
    assert root is None or plain(root) is None


def test_the_parser_is_the_fast_one() -> None:
    """PyYAML came with its C parser: thousands of services load in seconds, not minutes."""
    assert yaml_tree._Loader.__name__ == "CSafeLoader"
