"""Files of services that a command adds to and an operator edits.

A file is text first: what is added is put at its end, where a value is to change its
line does, and every other line stays as it is. (A library that reads the whole and
writes it again keeps comments too, but sets an operator's file in its own style.) What
came of it is parsed before it is written anywhere, and must say what was meant.

A service that cannot be sold is *parked*: written as a comment, under the ID that is
kept for it. Its first line tells whose it is and why::

    # 5002:  # gulf/4022: left out: a price of 0 is none
    #   name: "Followers"

A service that the operator has turned into a comment keeps such a first line, without
the "left out", and is left in peace.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from aggregator.config import yaml_tree
from aggregator.config.sources import plain, read_text
from aggregator.config.yaml_tree import Node

Route = tuple[str, str]
"""A provider's name and his ID of the service."""
Value = str | int | bool

LEFT_OUT = "left out"
_PARKED = re.compile(
    r"^ *# ([1-9][0-9]{0,17}):  # ([A-Za-z0-9_.-]+)/([A-Za-z0-9_-]++)(: left out\b)?.*\n?"
    r"((?: *#   .*\n?)*)",
    re.MULTILINE,
)
_PLAIN = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?%|[A-Za-z](?:[A-Za-z0-9_. -]*[A-Za-z0-9])?")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_LINE = re.compile(
    r"""( +)\w+: *(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^"'#|>\[{\s][^#\n]*?)?( +\#.*|) *\r?"""
)
# The keys that an import writes, as it orders them.
_ORDER = (
    "name",
    "category",
    "type",
    "rate",
    "markup",
    "min",
    "max",
    "refill",
    "cancel",
    "dripfeed",
)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_HEAD = """\
# Services of {provider}, written by `aggregator catalogue import`. Edit them freely: another
# import adds what is new and changes nothing else, unless it is told to with --force.
services:
"""


class Unusable(Exception):
    """The file cannot be added to; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A service to be written. ``remark`` stands behind its ID; ``parked``: as a comment."""

    id: int
    route: Route
    values: Mapping[str, Value]
    remark: str = ""
    parked: bool = False


@dataclass(frozen=True)
class Fragment:
    """A file of services as it stands: its text, and the services in use as it tells them."""

    path: Path
    text: str
    root: Node | None = field(default=None, repr=False)
    services: Mapping[int, Mapping[str, object]] = field(default_factory=dict, repr=False)

    @cached_property
    def live(self) -> dict[Route, int]:
        """Those in use, by their routes."""
        return {route: key for key, one in self.services.items() for route in _routes(one)}

    @cached_property
    def parked(self) -> dict[Route, int]:
        """Those that an import keeps as comments."""
        return {route: key for key, route, left_out in self._marked if left_out}

    @cached_property
    def hidden(self) -> dict[Route, int]:
        """Those that the operator has made a comment."""
        return {route: key for key, route, left_out in self._marked if not left_out}

    @cached_property
    def ids(self) -> frozenset[int]:
        return frozenset(self.services) | {key for key, _, _ in self._marked}

    @cached_property
    def _marked(self) -> list[tuple[int, Route, bool]]:
        return [(int(m[1]), (m[2], m[3]), bool(m[4])) for m in _PARKED.finditer(self.text)]


def read(path: Path) -> Fragment:
    """The file, empty where there is none yet. Unusable."""
    if not path.exists():
        return Fragment(path, "")
    try:
        return _parsed(path, read_text(path))
    except ValueError as error:
        raise Unusable(f"{path} {error}") from None


def _parsed(path: Path, text: str) -> Fragment:
    root, faults = yaml_tree.parse(text)
    if faults:
        raise Unusable(f"{path}:{faults[0].line}: {faults[0].message}")
    data = plain(root) if isinstance(root, Node) else None
    found = data.get("services") if isinstance(data, dict) else None
    services = {
        int(key): value if isinstance(value, dict) else {}
        for key, value in (found.items() if isinstance(found, dict) else ())
        if key.isdecimal()
    }
    return Fragment(path, text, root, services)


def _routes(service: Mapping[str, object]) -> Iterable[Route]:
    routes = service.get("routes")
    for route in routes if isinstance(routes, list) else ():
        if isinstance(route, dict):
            yield str(route.get("provider")), str(route.get("service"))


