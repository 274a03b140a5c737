"""docs/security.md, and what it promises of packages and keys."""

import ast
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from aggregator.store import keys

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
PROOFS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
ROWS = [line for line in PAGE.splitlines() if re.match(r"^\| (?!\*\*|-|promise)", line)]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


@cache
def names_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("path", "name"), PROOFS)
def test_each_proof_is_there(path: str, name: str) -> None:
    """A test that the page names exists."""
    assert name.startswith("test_")
    assert name in names_in(ROOT / path)


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_each_promise_has_a_proof(row: str) -> None:
    """No line of the page promises something that no test holds."""
    assert re.search(r"`tests/[\w/]+\.py::\w+`", row)


def test_another_hash_is_nobody() -> None:
    """A row that came back for another key, whatever the reason, lets nobody in."""
    row = {"key_hash": keys.hash_key("one")}
    assert keys.matched([row], keys.hash_key("other")) is None
    assert keys.matched([], keys.hash_key("other")) is None


def test_aiohttp_is_new_enough() -> None:
    """Older ones have known holes in the parser of requests."""
    assert tuple(map(int, version("aiohttp").split(".")[:3])) >= (3, 14, 3)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_everything_is_locked(lock: Path) -> None:
    """Each package stands with its version and the hashes of its files; no registry is named."""
    text = lock.read_text()
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 20
    for package in packages:
        assert re.match(r"[a-z0-9._-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", package)
    assert not re.search(r"index-url|trusted-host|find-links|https?://", text)
