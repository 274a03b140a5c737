"""The evidence is worth something: bugs planted on purpose are caught by it.

``python -m benchmarks.planted_bugs``

Each bug of ``planted/*.yaml`` is an exact replacement of text. It is applied to a copy
of the project, and the tests that should catch it are run there: they must fail, as
tests fail and not as a program breaks, and without the bug they must pass. A bug whose
text is no longer there fails the program, for then nobody knows what would catch it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from benchmarks.evidence import ROOT, Findings, conclude, parser, watched

PLANTED = Path(__file__).parent / "planted"
COPIED = ("aggregator", "benchmarks", "tests", "pyproject.toml")
PATIENCE_S = 300
TESTS_FAILED = 1  # pytest's exit status where tests ran and some of them failed


@dataclass(frozen=True, slots=True)
class Change:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """``caught_by``: test files, or tests, as pytest names them."""

    name: str
    changes: tuple[Change, ...]
    caught_by: tuple[str, ...]

    def plant(self, project: Path) -> None:
        """ValueError where a text to be replaced does not stand there exactly once."""
        for change in self.changes:
            path = project / change.file
            text = path.read_text()
            if text.count(change.old) != 1:
                raise ValueError(f"{change.file} has not one {change.old!r}")
            path.write_text(text.replace(change.old, change.new))


@dataclass(frozen=True, slots=True)
class Hunt:
    """``by``: the test that caught the bug; else why it is not known to be caught."""

    by: str = ""
    why_not: str = ""


def bugs() -> list[Bug]:
    files = sorted(PLANTED.glob("*.yaml"))
    return [_bug(**item) for file in files for item in yaml.safe_load(file.read_text())]


def _bug(name: str, changes: list[Mapping[str, str]], caught_by: list[str]) -> Bug:
    return Bug(name, tuple(Change(**change) for change in changes), tuple(caught_by))


def run(
    names: Sequence[str] = (), jobs: int = 2, seed: int = 1, *, control: bool = True
) -> Findings:
    """All bugs, or those whose names begin so; ``jobs`` at a time. ``control``: whether
    to see first that the tests pass without any bug."""
    findings = Findings("planted_bugs", seed)
    wanted = [bug for bug in bugs() if not names or bug.name.startswith(tuple(names))]
    with watched(findings), tempfile.TemporaryDirectory(prefix="evidence-") as folder:
        if control:
            tests = sorted({test for bug in wanted for test in bug.caught_by})
            status, said = _tested(_copy(Path(folder) / "sound"), tests)
            findings.check(status == 0, f"without any bug: {said}")
        with ThreadPoolExecutor(jobs) as pool:
            hunts = list(pool.map(partial(_hunted, Path(folder)), range(len(wanted)), wanted))
    caught = {bug.name: hunt.by for bug, hunt in zip(wanted, hunts, strict=True) if hunt.by}
    for bug, hunt in zip(wanted, hunts, strict=True):
        findings.check(bool(hunt.by), f"{bug.name}: {hunt.why_not}")
    findings.figures = {"planted": len(wanted), "caught": len(caught), **caught}
    return findings


def _hunted(folder: Path, number: int, bug: Bug) -> Hunt:
    project = _copy(folder / str(number))
    try:
        bug.plant(project)
    except ValueError as error:
        return Hunt(why_not=f"no longer applies: {error}")
    status, said = _tested(project, bug.caught_by)
    shutil.rmtree(project)
    return Hunt(by=said) if status == TESTS_FAILED else Hunt(why_not=f"not caught: {said}")


def _copy(project: Path) -> Path:
    project.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project / name)
    return project


def _tested(project: Path, tests: Sequence[str]) -> tuple[int, str]:
    """pytest's exit status, and the first test that failed or what was said last."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    outer = ("PYTEST_", "COV_", "COVERAGE_")
    environ = {name: text for name, text in os.environ.items() if not name.startswith(outer)}
    try:
        done = subprocess.run(
            command,
            cwd=project,
            env=environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, "the tests did not end"
    lines = done.stdout.splitlines() or done.stderr.splitlines() or [""]
    failed = [line.split(" - ")[0] for line in lines if line.startswith("FAILED ")]
    return done.returncode, failed[0].removeprefix("FAILED ") if failed else lines[-1]


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("names", nargs="*", help="only bugs whose names begin so")
    asked = options.parse_args()
    findings = run(asked.names, asked.jobs, asked.seed)
    return conclude(findings)


if __name__ == "__main__":
    sys.exit(main())
