"""docs/conformance.md names a proof for every action of every seed, in both directions."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.core.messages import ACTIONS
from aggregator.dialects import BUILTIN
from tests.dialects.support import ALL_SAMPLES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
ROW = re.compile(r"\| (\w+) \| (\w+) \| (.*) \| (.*) \|")
PROOF = re.compile(r"`([^`]+)`")


def rows() -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """(seed, action) -> the tests of calling such a panel, the tests of being one."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if (row := ROW.fullmatch(line)) and row[1] in BUILTIN:
            assert (row[1], row[2]) not in found, line
            found[row[1], row[2]] = (PROOF.findall(row[3]), PROOF.findall(row[4]))
    return found


@pytest.fixture(scope="module")
def tests_of_dialects() -> set[str]:
    """The node ID of every test in this folder, and the name of every one with parameters."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    listed = subprocess.run(
        [*command, "tests/dialects"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = set(listed.stdout.splitlines())
    return found | {test.partition("[")[0] for test in found}


def test_every_action_of_every_seed_has_a_row() -> None:
    """The table is complete: each seed, each action, each direction."""
    found = rows()
    assert set(found) == set(itertools.product(BUILTIN, ACTIONS))
    assert all(calling and answering for calling, answering in found.values())


def test_every_named_test_exists(tests_of_dialects: set[str]) -> None:
    """Each proof that the page names is a test that runs."""
    named = {f"tests/dialects/{test}" for test in PROOF.findall(PAGE.read_text()) if "::" in test}
    assert named
    assert named <= tests_of_dialects, sorted(named - tests_of_dialects)


def test_every_sample_is_named() -> None:
    """Each recorded sample stands in its row, in both directions."""
    found = rows()
    for sample in ALL_SAMPLES:
        calling, answering = found[sample.seed, sample.action]
        for way, proofs in (("client", calling), ("face", answering)):
            mine = [proof for proof in proofs if f"[{sample.id}]" in proof]
            assert len(mine) == 2, (sample.id, way, mine)
