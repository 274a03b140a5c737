"""The metrics that there are, that are documented, and that are watched."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aggregator.telemetry import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text()
RULES = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]
PANELS = [
    panel
    for panel in json.loads((ROOT / "deploy" / "grafana.json").read_text())["panels"]
    if panel["type"] != "row"
]
METRIC = re.compile(r"\b(?:aggregator|process)_[a-z_]+")


def families() -> dict[str, set[str]]:
    """Name as it is documented -> its labels, read off the registry."""
    metrics = Metrics()
    found = {}
    for collector in metrics.registry._collector_to_names:
        described = collector.describe() if hasattr(collector, "describe") else collector.collect()
        for family in described:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = set(getattr(collector, "_labelnames", getattr(family, "_labelnames", ())))
    return {name: labels for name, labels in found.items() if name.startswith("aggregator_")}


def samples() -> set[str]:
    """Every name that a query may ask for."""
    names = set(families())
    parts = {f"{name}{end}" for name in names for end in ("_bucket", "_sum", "_count")}
    return names | parts | {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def expressions() -> list[tuple[str, str]]:
    rules = [(rule["alert"], rule["expr"]) for rule in RULES]
    shown = [(panel["title"], one["expr"]) for panel in PANELS for one in panel["targets"]]
    return rules + shown


def test_the_page_lists_every_metric() -> None:
    """docs/operating.md has exactly the metrics that there are, with their labels."""
    rows = re.findall(r"^\| `(aggregator_\w+)` \| ([\w, ]*) ?\|", PAGE, re.MULTILINE)
    documented = {name: set(re.findall(r"\w+", labels)) for name, labels in rows}
    assert documented == families()


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_every_query_asks_for_what_there_is(name: str, expression: str) -> None:
    """Rules and panels name existing metrics, and labels that those have."""
    asked = set(METRIC.findall(expression))
    assert asked or "up{" in expression
    assert asked <= samples()
    labels = {"le", "job"}.union(*families().values())
    for listed in re.findall(r"by \(([^)]*)\)", expression):
        assert set(re.findall(r"\w+", listed)) <= labels
    for matched in re.findall(r"\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*!?=", matched)) <= labels
    assert expression.count("(") == expression.count(")")


def test_every_metric_is_watched() -> None:
    """There is no metric that neither a rule nor a panel looks at."""
    asked = {name for _, text in expressions() for name in METRIC.findall(text)}
    bare = {re.sub("_(bucket|count|sum)$", "", name) for name in asked}
    assert families().keys() <= bare


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_rule_has_its_section(rule: dict[str, Any]) -> None:
    """Whoever is paged by a rule finds it on the page."""
    assert f"#### {rule['alert']}\n" in PAGE
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]


def test_panels_stand_side_by_side() -> None:
    """No panel of the dashboard covers another, and each has an ID of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
