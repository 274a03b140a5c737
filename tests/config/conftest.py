"""Configurations written to disk, one per test, and what the loader says of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from aggregator.config import ConfigErrors, Loaded, load

Loads = Callable[..., Loaded]
Mistakes = Callable[..., list[str]]

GOOD = """\
providers:
  gulf: {url: https://gulf.example/api/v2, key: s3cret}
services:
  1:
    name: Followers
    category: Instagram
    rate: "0.90"
    min: 50
    max: 10000
    routes:
      - {provider: gulf, service: 4021}
"""


@pytest.fixture
def good() -> str:
    """The smallest configuration that is worth anything."""
    return GOOD


@pytest.fixture
def loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """Writes config.yaml (and other files, by name), and loads it from its directory."""
    monkeypatch.chdir(tmp_path)

    def loads(text: str, *, environ: Mapping[str, str] | None = None, **files: str) -> Loaded:
        for name, content in {"config_yaml": text, **files}.items():
            path = Path(name.replace("__", "/").replace("_yaml", ".yaml"))
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, "utf-8")
        return load(Path("config.yaml"), environ or {})

    return loads


@pytest.fixture
def mistakes(loads: Loads) -> Mistakes:
    """The lines that ``aggregator check`` would print; none for a good configuration."""

    def mistakes(text: str, **more: object) -> list[str]:
        try:
            loads(text, **more)
        except ConfigErrors as errors:
            return str(errors).splitlines()
        return []

    return mistakes
