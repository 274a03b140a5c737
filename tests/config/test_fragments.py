"""Files of services that a command writes to and an operator edits."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import fragments, schema, yaml_tree
from aggregator.config.fragments import LEFT_OUT, Entry, Fragment, Unusable
from aggregator.config.mistakes import Report
from aggregator.config.schema import RouteForm, ServiceForm
from aggregator.config.sources import plain
from aggregator.config.yaml_tree import Node
from aggregator.core import importing
from aggregator.core.fitness import PROMISES
from aggregator.core.importing import Terms
from aggregator.core.model import Offer
from aggregator.core.order_types import TYPES

VALUES = {"name": "Likes", "category": "Demo", "markup": "20%", "min": 1, "max": 9, "refill": True}
LIKES = Entry(5001, ("gulf", "4021"), VALUES, "0.45 there")
PARKED = Entry(5002, ("gulf", "4022"), VALUES, "left out: a price of 0 is none", parked=True)


def reading(tmp_path: Path, text: str) -> Fragment:
    path = tmp_path / "gulf.yaml"
    path.write_text(text)
    return fragments.read(path)


def test_a_new_file(tmp_path: Path) -> None:
    """A file that is not there yet gets a head that says what it is."""
    text = fragments.written(fragments.read(tmp_path / "new.yaml"), "gulf", [LIKES, PARKED])
    assert text.startswith("# Services of gulf")
    assert text.endswith(
        """services:
  5001:  # gulf/4021: 0.45 there
    name: Likes
    category: Demo
    markup: 20%
    min: 1
    max: 9
    refill: true
    routes:
      - {provider: gulf, service: 4021}
  # 5002:  # gulf/4022: left out: a price of 0 is none
  #   name: Likes
  #   category: Demo
  #   markup: 20%
  #   min: 1
  #   max: 9
  #   refill: true
  #   routes:
  #     - {provider: gulf, service: 4022}
"""
    )


def test_what_is_read_again(tmp_path: Path) -> None:
    """Services in use, those parked by an import and those hidden by hand are told apart."""
    text = fragments.written(Fragment(tmp_path, ""), "gulf", [LIKES, PARKED])
    found = reading(tmp_path, text + "  # 5003:  # gulf/4023: 0.45 there\n  #   name: Mine\n")
    assert found.live == {("gulf", "4021"): 5001}
    assert found.parked == {("gulf", "4022"): 5002}
    assert found.hidden == {("gulf", "4023"): 5003}
    assert found.ids == {5001, 5002, 5003}


def test_nothing_else_changes(tmp_path: Path) -> None:
    """What is added stands at the end, in the file's own indentation; the rest stays."""
    text = "services:\n\n    # mine\n    1: {name: a, routes: [{provider: x, service: 1}]}  # !"
    found = fragments.written(reading(tmp_path, text), "gulf", [LIKES])
    assert found.startswith(text + "\n    5001:  # gulf/4021")
    assert found.count("\n      name: ") == 1


def test_parked_services_come_back_in_place(tmp_path: Path) -> None:
    """A parked service that can be sold at last takes the place of its comment."""
    text = fragments.written(Fragment(tmp_path, ""), "gulf", [PARKED, LIKES])
    back = Entry(5002, ("gulf", "4022"), VALUES)
    found = fragments.written(reading(tmp_path, text), "gulf", [back])
    assert "left out" not in found
    assert found.index("  5002:  # gulf/4022\n") < found.index("  5001:")
    assert reading(tmp_path, found).live == {("gulf", "4022"): 5002, ("gulf", "4021"): 5001}


def test_forced_changes_keep_everything_else(tmp_path: Path) -> None:
    """The lines of the keys that change are changed; every other byte stays."""
    text = """# head
services:
  5001:  # gulf/4021
    name: 'Likes'   # my own name
    rate: "0.90"
    min: 50
    description:

    # about the routes
    routes:
      - {provider: gulf, service: "4021"}
# tail
"""
    found = fragments.changed(
        reading(tmp_path, text),
        {5001: {"min": 100, "rate": None, "max": 900, "refill": True, "markup": "5%"}},
    )
    wanted = text.replace("min: 50", "min: 100\n    max: 900\n    refill: true")
    wanted = wanted.replace('rate: "0.90"', "markup: 5%")
    assert found.text == wanted
    priced = fragments.changed(found, {5001: {"rate": "0.50", "markup": None}})
    assert priced.text == wanted.replace("markup: 5%", 'rate: "0.50"')


