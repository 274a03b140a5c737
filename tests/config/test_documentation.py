"""The example and the reference are held to the schema."""

import re
from pathlib import Path

import pytest

from aggregator.config import Loaded, load, schema
from aggregator.config.mistakes import Report
from aggregator.config.schema import FORMS
from aggregator.config.sources import plain
from aggregator.config.yaml_tree import Node, parse
from aggregator.core.order_types import TYPES
from aggregator.dialects import BUILTIN

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.yaml"
REFERENCE = ROOT / "docs" / "configuration.md"
ENVIRON = {"GULF_KEY": "k1", "OWNER_KEY": "k2"}

# Which tables of the reference tell the keys of which form, by their headings.
SECTIONS = {
    "": ("The server", "Money", "Orders", "More files and dialects"),
    "limits": ("`limits`",),
    "retention": ("`retention`",),
    "providers.*": ("Providers",),
    "services.*": ("Services",),
    "services.*.routes.*": ("`routes`",),
}
ROW = re.compile(r"^\|(.*?`)\s*\|(.*?)\|", re.M)


def rows(form: str) -> dict[str, str]:
    """key -> the text of its default, from the tables of a form."""
    found: dict[str, str] = {}
    for part in re.split(r"^##+ ", REFERENCE.read_text("utf-8"), flags=re.M):
        if part.partition("\n")[0] in SECTIONS[form]:
            for keys, default in ROW.findall(part):
                found |= dict.fromkeys(re.findall(r"`(\w+)`", keys), default.strip())
    return found


def example() -> Loaded:
    return load(EXAMPLE, ENVIRON)


def test_the_example_works() -> None:
    """The example is a good configuration once its variables are set, without a warning."""
    loaded = example()
    assert loaded.warnings == ()
    assert loaded.setup.providers["gulf"].key == "k1"
    assert len(loaded.setup.services) == 2


@pytest.mark.parametrize("form", FORMS)
def test_the_example_has_every_key(form: str) -> None:
    """Every key of every form stands in the example, live or in a comment that explains it."""
    text = EXAMPLE.read_text("utf-8")
    for key in FORMS[form].model_fields:
        assert re.search(rf"^[ #]*(- )?{key}:|[{{ ]{key}: ", text, re.M), f"{form}.{key}"


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_has_every_key(form: str) -> None:
    """Every key of every form has its row in the reference, and no row is left over."""
    assert rows(form).keys() == FORMS[form].model_fields.keys()


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_tells_the_defaults(form: str) -> None:
    """What the reference calls a default is one: to write it changes nothing."""
    report = Report()
    for key, default in rows(form).items():
        if default.startswith("`"):
            raw = plain(parse(default.strip("`"))[0] or Node(None, 1))
            parsed = schema.parse(FORMS[form], {key: raw}, (), report)
            assert getattr(parsed, key) == FORMS[form].model_fields[key].default, f"{form}.{key}"
    assert {mistake.message for mistake in report.mistakes} <= {"is missing"}


def test_required_keys_are_called_so() -> None:
    """A key that must be there is called required, and no other one."""
    for name, form in FORMS.items():
        for key, field in form.model_fields.items():
            called = rows(name)[key] == "required"
            assert called == bool(field.json_schema_extra), f"{name}.{key}"


def test_types_and_dialects_are_named() -> None:
    """The reference names every type, the example every built-in dialect."""
    reference, text = REFERENCE.read_text("utf-8"), EXAMPLE.read_text("utf-8")
    for word in TYPES:
        assert f"`{word}`" in reference.replace("\n", " ")
    for dialect in BUILTIN:
        assert dialect in text
