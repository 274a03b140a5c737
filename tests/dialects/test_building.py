"""Dialect files into dialects: what they may say, and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import ACTIONS
from aggregator.dialects import BUILTIN, Dialect, Mistake, build_all
from aggregator.dialects.keys import KEYS
from tests.dialects.support import DIALECTS, builtin_forms, dialect

MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text())


def mistakes(form: object) -> list[tuple[str, str]]:
    """The mistakes of one form, each as its path below the dialect's name and its text."""
    found = build_all({"x": form, "standard": {}})[1]
    assert all(mistake.path[0] == "x" for mistake in found)
    return [(".".join(map(str, mistake.path[1:])), mistake.message) for mistake in found]


def test_the_builtin_ones_are_sound() -> None:
    """The dialects that come with the program have no mistakes."""
    built, found = build_all(builtin_forms())
    assert found == []
    assert tuple(built) == BUILTIN


def test_the_standard_is_the_default() -> None:
    """The file of the standard says every key, and says what an empty dialect means."""
    form = builtin_forms()["standard"]
    assert isinstance(form, dict)
    assert {*form, "extends"} == set(KEYS)
    assert DIALECTS["standard"] == Dialect()


def test_extending() -> None:
    """A dialect takes what it does not say from the one it extends, in any order of files."""
    forms = {
        "c": {"extends": "b", "params": {"comments": "words"}},
        "b": {"extends": "a", "encoding": "json", "actions": {"refill": "again", "cancel": None}},
        "a": {"params": {"service": "package"}, "errors": {"no": "funds", "never": "link"}},
        "d": {"extends": "a", "errors": {"never": "down", "no": "rate"}},
    }
    built, found = build_all(forms)
    assert found == []
    assert built["c"].params == {"service": "package", "comments": "words"}
    assert built["c"].json
    assert built["c"].actions["refill"] == "again"
    assert not built["c"].offers("cancel")
    assert built["a"].offers("cancel")
    assert list(built["d"].errors.items()) == [
        ("never", ErrorClass.DOWN),
        ("no", ErrorClass.RATE),
    ]


def test_every_key() -> None:
    """Each key of the form changes what it says it changes."""
    built = dialect(
        auth={"param": "token", "bearer": True},
        encoding="json",
        actions={"services": "packages", "refill": None},
        params={"service": "package"},
        fields={"start_count": "start", "status": {"remains": "left"}},
        omit={"statuses": ["charge"], "add": []},
        integers=["min"],
        blank=["expiry"],
        batch={"status": 50, "cancel": 0},
        dripfeed={"interval": "every", "status": {"type": "drip", "n": 1}},
        cancel_by="order",
        quantity_beside=["comments"],
        errors={"no cash": "funds", 113: "funds"},
        statuses={"In-Arbeit": "in_progress", 0: "pending"},
        error_texts={"Incorrect order ID": "No such order"},
        row_errors="list",
    )
    assert (built.param, built.bearer, built.json) == ("token", True, True)
    assert built.actions["services"] == "packages"
    assert not built.offers("refill")
    assert built.params == {"service": "package"}
    assert built.fields == {"status": {"start_count": "start", "remains": "left"}}
    assert built.omit == {"statuses": {"charge"}, "add": set()}
    assert built.integers == {"min"}
    assert built.blank == {"expiry"}
    assert [built.batch_size(action) for action in ("status", "cancel", "refill", "add")] == [
        50,
        0,
        100,
        0,
    ]
    assert built.dripfeed is not None
    assert built.dripfeed.interval == "every"
    assert built.dripfeed.status == {"type": "drip", "n": "1"}
    assert built.cancel_by == "order"
    assert built.quantity_beside == ("comments",)
    assert built.errors == {"no cash": ErrorClass.FUNDS, "113": ErrorClass.FUNDS}
    assert built.statuses == {"inarbeit": "in_progress", "0": "pending"}
    assert built.error_texts == {"Incorrect order ID": "No such order"}
    assert built.row_errors_as_list


def test_dripfeed_comes_back() -> None:
    """A dialect may offer the drip-feed that the one it extends does not."""
    built, found = build_all(
        {"a": {"dripfeed": None}, "b": {"extends": "a", "dripfeed": {"interval": "gap"}}}
    )
    assert found == []
    assert not built["a"].offers_dripfeed
    assert built["b"].dripfeed is not None
    assert built["b"].dripfeed.interval == "gap"


@pytest.mark.parametrize("case", MISTAKES["alone"], ids=lambda case: case["message"])
def test_mistakes(case: dict[str, Any]) -> None:
    """A mistake is named with its place, and with a hint where one is near."""
    assert mistakes(case["form"]) == [(case["path"], case["message"])]


