"""docs/operating.md holds every alert that there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.actions import refresh
from aggregator.core.outcome import Rejected
from aggregator.store import events

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "aggregator"
PAGE = (ROOT / "docs" / "operating.md").read_text()

# Where the kind of an alert is no literal: what it can be there.
WORKED_OUT = {
    "actions/world.py": set(),  # the mechanism itself
    "actions/refresh.py": {events.NOT_SETTLED, events.CHILD_TAKEN, refresh.MISSING},
    "actions/placing.py": {Rejected.__name__.lower()},
    "background/catalogues.py": {"catalogue_changed", "service_gone"},
    "background/verdicts.py": {"late_orphan_ended"},
}
TELLING = {"alert": 0, "alert_once": 1, "alert_all": 0}  # which argument is the kind


def literals(node: ast.expr) -> set[str]:
    """The texts that an expression can be, if that can be read off it."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) | literals(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def is_told(call: ast.Call) -> bool:
    """Whether it is called with ``alert=True``."""
    return any(
        word.arg == "alert" and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in call.keywords
    )


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def kinds_in(name: str, module: ast.Module) -> set[str]:
    """The kinds of all alerts that a module can give."""
    found: set[str] = set()
    read: set[int] = set()
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        if is_told(call) and call.args:
            found |= literals(call.args[0])
        if isinstance(call.func, ast.Attribute) and call.func.attr in TELLING:
            place = TELLING[call.func.attr]
            said = literals(call.args[place]) if len(call.args) > place else set()
            found |= said
            if said:
                read.add(id(call.func))
    others = [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in TELLING and id(node) not in read
        if isinstance(node.value, ast.Name) and node.value.id in ("world", "self", "_world")
    ]
    assert not others or name in WORKED_OUT, (
        f"{name}:{others}: an alert whose kind is no literal: add to WORKED_OUT what it can be"
    )
    return found | WORKED_OUT.get(name, set())


ALERTS = {kind: name for name, module in modules() for kind in kinds_in(name, module)}


@pytest.mark.parametrize("kind", sorted(ALERTS))
def test_each_alert_has_its_section(kind: str) -> None:
    """Whoever is woken by an alert finds it on the page, and what to do about it."""
    section = re.search(rf"^#### `{kind}`\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None, f"{ALERTS[kind]}: docs/operating.md has no section `{kind}`"
    assert "**Do**" in section[1] or "| do |" in section[1]


def troubles() -> dict[str, str]:
    """Every line of trouble that is no alert: its event -> the file that logs it."""
    found = {}
    for name, module in modules():
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            if not isinstance(call.func, ast.Attribute) or not call.args or is_told(call):
                continue
            logs = ast.unparse(call.func.value).endswith("log")
            if logs and call.func.attr in ("warning", "error", "exception"):
                found |= dict.fromkeys(literals(call.args[0]), name)
    return found


@pytest.mark.parametrize("event", sorted(troubles()))
def test_each_line_of_trouble_is_explained(event: str) -> None:
    """Whoever meets a warning or an error in the log finds it on the page."""
    assert f"`{event}`" in PAGE, troubles()[event]


def test_alerts_were_found() -> None:
    """The kinds that are read off the code are the well-known ones, among others."""
    known = {"in_doubt", "rejected", "unknown_status", "unreadable_end", "taken_for_dead"}
    assert known <= ALERTS.keys()
