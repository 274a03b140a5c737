"""How the bench tells what it found: a table, the same in Markdown, and JSON."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bench.scores import Figure
from benchmarks.evidence import commit

WIDTH = 130  # of the table, where no terminal has one
COLUMNS = ("figure", "unit", "ours", "baseline", "score", "spread", "goal", "met")


def cells(figure: Figure) -> tuple[str, ...]:
    has_baseline = bool(figure.baseline)
    return (
        figure.name,
        figure.unit,
        _number(statistics.median(figure.ours)),
        _number(statistics.median(figure.baseline)) if has_baseline else "–",
        _number(figure.score),
        f"{_number(min(figure.scores))} … {_number(max(figure.scores))}",
        str(figure.goal),
        {True: "yes", False: "no", None: "–"}[figure.met],
    )


def _number(value: float) -> str:
    """Three digits, or all of a larger number."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def shown(console: Console, figures: Sequence[Figure]) -> None:
    table = Table(*COLUMNS, title=f"commit {commit()}")
    for figure in figures:
        table.add_row(*cells(figure))
    console.print(table)
    for figure in figures:
        if "said" in figure.notes:
            console.print(f"{figure.name}: {figure.notes['said']}")


def markdown(figures: Sequence[Figure]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, figures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(path: Path, figures: Sequence[Figure], arguments: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    told = {
        "commit": commit(),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "arguments": dict(arguments),
        "figures": [figure.told() for figure in figures],
    }
    path.write_text(json.dumps(told, indent=1, default=str) + "\n")