@pytest.mark.parametrize("case", MISTAKES["together"], ids=lambda case: case["message"])
def test_dialects_that_break_their_own_form(case: dict[str, Any]) -> None:
    """Two of ours that would be one to the panel are a mistake, where the file can be mended."""
    assert (case["path"], case["message"]) in mistakes(case["form"])


def test_numbers_without_end() -> None:
    """A number too long to be printed is a mistake like any other."""
    long = 10**5000
    assert mistakes({"batch": {"status": long}, "errors": {long: "funds"}}) == [
        ("batch.status", "a whole number is wanted (0: one by one), not a int"),
        ("errors.a int", "a text is wanted, not a int"),
    ]


def test_delay_may_be_the_interval() -> None:
    """The drip-feed interval may share the name of the subscription's delay, renamed or not."""
    assert mistakes({"dripfeed": {"interval": "delay"}}) == []
    assert mistakes({"params": {"delay": "gap"}, "dripfeed": {"interval": "gap"}}) == []


def test_a_header_frees_the_name() -> None:
    """Where the key goes in the header, its usual parameter may mean something else."""
    assert mistakes({"auth": {"bearer": True}, "params": {"link": "key"}}) == []


def test_all_mistakes_at_once() -> None:
    """Every mistake of every file is told, and what is sound is built all the same."""
    forms = {
        "a": {"extends": "b", "encoding": "xml", "parms": 1, "params": {"link": "url"}},
        "b": {"extends": "a"},
        "c": {"extends": "d", "params": {"link": "x", "media": "x"}},
        "e": {"extends": "c", "row_errors": "list"},
        7: {},
        "f": "nonsense",
    }
    built, found = build_all(forms)
    assert [(".".join(map(str, mistake.path)), mistake.message) for mistake in found] == [
        ("b.extends", "goes in a circle: a > b > a"),
        ("a.encoding", "'xml' is no encoding"),
        ("a.parms", "'parms' is no key of a dialect (did you mean 'params'?)"),
        ("c.extends", "no dialect 'd'"),
        ("c.params.media", "link and media would both be 'x'"),
        ("7", "a dialect's name must be text"),
        ("f", "a mapping is wanted, not 'nonsense'"),
    ]
    assert list(built) == ["b", "a", "c", "e", "f"]
    assert built["a"].params == {"link": "url"}
    assert built["e"].row_errors_as_list


def test_long_lines_of_dialects() -> None:
    """Thousands of dialects that extend one another are no trouble."""
    forms: dict[str, object] = {f"d{i}": {"extends": f"d{i + 1}"} for i in range(3000)}
    built, found = build_all(forms | {"d3000": {"encoding": "json"}})
    assert found == []
    assert built["d0"].json


def test_structures_that_hold_themselves() -> None:
    """A YAML alias that points at its own parent is a mistake like any other."""
    form: dict[str, Any] = {}
    form["params"] = form
    form["errors"] = form
    assert mistakes(form) == [
        ("params.params", "'params' is no parameter"),
        ("params.errors", "'errors' is no parameter"),
        ("errors.params", "a mapping is no class of errors"),
        ("errors.errors", "a mapping is no class of errors"),
    ]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_WORDS = st.sampled_from([*KEYS, *ACTIONS, "param", "bearer", "interval", "link", "x", "standard"])
_YAML = st.recursive(
    _SCALARS | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_SCALARS | _WORDS, inner, max_size=5)
    ),
    max_leaves=10,
)
_FORM = st.dictionaries(st.sampled_from(list(KEYS)) | st.text(max_size=5), _YAML, max_size=8)


@given(st.dictionaries(_SCALARS | st.sampled_from(["a", "b"]), _YAML | _FORM, max_size=4))
def test_no_yaml_raises(forms: dict[Any, object]) -> None:
    """Whatever a YAML file holds, there are dialects and mistakes, and no exception."""
    built, found = build_all(forms)
    assert set(built) == {name for name in forms if isinstance(name, str)}
    assert all(isinstance(mistake, Mistake) for mistake in found)
    assert all(isinstance(step, str | int) for mistake in found for step in mistake.path)


def test_what_a_dialect_can_promise() -> None:
    """Refill and cancel go by the actions that there are, drip-feed by its own key."""
    able = frozenset({"refill", "cancel", "dripfeed"})
    assert DIALECTS["standard"].promises == able
    assert DIALECTS["cheapsmmpanel"].promises == frozenset()
    assert DIALECTS["socialmediapanels"].promises == able - {"dripfeed"}
    assert dialect(actions={"cancel": None}).promises == able - {"cancel"}