@pytest.mark.parametrize(
    "service",
    [
        "{name: a, min: 5, routes: []}",
        "&base\n    name: a\n    min: 5\n    type: Default\n  2: {<<: *base}\n",
        "\n    name: a\n    min:\n      5\n",
        "\n    min: 5\n",
    ],
)
def test_what_must_be_changed_by_hand(tmp_path: Path, service: str) -> None:
    """A service that is not written line by line is named, and nothing is changed."""
    found = reading(tmp_path, f"services:\n  1: {service}")
    with pytest.raises(Unusable, match=r"services\.\d must be changed by hand"):
        fragments.changed(found, {1: {"min": 7, "type": "Poll"}})


def test_remarks_behind_values_stay(tmp_path: Path) -> None:
    """A remark behind a value that changes stays behind it."""
    found = reading(tmp_path, "services:\n  1:\n    name: a\n    min: '5'   # least\n")
    assert "\n    min: 7   # least\n" in fragments.changed(found, {1: {"min": 7}}).text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("services: {", "not YAML"),
        ("services:\n  1: {}\n  1: {}\n", "is written twice"),
        ("services: {1: {}}\n", "does not end with its services"),
        ("services:\n  1: {}\nproviders:\n  gulf: {}\n", "does not end with its services"),
    ],
)
def test_files_that_cannot_be_added_to(tmp_path: Path, text: str, why: str) -> None:
    """A file that would not read as it was meant is left alone."""
    with pytest.raises(Unusable, match=why):
        fragments.written(reading(tmp_path, text), "gulf", [LIKES])


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    path = tmp_path / "gulf.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Unusable, match=r"gulf\.yaml is not UTF-8"):
        fragments.read(path)


@pytest.mark.parametrize("text", ["", "services:\n", "services: null\n", "x: 1\n", "5\n"])
def test_files_without_services(tmp_path: Path, text: str) -> None:
    """Nothing in a file is no fault."""
    found = reading(tmp_path, text)
    assert (found.live, found.ids) == ({}, frozenset())


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"))))
def test_scalars_come_back(text: str) -> None:
    """Any text is read again as it was, variables spelled out."""
    root, faults = yaml_tree.parse(f"key: {fragments.scalar(text)}\n")
    assert faults == []
    assert isinstance(root, Node)
    assert plain(root) == {"key": text.replace("${", "$${")}


TEXTS = st.text(max_size=40)


@given(
    offers=st.lists(
        st.builds(
            Offer,
            service=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
            name=TEXTS,
            type=st.sampled_from([*TYPES, "default", "", "SEO2: 'x' # y"]) | TEXTS,
            category=TEXTS,
            rate_micros=st.none() | st.integers(0, 10**18),
            min=st.none() | st.integers(0, 10**18),
            max=st.none() | st.integers(0, 10**18),
            refill=st.none() | st.booleans(),
            dripfeed=st.none() | st.booleans(),
        ),
        max_size=5,
    ),
    provider=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    fixed=st.booleans(),
)
def test_whatever_a_catalogue_holds(offers: list[Offer], provider: str, fixed: bool) -> None:
    """Every service that is written in earnest is one that the configuration takes."""
    terms = Terms(Decimal("0.2"), "20%", frozenset(PROMISES), Decimal("1.08"), fixed)
    drafts = [importing.draft(offer, terms) for offer in offers]
    entries = [
        Entry(
            key,
            (provider, one.offer.service),
            one.values,
            f"{LEFT_OUT}: {one.reason}" if one.reason else "",
            bool(one.reason),
        )
        for key, one in enumerate(drafts, 1)
    ]
    text = fragments.written(Fragment(Path("x.yaml"), ""), provider, entries)
    root, faults = yaml_tree.parse(text)
    assert isinstance(root, Node)
    services = plain(root)["services"] or {}  # type: ignore[index, call-overload]
    assert services.keys() == {str(one.id) for one in entries if not one.parked}
    report = Report()
    for key, service in services.items():
        parsed = schema.parse(ServiceForm, service, ("services", key), report)
        assert parsed is not None
        assert schema.parse(RouteForm, parsed.routes[0], (), report) is not None
    assert (faults, report.mistakes) == ([], [])
    again = Fragment(Path("x.yaml"), text)
    assert again.parked.keys() == {one.route for one in entries if one.parked}
    assert again.hidden == {}


def test_put_is_whole_or_nothing(tmp_path: Path) -> None:
    """A file is replaced with its mode kept, through links too, and nothing is left over."""
    folder = tmp_path / "services"
    fragments.put(folder / "gulf.yaml", "one")
    (folder / "gulf.yaml").chmod(0o640)
    (tmp_path / "link.yaml").symlink_to(folder / "gulf.yaml")
    fragments.put(tmp_path / "link.yaml", "two")
    assert (tmp_path / "link.yaml").is_symlink()
    assert [path.name for path in folder.iterdir()] == ["gulf.yaml"]
    assert (folder / "gulf.yaml").read_text() == "two"
    assert (folder / "gulf.yaml").stat().st_mode & 0o777 == 0o640
