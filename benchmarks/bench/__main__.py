"""Runs the bench: ``python -m benchmarks.bench --only add,status``."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.bench import plot, report
from benchmarks.bench.effort import QUICK, Effort
from benchmarks.bench.figures import ALL
from benchmarks.bench.ground import KEPT
from benchmarks.bench.scores import Figure


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="benchmarks.bench", description=__doc__)
    made.add_argument("--only", default=",".join(ALL), help="some of: %(default)s")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--seconds", type=float, default=4.0, help="of load in each round")
    made.add_argument("--grown", type=int, default=5_000_000, help="orders in the largest database")
    made.add_argument("--due", type=int, default=100_000, help="orders of one cycle of polling")
    made.add_argument("--quick", action="store_true", help="one short round of each")
    made.add_argument("--markdown", action="store_true", help="the table in Markdown as well")
    made.add_argument("--plot", type=Path, default=KEPT / "bench-growth.svg")
    made.add_argument("--json", type=Path, default=KEPT / "bench.json")
    return made


async def run(only: Sequence[str], effort: Effort, tell: Console) -> list[Figure]:
    found: list[Figure] = []
    for name in only:
        began_s = time.monotonic()
        found += await ALL[name](effort)
        tell.print(f"{name}: {time.monotonic() - began_s:.0f} s")
    return found


def main() -> int:
    given = parser().parse_args()
    effort = (
        QUICK
        if given.quick
        else Effort(given.rounds, given.seconds, grown=given.grown, due=given.due)
    )
    tell = Console(stderr=True)
    figures = asyncio.run(run(given.only.split(","), effort, tell))
    report.shown(Console(width=None if sys.stdout.isatty() else report.WIDTH), figures)
    report.written(given.json, figures, vars(given))
    if plot.drawn(given.plot, figures):
        tell.print(f"growth: see {given.plot}")
    if given.markdown:
        sys.stdout.write(report.markdown(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
