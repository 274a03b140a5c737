"""Dialect files into dialects: all mistakes at once, each with its place and a hint.

A dialect starts from the one it extends, the standard where it names none, and each
key of its file changes a part of that (``keys``). A mistaken part is left out and the
rest is built, so that one mistake does not breed others.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aggregator.dialects.clashes import clashes
from aggregator.dialects.form import Dialect
from aggregator.dialects.keys import KEYS
from aggregator.dialects.mistakes import Mistake, Notes, hint, shown


def build_all(forms: Mapping[Any, object]) -> tuple[dict[str, Dialect], list[Mistake]]:
    """Every form (name -> parsed YAML) as a dialect, and everything wrong with any of them.

    A dialect with mistakes is built too, as far as it could be read. Never raises,
    whatever a YAML file can hold.
    """
    built: dict[str, Dialect] = {}
    mistakes: list[Mistake] = []
    for name in forms:
        if isinstance(name, str):
            for member in reversed(_line(forms, name, built, mistakes)):
                base = built.get(_parent(forms[member]) or "", Dialect())
                built[member] = _build(Notes(member, mistakes), forms[member], base)
        else:
            mistakes.append(Mistake((shown(name),), "a dialect's name must be text"))
    return built, mistakes


def _line(
    forms: Mapping[Any, object],
    name: str,
    built: Mapping[str, Dialect],
    mistakes: list[Mistake],
) -> list[str]:
    """The dialect and those that it extends, as far as they are not built yet."""
    line = [name] if name not in built else []
    while line:
        parent = _parent(forms[line[-1]])
        if parent is None or parent in built:
            break
        if parent not in forms or parent in line:
            message = f"no dialect {shown(parent)}{hint(parent, filter(_is_text, forms))}"
            if parent in line:
                message = "goes in a circle: " + " > ".join([*line[line.index(parent) :], parent])
            mistakes.append(Mistake((line[-1], "extends"), message))
            break
        line.append(parent)
    return line


def _parent(form: object) -> str | None:
    parent = form.get("extends") if isinstance(form, Mapping) else None
    return parent if isinstance(parent, str) else None


def _is_text(name: object) -> bool:
    return isinstance(name, str)


def _build(notes: Notes, form: object, base: Dialect) -> Dialect:
    changes: dict[str, Any] = {}
    for key, value in notes.items((), form):
        if notes.known((key,), key, KEYS, "key of a dialect"):
            changes |= KEYS[key](notes, value, base)
    dialect = replace(base, name=notes.dialect, **changes)
    inherited = clashes(base)
    for path, message in clashes(dialect):
        if (path, message) not in inherited:
            notes.wrong(path, message)
    return dialect
