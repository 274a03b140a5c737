"""The curves of growth, as an image: throughput by the number of orders in the database."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.scores import Figure


def drawn(path: Path, figures: Sequence[Figure]) -> bool:
    """Whether any of the figures has grown with a database. Each becomes a curve of
    medians, with the lowest and the highest round as bars, relative to its smallest size."""
    grown = [figure for figure in figures if "growth" in figure.notes]
    if not grown:
        return False
    import matplotlib as mpl  # takes its time to import
    from matplotlib.figure import Figure as Canvas

    mpl.rcParams |= {"svg.hashsalt": "growth", "svg.fonttype": "none"}
    canvas = Canvas(figsize=(7, 4), layout="constrained")
    axes = canvas.subplots()
    for figure in grown:
        rounds = figure.notes["growth"]
        base = statistics.median(rounds[min(rounds)])
        middle = [statistics.median(found) / base for found in rounds.values()]
        below = [at - min(found) / base for at, found in zip(middle, rounds.values(), strict=True)]
        above = [max(found) / base - at for at, found in zip(middle, rounds.values(), strict=True)]
        name = f"{figure.name.partition(' at ')[0]} ({base:,.0f}/s at {min(rounds):,} orders)"
        axes.errorbar(list(rounds), middle, yerr=(below, above), marker="o", capsize=3, label=name)
    axes.axhline(0.9, linestyle="--", color="grey", label="goal")
    axes.set(xscale="log", ylim=(0, None), xlabel="orders in the database")
    axes.set_ylabel("throughput, of that of the smallest")
    axes.legend(loc="lower left")
    canvas.savefig(path, metadata={"Date": None})
    return True
