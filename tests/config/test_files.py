"""The files of a configuration: the main one, and what it includes."""

from pathlib import Path

import pytest

from aggregator.config import ConfigErrors, load
from tests.config.conftest import GOOD, Loads, Mistakes

SERVICE = (
    "{name: A, category: B, rate: '1', min: 1, max: 9, routes: [{provider: gulf, service: 1}]}"
)

QUOTED = "'${C}'"


def said(path: Path) -> str:
    with pytest.raises(ConfigErrors) as caught:
        load(path, {})
    return str(caught.value).replace(str(path), "FILE")


def test_no_file(tmp_path: Path) -> None:
    """A missing file, or a directory, is a mistake with its name."""
    assert said(tmp_path / "gone.yaml") == "FILE: cannot be read: No such file or directory"
    assert said(tmp_path) == "FILE: cannot be read: Is a directory"
    assert said(tmp_path / ("x" * 300)) == "FILE: cannot be read: File name too long"
    assert said(tmp_path / "a\0b").endswith("cannot be read: not a path")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "FILE: is empty"),
        (b"# only this\n", "FILE: is empty"),
        (b"null", "FILE: is empty"),
        (b"- a", "FILE: must be a mapping of keys"),
        (b"text", "FILE: must be a mapping of keys"),
        (b"a: \xff", "FILE: is not UTF-8 text"),
        ("a: 1".encode("utf-16"), "FILE: is not UTF-8 text"),
        (b"a: 1\nb: [", "FILE:3: not YAML: did not find expected node content"),
        (b"#" * (16 * 1024 * 1024 + 1), "FILE: is larger than 16 MiB"),
    ],
    ids=["empty", "comment", "null", "list", "text", "latin", "utf16", "broken", "huge"],
)
def test_no_configuration(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that holds no configuration is told so in one line."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert said(path) == message


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """What Windows editors put first does no harm."""
    path = tmp_path / "config.yaml"
    path.write_text("\ufeff" + GOOD, "utf-8")
    assert load(path, {}).setup.services.keys() == {1}


def test_included_services(loads: Loads) -> None:
    """Services of included files join the others; hidden files and repetitions are left out."""
    loaded = loads(
        "include: ['services/*.yaml', services/a.yaml, '*.yaml']\n" + GOOD,
        services__a_yaml=f"services: {{2: {SERVICE}}}",
        services__b_yaml=f"services: {{3: {SERVICE}}}",
        services__c_yaml="services:\n",
        **{"services__.d_yaml": "["},
    )
    assert loaded.setup.services.keys() == {1, 2, 3}
    assert loaded.warnings == ()


def test_an_absolute_include(loads: Loads, tmp_path: Path) -> None:
    """An included file may stand anywhere."""
    loaded = loads(
        f"include: ['{tmp_path}/else/*.yaml']\n{GOOD}", else__a_yaml=f"services: {{2: {SERVICE}}}"
    )
    assert loaded.setup.services.keys() == {1, 2}


def test_mistakes_in_included_files(mistakes: Mistakes) -> None:
    """A mistake in an included file is told with that file and its line there."""
    assert mistakes(
        "include: [services/*.yaml]\nservices: {}\n" + GOOD.partition("services:")[0],
        services__a_yaml=f"services:\n  1: {SERVICE}\n  2: {SERVICE.replace('gulf', 'gluf')}\n",
        services__b_yaml=f"services:\n\n  1: {SERVICE}\n  3: {SERVICE.replace('B', QUOTED)}\n",
        services__c_yaml="providers: {}\nservices: []\n",
        services__d_yaml="a: [",
        services__e_yaml="",
        services__f_yaml="services: {4: {}, 4: {}}",
    ) == [
        "services/a.yaml:3: services.2.routes.0.provider: no provider 'gluf'"
        " (did you mean 'gulf'?)",
        "services/b.yaml:3: services.1: is in services/a.yaml:2 too",
        "services/b.yaml:4: services.3.category: environment variable C is not set",
        "services/c.yaml:1: providers: an included file holds services only",
        "services/c.yaml:2: services: must be a mapping",
        "services/d.yaml:2: not YAML: did not find expected node content",
        "services/e.yaml: is empty",
        "services/f.yaml:1: services.4: is written twice (lines 1 and 1)",
        "services/f.yaml:1: services.4.name: is missing",
        "services/f.yaml:1: services.4.category: is missing",
        "services/f.yaml:1: services.4.min: is missing",
        "services/f.yaml:1: services.4.max: is missing",
        "services/f.yaml:1: services.4.rate: is missing (or give 'markup')",
        "services/f.yaml:1: services.4.routes: is empty: add a route, or set enabled: false",
    ]


def test_a_clash_with_the_main_file(mistakes: Mistakes) -> None:
    """A service that stands in the main file too is a mistake that names both places."""
    assert mistakes("include: [more.yaml]\n" + GOOD, more_yaml=f"services: {{1: {SERVICE}}}") == [
        "more.yaml:1: services.1: is in config.yaml:5 too"
    ]


@pytest.mark.parametrize(
    "entry", ['"a\\0b"', "'['", "'**'", "'/'", "''", "5", "[x]", "~", "'[z-a]*'"]
)
def test_odd_includes(mistakes: Mistakes, entry: str) -> None:
    """Whatever stands under include, nothing but mistakes and warnings comes of it."""
    assert all("include.0" in line for line in mistakes(f"include: [{entry}]\n{GOOD}"))
