"""That the bench runs, with everything in processes of its own. What it measures is not asked."""

import pytest

from benchmarks.bench import figures
from benchmarks.bench.effort import Effort

SHORT = Effort(rounds=1, seconds=0.2, warm_s=0.05)


@pytest.mark.parametrize("name", figures.ALL)
async def test_every_figure_can_be_measured(name: str) -> None:
    """Each figure of the bench comes to a value, and no answer on the way is wrong."""
    for figure in await figures.ALL[name](SHORT):
        assert figure.score > 0 or figure.goal.of == "difference"