def written(before: Fragment, provider: str, entries: Iterable[Entry]) -> str:
    """The text with ``entries`` in it: new ones at its end, those that were parked in
    their place. Unusable where the file is not of a form that can be added to."""
    entries = list(entries)
    text = before.text if before.text.strip() else _HEAD.format(provider=provider)
    indent = _indent(text)
    known = {entry.id: entry for entry in entries}

    def instead(found: re.Match[str]) -> str:
        entry = known.pop(int(found[1]), None)
        return found[0] if entry is None or not found[4] else _block(entry, indent)

    text = _PARKED.sub(instead, text)
    if known and not text.endswith("\n"):
        text += "\n"
    text += "".join(_block(entry, indent) for entry in known.values())
    _hold(before, text, entries)
    return text


def _hold(before: Fragment, text: str, entries: Iterable[Entry]) -> None:
    """What was written must read as it was meant, whatever the file was like."""
    wanted = frozenset(before.live.values()) | {one.id for one in entries if not one.parked}
    try:
        sound = wanted <= _parsed(before.path, text).services.keys()
    except Unusable:
        sound = False
    if not sound:
        raise Unusable(f"{before.path} does not end with its services: choose another file")


def _indent(text: str) -> str:
    found = re.search(r"^services:.*\n(?:\s*(?:#.*)?\n)*( +)\S", text, re.MULTILINE)
    return found[1] if found else "  "


def _block(entry: Entry, indent: str) -> str:
    provider, service = entry.route
    said = f"{provider}/{service}" + (f": {entry.remark}" if entry.remark else "")
    lines = [f"{entry.id}:  # {said}"]
    lines += [f"  {key}: {scalar(value)}" for key, value in entry.values.items()]
    theirs = service if _NUMBER.fullmatch(service) else scalar(service)
    lines += ["  routes:", f"    - {{provider: {scalar(provider)}, service: {theirs}}}"]
    mark = f"{indent}# " if entry.parked else indent
    return "".join(f"{mark}{line}\n" for line in lines)


def scalar(value: Value) -> str:
    """As YAML; text that could be taken for anything else, or is anybody's, in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # In a configuration ${ begins a variable.
    quoted = json.dumps(value.replace("${", "$${"), ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)


def changed(before: Fragment, changes: Mapping[int, Mapping[str, Value | None]]) -> Fragment:
    """The file with keys of its services set, or taken out where the value is None.

    Only the lines of these keys change. Unusable where a service is not written in lines.
    """
    lines = before.text.split("\n")
    edited: dict[int, list[str]] = {}
    for key, values in changes.items():
        found = _lines_of(before.root, key)
        for name, value in values.items():
            _edit(lines, edited, found, name, value)
    text = "\n".join(each for at, line in enumerate(lines) for each in edited.get(at, [line]))
    after = _parsed(before.path, text)
    for key, old in before.services.items():
        if _told(after.services.get(key, {})) != _told({**old, **changes.get(key, {})}):
            raise Unusable(f"{before.path}: services.{key} must be changed by hand")
    return after


def _told(service: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in service.items() if value is not None}


def _lines_of(root: Node | None, key: int) -> dict[str, int]:
    """The line of each key of a service, from 0."""
    node = root
    for part in ("services", str(key)):
        assert node is not None
        assert isinstance(node.value, dict)
        node = node.value[part].node
    assert node is not None
    assert isinstance(node.value, dict)
    return {name: entry.line - 1 for name, entry in node.value.items()}


def _edit(
    lines: list[str],
    edited: dict[int, list[str]],
    found: Mapping[str, int],
    name: str,
    value: Value | None,
) -> None:
    """Puts the line of ``name`` into ``edited``, or behind that of the key before it.

    A line that is not plainly ``key: value`` stays; ``changed`` sees that it did.
    """
    at = found.get(name)
    above = next((one for one in _ORDER[_ORDER.index(name) :: -1] if one in found), name)
    match = _LINE.fullmatch(lines[found[above]]) if above in found else None
    if match is None:
        return
    line = [] if value is None else [f"{match[1]}{name}: {scalar(value)}"]
    if at is not None:
        edited[at] = [f"{one}{match[2]}" for one in line] + edited.get(at, [""])[1:]
    else:
        edited.setdefault(found[above], [lines[found[above]]]).extend(line)


def put(path: Path, text: str) -> None:
    """Writes the file whole or not at all; OSError. A new one, with its directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()  # through a link, to the file that is meant
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
