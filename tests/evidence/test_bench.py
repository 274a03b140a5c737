"""That the bench runs, with everything in processes of its own. What it measures is not asked."""

from pathlib import Path

import pytest

from aggregator.store import short_reading
from aggregator.store.verify import verify
from benchmarks.bench import figures, grown, plot, profile
from benchmarks.bench.effort import Effort
from benchmarks.bench.scores import Figure, Goal

STATES = "SELECT state, count(*) AS n FROM orders GROUP BY state"
SHORT = Effort(rounds=1, seconds=0.2, warm_s=0.05, grown=10_000, due=500, asked=100, services=50)


@pytest.mark.parametrize("name", figures.ALL)
async def test_every_figure_can_be_measured(name: str) -> None:
    """Each figure of the bench comes to a value, and no answer on the way is wrong."""
    for figure in await figures.ALL[name](SHORT):
        assert figure.score > 0 or figure.goal.of == "difference"


def test_a_grown_database_is_sound(tmp_path: Path) -> None:
    """A database made for the bench passes ``ledger verify``, as one of the server's would."""
    grown.make(tmp_path / "grown.db", 200, open_orders=30)
    with short_reading(str(tmp_path / "grown.db"), grown.POLICY) as tx:
        assert verify(tx) == []
        assert {row["state"]: row["n"] for row in tx.all(STATES)} == {
            "completed": 170,
            "placed": 30,
        }


def test_growth_is_drawn(tmp_path: Path) -> None:
    """Figures of several sizes become curves in an image; others become none."""
    grown_ones = {10_000: [900.0, 1000.0], 100_000: [880.0, 990.0]}
    add = Figure(
        "add at 100,000 orders", "1/s", Goal("ratio"), [990], [1000], {"growth": grown_ones}
    )
    path = tmp_path / "growth.svg"
    assert not plot.drawn(path, [Figure("add", "1/s", Goal(), [990])])
    assert plot.drawn(path, [add])
    assert "add (950/s at 10,000 orders)" in path.read_text()


def test_samples_count_for_the_innermost_layer() -> None:
    """A profile counts a frame of the standard library for whoever called it."""
    api = "thread (1): MainThread;run (asyncio/runners.py:1);_answer (aggregator/api/faces.py:1)"
    writer = "thread (2): store-writer;_live (aggregator/store/writer.py:1)"
    spoken = f"{api};add (aggregator/dialects/adding.py:9)"
    samples = f"{api};dumps (json/__init__.py:2) 3\n{writer} 4\n{spoken} 5\n"
    assert profile.layers(samples) == {"api": 3, "dialects": 5}
