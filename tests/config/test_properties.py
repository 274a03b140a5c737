"""What holds for any file at all."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.config import ConfigErrors, load, summary
from aggregator.config.schema import FORMS
from tests.config.conftest import GOOD

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

KEYS = sorted({key for form in FORMS.values() for key in form.model_fields})
WORDS = [
    "gulf", "owner", "standard", "USD", "EUR", "1", "0", "20%", "10s", "20/min", "0.90", "Default",
    "Package", "Subscriptions", "https://gulf.example/api/v2", "http://[::1]/", "unix:/x",
    "127.0.0.1:1", "/api/v2", "true", "${X}", "${Y}", "$${", "${", "*.yaml", "config.yaml",
    "extends", "errors", "", "\0", "\ud800", "٣", "'", "postgresql://x", "10.0.0.0/8",
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False).map(float)
    | st.sampled_from(WORDS)
    | st.text(max_size=20)
)
names = st.sampled_from([*KEYS, *WORDS]) | st.text(max_size=5)
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=40,
)


def nothing_but_config_errors(
    path: Path, content: bytes, environ: Mapping[str, str], secret: str = "\0"
) -> None:
    """Loads it; what comes is whole, or ConfigErrors whose lines are lines."""
    path.write_bytes(content)
    try:
        loaded = load(path, environ)
    except ConfigErrors as errors:
        assert errors.mistakes
        assert secret not in str(errors)
        assert len(str(errors).splitlines()) == len(errors.mistakes)
        assert all(mistake.message for mistake in errors.mistakes)
    else:
        assert summary(loaded)


@SHARED
@given(st.text() | st.text(alphabet="ab:- {}[]&*!|>'\"#%@`,?\n\t~<$"))
def test_any_text(tmp_path: Path, text: str) -> None:
    """Whatever text a file holds, there are mistakes or there is a configuration."""
    content = text.encode("utf-8", "surrogatepass")
    nothing_but_config_errors(tmp_path / "config.yaml", content, {})


@SHARED
@given(st.binary())
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes a file holds, likewise."""
    nothing_but_config_errors(tmp_path / "config.yaml", content, {})


def base() -> dict[str, object]:
    service = {
        "name": "A",
        "category": "B",
        "rate": "1",
        "min": 1,
        "max": 9,
        "routes": [{"provider": "gulf", "service": 1}],
    }
    provider = {"url": "https://gulf.example/api/v2", "key": "s3cret"}
    return {"providers": {"gulf": provider}, "services": {"1": service}}


def graft(tree: object, path: list[str], value: object) -> None:
    for key in path[:-1]:
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]  # type: ignore[index]
    tree[int(path[-1]) if isinstance(tree, list) else path[-1]] = value  # type: ignore[index]


@SHARED
@given(
    st.sampled_from(
        [
            *(name for name in FORMS[""].model_fields),
            *(f"providers.gulf.{name}" for name in FORMS["providers.*"].model_fields),
            *(f"services.1.{name}" for name in FORMS["services.*"].model_fields),
            *(f"services.1.routes.0.{name}" for name in FORMS["services.*.routes.*"].model_fields),
            "services.1.routes.0",
            "services.1",
            "providers.gulf",
        ]
    ),
    structures,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
def test_any_value_of_any_key(tmp_path: Path, where: str, value: object, variable: str) -> None:
    """Whatever stands behind a key of a good configuration, likewise."""
    tree = base()
    graft(tree, where.split("."), value)
    content = json.dumps(tree).encode()
    nothing_but_config_errors(tmp_path / "config.yaml", content, {"X": variable})


@SHARED
@given(structures)
def test_any_structure(tmp_path: Path, tree: object) -> None:
    """Whatever structure a file holds, likewise."""
    nothing_but_config_errors(tmp_path / "config.yaml", json.dumps(tree).encode(), {"X": "1"})


@SHARED
@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.text(max_size=3))
def test_any_slip_of_the_finger(tmp_path: Path, at: int, length: int, typed: str) -> None:
    """Wherever a good configuration is cut or garbled, likewise, and the key is not shown."""
    path = tmp_path / "config.yaml"
    text = GOOD[:at] + typed + GOOD[at + length :]
    content = text.encode("utf-8", "surrogatepass")
    nothing_but_config_errors(path, content, {}, secret="s3cret")


@pytest.mark.parametrize("depth", [100, 10_000])
def test_depth(tmp_path: Path, depth: int) -> None:
    """Nesting, in brackets or by indentation, exhausts nothing."""
    path = tmp_path / "config.yaml"
    nothing_but_config_errors(path, ("[" * depth + "]" * depth).encode(), {})
    nothing_but_config_errors(path, ("{a: " * depth + "}" * depth).encode(), {})
    nothing_but_config_errors(path, ("- " * depth).encode(), {})
