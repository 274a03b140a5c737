"""deploy/install.sh, below a folder of its own and with a Python that only pretends."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCRIPTS = [DEPLOY / "install.sh", DEPLOY / "aggregator"]

# Builds an "environment" whose pip writes down what it was asked for. FAIL_PIP: it fails.
PYTHON = """#!/bin/sh
case "$*" in
*ensurepip*) exit 0 ;;
"-c "*version*) echo 3.11.0 ;;
"-c "*token*) echo a-token ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" &&
    printf '#!/bin/sh\\n' > "$3/bin/aggregator" && chmod +x "$3/bin/aggregator" ;;
*"pip "*) echo "$*" >> "$(dirname "$0")/../pip.log"; test -z "$FAIL_PIP" ;;
esac
"""

Install = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of what is installed, to be changed at will."""
    copy = tmp_path / "sources"
    copy.mkdir()
    shutil.copytree(DEPLOY, copy / "deploy")
    (copy / "aggregator").mkdir()
    (copy / "aggregator" / "__init__.py").write_text("")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture
def install(tmp_path: Path, sources: Path) -> Install:
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run(*args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sources / "deploy" / "install.sh", "--root", tmp_path / "root", *args],
            env={"PATH": os.environ["PATH"], "PYTHON": str(python), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def everything(root: Path) -> dict[str, object]:
    """Each file and link below: its mode, its time, what it holds."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes(),
        )
        for path in sorted(root.rglob("*"))
    }


def test_the_first_time(install: Install, root: Path) -> None:
    """It installs the locked packages by hash, the units, a first configuration and a token."""
    assert install().returncode == 0
    current = root / "opt/aggregator/current"
    assert (current / "bin/aggregator").is_file()
    locked, program = (current / "pip.log").read_text().splitlines()
    assert "--require-hashes" in locked
    assert "--no-deps --no-build-isolation --no-index" in program
    units = {path.name for path in DEPLOY.glob("aggregator*.*")}
    assert {path.name for path in (root / "etc/systemd/system").iterdir()} == units
    assert (root / "usr/local/bin/aggregator").stat().st_mode & 0o777 == 0o755
    assert (root / "etc/aggregator/config.yaml").is_file()
    token = root / "etc/aggregator/keys/admin"
    assert token.read_text() == "a-token\n"
    assert (token.parent.stat().st_mode | token.stat().st_mode) & 0o077 == 0


def test_the_second_time(install: Install, root: Path) -> None:
    """Run again it changes nothing at all."""
    install()
    before = everything(root)
    assert install().returncode == 0
    assert everything(root) == before


def test_what_the_operator_wrote_stays(install: Install, root: Path) -> None:
    """His configuration and his token are never overwritten."""
    install()
    for name in ("config.yaml", "keys/admin"):
        (root / "etc/aggregator" / name).write_text("his")
    install()
    for name in ("config.yaml", "keys/admin"):
        assert (root / "etc/aggregator" / name).read_text() == "his"


def test_an_update(install: Install, root: Path, sources: Path) -> None:
    """New sources are built beside the old ones; these are kept as ``previous``, older go."""
    home = root / "opt/aggregator"
    releases = []
    for version in ("1", "2", "3"):
        (sources / "aggregator" / "__init__.py").write_text(f"version = {version}")
        assert install().returncode == 0
        releases.append((home / "current").resolve())
    assert len(set(releases)) == 3
    assert (home / "previous").resolve() == releases[1]
    assert sorted((home / "releases").iterdir()) == sorted(releases[1:])


def test_a_build_that_fails(install: Install, root: Path, sources: Path) -> None:
    """A version that could not be built takes nobody's place, and is built anew next time."""
    install()
    running = (root / "opt/aggregator/current").resolve()
    (sources / "aggregator" / "__init__.py").write_text("version = 2")
    assert install(FAIL_PIP="1").returncode != 0
    assert (root / "opt/aggregator/current").resolve() == running
    assert install().returncode == 0
    assert (root / "opt/aggregator/current").resolve() != running


def test_dry(install: Install, root: Path) -> None:
    """--dry-run says what it would do, and does none of it."""
    done = install("--dry-run")
    assert done.returncode == 0
    assert f"would run: mv -T {root}/opt/aggregator/current.new" in done.stdout
    assert not root.exists()


@pytest.mark.parametrize("option", ["--drier", "-x"])
def test_an_option_that_it_does_not_know(install: Install, root: Path, option: str) -> None:
    """An unknown option stops it before anything is done."""
    done = install(option)
    assert done.returncode == 1
    assert f"no such option: {option}" in done.stderr
    assert not root.exists()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="optional: no shellcheck here")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    """shellcheck finds nothing to say."""
    said = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert said.stdout == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_they_are_programs(script: Path) -> None:
    """Each script can be run, and its shell can read it."""
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
