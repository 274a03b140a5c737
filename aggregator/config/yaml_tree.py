"""YAML as a tree that knows its lines.

PyYAML's safe loader does the parsing; the tree is built here, from its events,
because three things of its own construction do not suit a file about money:

* ``0.90`` would become a float, ``12:30`` the number 750 and ``0o17`` another one,
  ``no`` and ``on`` booleans. Here a plain scalar is null, true or false, a whole
  number or a decimal one (exact), and all else is text.
* of two equal keys the last would win in silence. Here the second is a fault.
* lines would be lost. Here every key and every item has one.

Nothing is ever constructed but text, numbers, lists and mappings, so explicit tags
(``!!python/…``) are refused. An alias shares the node it names; sizes and depths are
summed as the nodes close, so a bomb of aliases is refused before anything expands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import yaml

MAX_DEPTH = 40
MAX_NODES = 2_000_000  # 50 000 services, in round numbers

Scalar = str | int | Decimal | bool | None

# The C parser is ten times as fast, which matters from a thousand services on.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, bool | None] = {
    spelling: value
    for word, value in (("true", True), ("false", False), ("null", None))
    for spelling in (word, word.capitalize(), word.upper())
} | {"": None, "~": None}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,30})\.[0-9]{1,30}")
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTED = re.compile(r"'[^'<\s][^'\s]+'")


class Entry(NamedTuple):
    """A value in a mapping; ``line`` is that of its key."""

    line: int
    node: "Node"


@dataclass(slots=True)
class Node:
    """``size`` counts the nodes in it with aliases expanded, ``height`` its levels."""

    value: "Scalar | list[Node] | dict[str, Entry]" = field(repr=False)  # may hold a key
    line: int
    size: int = 1
    height: int = 1

    def line_of(self, path: tuple[str | int, ...]) -> int:
        """The line of the key or item at ``path``, else of the nearest one above it."""
        node, line = self, self.line
        for part in path:
            value = node.value
            if isinstance(value, dict) and part in value:
                line, node = value[str(part)]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                node = value[part]
                line = node.line
            else:
                break
        return line


class Fault(NamedTuple):
    """A mistake of writing. The message never quotes a value, which may be a key."""

    line: int
    path: tuple[str | int, ...]
    message: str


class Broken(Exception):
    """What stands here cannot be read on. Carries a Fault."""

    def __init__(self, line: int, message: str) -> None:
        self.fault = Fault(line, (), message)
        super().__init__(message)


def parse(text: str) -> tuple[Node | None, list[Fault]]:
    """The document in ``text``, and what is wrong with its writing. Never raises.

    The node is None for a document that is empty or cannot be read.
    """
    builder = _Builder()
    try:
        for event in _events(text):
            builder.take(event)
    except Broken as broken:
        return None, [*builder.faults, broken.fault]
    return builder.root, builder.faults


def _events(text: str) -> Iterator[yaml.Event]:
    if match := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise Broken(line, f"a character that YAML forbids: {match[0]!r}")
    fault = None
    try:
        yield from yaml.parse(text, Loader=_Loader)
    except yaml.YAMLError as error:
        fault = _syntax_error(error, text)
    if fault:  # raised out here, so that it drags no text of the file along
        raise fault


def _syntax_error(error: yaml.YAMLError, text: str) -> Broken:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    index = mark.line if mark else 0
    problem = _QUOTED.sub("'…'", getattr(error, "problem", None) or "unreadable")
    line = "".join(text.split("\n")[index : index + 1]).lstrip(" ")
    hint = ""
    if line.startswith("\t"):
        hint = " (indent with spaces, not with a tab)"
    elif "${" in line:
        hint = " (inside {…} and […], put ${NAME} in quotes)"
    return Broken(index + 1, f"not YAML: {problem}{hint}")


def _resolved(event: yaml.ScalarEvent) -> Scalar:
    text: str = event.value
    if not event.implicit[0]:  # quoted
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


class _Frame:
    """A collection that is still open, with the key that waits for its value."""

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.key_line = 0
        self.merged: list[Node] = []


class _Builder:
    """Turns parser events into nodes, one ``take`` after the other, no recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "tag", None) is not None:
            raise Broken(line, "a tag (a value that begins with '!'): put the text in quotes")
        match event:
            case yaml.ScalarEvent():
                self._take_scalar(event, line)
            case yaml.SequenceStartEvent():
                self._open_frame(Node([], line), event.anchor)
            case yaml.MappingStartEvent():
                self._open_frame(Node({}, line), event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close_frame()
            case yaml.AliasEvent():
                self._place(self._named(event, line), line)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Broken(line, "a second document ('---'): one file holds one")

    def _take_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._open[-1] if self._open else None
        if frame and isinstance(frame.node.value, dict) and frame.key is None:
            self._take_key(frame, event, line)
            return
        node = Node(_resolved(event), line)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._place(node, line)

    def _take_key(self, frame: _Frame, event: yaml.ScalarEvent, line: int) -> None:
        frame.key, frame.key_line = event.value, line
        assert isinstance(frame.node.value, dict)
        if first := frame.node.value.get(event.value):
            lines = f"lines {first.line} and {line}"
            self.faults.append(Fault(line, self._path(), f"is written twice ({lines})"))

    def _path(self) -> tuple[str | int, ...]:
        return tuple(
            len(frame.node.value) if isinstance(frame.node.value, list) else str(frame.key)
            for frame in self._open
        )

    def _named(self, event: yaml.AliasEvent, line: int) -> Node:
        if event.anchor not in self._anchors:
            raise Broken(line, "an alias that names nothing: put a text with '*' in quotes")
        return self._anchors[event.anchor]

    def _open_frame(self, node: Node, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Broken(node.line, f"nested deeper than {MAX_DEPTH} levels")
        self._open.append(_Frame(node, anchor))

    def _close_frame(self) -> None:
        frame = self._open.pop()
        if isinstance(frame.node.value, dict):
            for merged in frame.merged:
                assert isinstance(merged.value, dict)
                frame.node.value = merged.value | frame.node.value
        if frame.anchor:
            self._anchors[frame.anchor] = frame.node
        self._place(frame.node, frame.node.line)

    def _place(self, node: Node, line: int) -> None:
        """Puts a finished node where it belongs: into the innermost open collection."""
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        _grow(frame.node, node, line)
        if isinstance(frame.node.value, list):
            frame.node.value.append(node)
        elif isinstance(frame.node.value, dict):
            self._place_value(frame, frame.node.value, node, line)

    def _place_value(self, frame: _Frame, entries: dict[str, Entry], node: Node, line: int) -> None:
        if frame.key is None:
            raise Broken(line, "a key that is not a text: put '{…}', '[…]' and '*…' in quotes")
        if frame.key == "<<":
            frame.merged.extend(_mergeable(node, line))
        else:
            entries.setdefault(frame.key, Entry(frame.key_line, node))
        frame.key = None


def _grow(parent: Node, child: Node, line: int) -> None:
    parent.size += child.size
    parent.height = max(parent.height, child.height + 1)
    if parent.size > MAX_NODES:
        raise Broken(line, f"more than {MAX_NODES} values, aliases expanded")
    if parent.height > MAX_DEPTH:
        raise Broken(line, f"nested deeper than {MAX_DEPTH} levels, aliases expanded")


def _mergeable(node: Node, line: int) -> list[Node]:
    nodes = node.value if isinstance(node.value, list) else [node]
    if not all(isinstance(one.value, dict) for one in nodes):
        raise Broken(line, "'<<' merges mappings only")
    return nodes
