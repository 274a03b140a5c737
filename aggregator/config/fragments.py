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
from dataclasses import dataclass, field, replace
from pathlib import Path

from aggregator.config import yaml_tree
from aggregator.config.sources import plain, read_text
from aggregator.config.yaml_tree import Node

Route = tuple[str, str]
"""A provider's name and his ID of the service."""
Value = str | int | bool

LEFT_OUT = "left out"
_PARKED = re.compile(
    r"^ *# ([1-9][0-9]{0,17}):  # ([A-Za-z0-9_.-]+)/([A-Za-z0-9_-]+)\b(: left out\b)?.*\n?"
    r"((?: *#   .*\n?)*)",
    re.MULTILINE,
)
_PLAIN = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?%|[A-Za-z][A-Za-z_ ]*[A-Za-z]")
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


@dataclass(frozen=True, slots=True)
class Fragment:
    """A file of services as it stands. ``live``: those in use, ``parked``: those kept as
    comments by an import, ``hidden``: those that the operator made a comment."""

    path: Path
    text: str
    live: Mapping[Route, int] = field(default_factory=dict)
    parked: Mapping[Route, int] = field(default_factory=dict)
    hidden: Mapping[Route, int] = field(default_factory=dict)
    ids: frozenset[int] = frozenset()


def read(path: Path) -> Fragment:
    """The file, empty where there is none yet. Unusable."""
    if not path.exists():
        return Fragment(path, "")
    try:
        text = read_text(path)
    except ValueError as error:
        raise Unusable(f"{path} {error}") from None
    services = _services(path, text)
    live = {route: key for key, service in services.items() for route in _routes(service)}
    marked = [(int(m[1]), (m[2], m[3]), m[4]) for m in _PARKED.finditer(text)]
    parked = {route: key for key, route, left_out in marked if left_out}
    hidden = {route: key for key, route, left_out in marked if not left_out}
    ids = frozenset(services) | {key for key, _, _ in marked}
    return Fragment(path, text, live, parked, hidden, ids)


def _services(path: Path, text: str) -> dict[int, object]:
    root, faults = yaml_tree.parse(text)
    if faults:
        raise Unusable(f"{path}:{faults[0].line}: {faults[0].message}")
    data = plain(root) if isinstance(root, Node) else None
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict):
        return {}
    return {int(key): value for key, value in services.items() if key.isdecimal()}


def _routes(service: object) -> Iterable[Route]:
    routes = service.get("routes") if isinstance(service, dict) else None
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
        sound = wanted <= _services(before.path, text).keys()
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
    lines += ["  routes:", f"    - {{provider: {provider}, service: {theirs}}}"]
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
    root, _ = yaml_tree.parse(before.text)
    lines = before.text.split("\n")
    edited: dict[int, list[str]] = {}
    for key, values in changes.items():
        found = _lines_of(root, key)
        for name, value in values.items():
            _edit(lines, edited, found, name, value)
    text = "\n".join(each for at, line in enumerate(lines) for each in edited.get(at, [line]))
    after = replace(before, text=text)
    now = values_of(after)
    for key, old in values_of(before).items():
        if _told(now.get(key, {})) != _told({**old, **changes.get(key, {})}):
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


def values_of(before: Fragment) -> dict[int, Mapping[str, object]]:
    """What its services say, by ID; numbers as they are, everything else as text."""
    found = _services(before.path, before.text)
    return {key: service for key, service in found.items() if isinstance(service, dict)}


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
