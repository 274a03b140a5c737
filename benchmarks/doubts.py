"""How often the bracket decides, and how often it is wrong.

``python benchmarks/doubts.py --doubts 100000 --seed 1``

Drives ``aggregator.core.doubt`` alone through model worlds (doubts_world.py), first
with all five assumptions holding, where a wrong decision is a bug, then with each of
them broken in turn. Prints a table and, as its last line, JSON.
"""

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

# A program that is run by its path sees its own folder only.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.doubts_run import Run
from benchmarks.doubts_world import Broken, Drawing
from benchmarks.evidence import commit, parser

COLUMNS = ("doubts", "wrong", "placed", "not placed", "person", "deadline", "swapped", "alarms")


@dataclass(slots=True)
class Figures:
    """What became of the doubts of one scenario."""

    broken: Broken
    doubts: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    waited_ms: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def wrong(self) -> int:
        return self.tally["wrong: adopted"] + self.tally["wrong: given away"]

    def told(self) -> dict[str, object]:
        swapped = self.tally["right: placed, swapped"]
        waited_s = [ms / 1000 for ms in self.waited_ms] or [0.0]
        return {
            "broken": self.broken.value,
            "doubts": self.doubts,
            "wrong": self.wrong,
            "wrong_adopted": self.tally["wrong: adopted"],
            "wrong_given_away": self.tally["wrong: given away"],
            "placed": self.tally["right: placed"] + swapped,
            "not placed": self.tally["right: not placed"],
            "swapped": swapped,
            "person": self.tally["person"],
            "deadline": self.tally["deadline"],
            "alarms": self.tally["alarms"],
            "late_found": self.tally["late orphans found"],
            "late_mistaken": self.tally["late orphans mistaken"],
            "probes_per_doubt": round(self.tally["probes"] / max(self.doubts, 1), 2),
            "median_wait_s": round(statistics.median(waited_s), 1),
            "seconds": round(self.seconds, 1),
        }


def simulate(doubts: int, seed: int, broken: Broken = Broken.NONE, watch: float = 0.05) -> Figures:
    """At least ``doubts`` doubts in worlds drawn from ``seed``. In a share ``watch`` of
    the worlds, what was closed is watched on."""
    rng, figures, began = Random(f"{seed} {broken}"), Figures(broken), time.perf_counter()
    while figures.doubts < doubts:
        run = Run(Drawing(rng, broken).world(figures.doubts), rng, figures.tally, figures.waited_ms)
        run.live()
        if rng.random() < watch:
            run.watch()
        figures.doubts += len(run.world.doubts)
    figures.seconds = time.perf_counter() - began
    return figures


def line(cells: Mapping[str, object]) -> str:
    width = max(len(broken.value) for broken in Broken)
    return " ".join(
        [str(cells["broken"]).ljust(width), *(str(cells[name]).rjust(10) for name in COLUMNS)]
    )


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--doubts", type=int, default=100_000)
    asked = arguments.parse_args()
    began = time.perf_counter()
    sys.stdout.write(line({name: name for name in ("broken", *COLUMNS)}) + "\n")
    rows = []
    for broken in Broken:
        whole = broken is Broken.NONE
        doubts, watch = (asked.doubts, 0.05) if whole else (asked.doubts // 20 + 1, 0.2)
        rows.append(simulate(doubts, asked.seed, broken, watch).told())
        sys.stdout.write(line(rows[-1]) + "\n")
        sys.stdout.flush()
    report = {
        "benchmark": "doubts",
        "commit": commit(),
        "seed": asked.seed,
        "seconds": round(time.perf_counter() - began, 1),
        "violations": rows[0]["wrong"],
        "scenarios": rows,
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")
    return 1 if rows[0]["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
