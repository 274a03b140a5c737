"""How a program of this folder tells what it found: a table, a line of JSON, an exit status."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

ROOT = Path(__file__).parents[1]
SHOWN = 20  # violations that are printed; all are counted


@dataclass(slots=True)
class Findings:
    """What a run found. ``violations``: a readable line for each thing that must never be."""

    benchmark: str
    seed: int
    figures: dict[str, object] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.violations.append(what)

    def equal(self, what: str, found: object, expected: object) -> None:
        self.check(found == expected, f"{what}: {found!r} instead of {expected!r}")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Of a program whose docstring begins with what it shows."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    made.add_argument("--seed", type=int, default=1)
    return made


@contextmanager
def watched(findings: Findings) -> Iterator[None]:
    """Times the run, and takes every error that the program logs for a violation."""

    def hear(_logger: object, method: str, event: structlog.typing.EventDict) -> str:
        if method in ("error", "exception", "critical"):
            findings.violations.append(f"logged: {event['event']} ({event.get('error', '')})")
        raise structlog.DropEvent

    before, began = structlog.get_config(), time.perf_counter()
    structlog.configure(processors=[hear])
    try:
        yield
    finally:
        structlog.configure(**before)
        findings.seconds = round(time.perf_counter() - began, 1)


def conclude(findings: Findings) -> int:
    """Prints the findings; the exit status of the program."""
    told = {
        "benchmark": findings.benchmark,
        "commit": commit(),
        "seed": findings.seed,
        "seconds": findings.seconds,
        **findings.figures,
        "violations": len(findings.violations),
    }
    width = max(map(len, told))
    for name, value in told.items():
        sys.stdout.write(f"{name.ljust(width)}  {value}\n")
    for violation in findings.violations[:SHOWN]:
        sys.stdout.write(f"! {violation}\n")
    sys.stdout.write(f"\n{json.dumps(told, default=str)}\n")
    return 1 if findings.violations else 0


def commit() -> str:
    """What was measured; "-dirty" where the working tree is not what was committed."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
