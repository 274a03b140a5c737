"""What clients of ours send, in whichever shape they send it."""

import json
from typing import Any

import pytest

from aggregator.core.messages import Command, Unreadable
from aggregator.core.model import Kind
from aggregator.dialects import (
    Request,
    decode_request,
    fields_from_form,
    fields_from_json,
    fields_from_pairs,
)
from tests.dialects.support import DIALECTS, STANDARD, dialect

XCEL, OWNER, CHEAP = (DIALECTS[name] for name in ("smmxcel", "smmowner", "cheapsmmpanel"))
UNFIT = Unreadable("characters that are no text")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"action=add&link=a%20b+c&quantity=", {"action": "add", "link": "a b c", "quantity": ""}),
        (b"order=1&order=2", {"order": "2"}),
        (b"orders[]=1&orders[]=2", {"orders": "1,2"}),
        (b"orders%5B0%5D=1&orders%5B1%5D=2", {"orders": "1,2"}),
        (b"comments[]=a,b&comments[]=c", {"comments": "a,b\nc"}),
        (b"custom_data[]=a&custom_data[]=b", {"custom_data": "a\nb"}),
        (b"orders[]=1&orders=7", {"orders": "7"}),
        ("link=https://x/ä".encode(), {"link": "https://x/ä"}),
        (b"link=%C3%A4", {"link": "ä"}),
        (b"link=https%3A%2f%2Fx%2C%3ay%3Fz", {"link": "https://x,:y?z"}),
        (b"link=%253A%%2F%2%3A", {"link": "%3A%/%2:"}),
        (b"a;b=1", {"a;b": "1"}),
        (b"[]=1", {"[]": "1"}),
        (b"a=%C3", Unreadable("not UTF-8")),
        (b"a=\xff", Unreadable("not UTF-8")),
        (b"a=1%00", UNFIT),
        (b"a%00=1", UNFIT),
        (b"a&" * 2000 + b"a=1", Unreadable("too many fields")),
    ],
)
def test_forms(body: bytes, fields: object) -> None:
    """A form becomes flat fields; PHP's lists are joined, the last of a name wins."""
    assert fields_from_form(body) == fields


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({}, {}),
        (
            {"service": 1, "quantity": 1000, "link": "x"},
            {"service": "1", "quantity": "1000", "link": "x"},
        ),
        ({"a": True, "b": False, "c": None, "d": 1.50}, {"a": "true", "b": "false", "d": "1.5"}),
        ({"orders": [1, "2", 3]}, {"orders": "1,2,3"}),
        ({"comments": ["a,b", "c"]}, {"comments": "a,b\nc"}),
        ({"orders": []}, {}),
        ({"order": 2**70}, {"order": str(2**70)}),
        ({"a": {"b": 1}}, Unreadable("nested values")),
        ({"a": [[1]]}, Unreadable("nested values")),
        ({"a": [None]}, Unreadable("nested values")),
        ({"a": "\x00"}, UNFIT),
        ({"a": "\ud800"}, UNFIT),
        ([], Unreadable("not a JSON object")),
        ("x", Unreadable("not a JSON object")),
        (None, Unreadable("not a JSON object")),
    ],
)
def test_json(document: object, fields: object) -> None:
    """A JSON object becomes the same flat fields as a form would."""
    assert fields_from_json(json.dumps(document).encode()) == fields


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b'{"a":1,"a":2}', "duplicate keys"),
        (b'{"a":NaN}', "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 20_000, "nested too deeply"),
        (b"[" * 200_000, "too many values"),
    ],
)
def test_no_json(body: bytes, cause: str) -> None:
    """A body that is no sound JSON is Unreadable, with a cause."""
    assert fields_from_json(body) == Unreadable(cause)


def test_pairs() -> None:
    """A multipart form that was split elsewhere is joined by the same rules."""
    pairs = [("orders[]", "1"), ("orders[]", "2"), ("key", "k")]
    assert fields_from_pairs(pairs) == {"orders": "1,2", "key": "k"}


# -- the key


@pytest.mark.parametrize(
    ("seed", "fields", "bearer", "key"),
    [
        ("standard", {"key": "a", "api_token": "b"}, "c", "a"),
        ("standard", {"api_token": "b"}, "c", "b"),
        ("standard", {}, "c", "c"),
        ("standard", {"key": " ", "api_token": ""}, "c", "c"),
        ("standard", {"key": " a "}, None, "a"),
        ("standard", {}, " ", None),
        ("standard", {}, None, None),
        ("cheapsmmpanel", {"key": "a", "api_token": "b"}, "c", "b"),
        ("cheapsmmpanel", {"key": "a"}, "c", "a"),
        ("smmxcel", {"key": "a"}, "c", "c"),
        ("smmxcel", {"key": "a"}, None, "a"),
    ],
)
def test_keys(seed: str, fields: dict[str, str], bearer: str | None, key: str | None) -> None:
    """The face's own way of giving the key wins; the others count where it is absent."""
    assert decode_request(DIALECTS[seed], fields, bearer).key == key


def test_a_parameter_that_looks_like_a_key() -> None:
    """Where a dialect calls a parameter ``key``, it is no key."""
    other = dialect(auth={"bearer": True}, params={"link": "key"})
    request = decode_request(other, {"action": "add", "key": "https://x"}, None)
    assert request == Request(None, Command("add", {"link": "https://x"}), None)


def test_the_key_is_not_shown() -> None:
    """A request's repr does not hold the key."""
    assert "secret" not in repr(decode_request(STANDARD, {"key": "secret"}, None))


# -- the action


@pytest.mark.parametrize(
    ("seed", "text", "action"),
    [
        ("standard", "services", "services"),
        ("standard", " add ", "add"),
        ("standard", "ADD", "ADD"),
        ("standard", "dance", "dance"),
        ("standard", "dan\nce" * 100, ("dan ce" * 100)[:300]),
        ("standard", "", ""),
        ("cheapsmmpanel", "packages", "services"),
        ("cheapsmmpanel", "services", "services"),
        ("cheapsmmpanel", "refill", ""),
        ("cheapsmmpanel", "cancel", ""),
    ],
)
def test_actions(seed: str, text: str, action: str) -> None:
    """An action comes out under our name; one that the face lacks under none of ours."""
    assert decode_request(DIALECTS[seed], {"action": text}, None).command.action == action


def test_swapped_actions() -> None:
    """Where another action of theirs has one of our names, theirs is meant."""
    other = dialect(actions={"refill": "cancel", "cancel": "stop"})
    assert decode_request(other, {"action": "cancel"}, None).command.action == "refill"


# -- the parameters


@pytest.mark.parametrize(
    ("seed", "fields", "params"),
    [
        ("standard", {"service": "1", "link": "x", "unknown": "y"}, {"service": "1", "link": "x"}),
        ("standard", {"service": "1", "link": " ", "quantity": ""}, {"service": "1"}),
        ("standard", {"runs": "2", "interval": "5"}, {"runs": "2", "interval": "5"}),
        ("standard", {"delay": "30", "runs": "2"}, {"delay": "30", "runs": "2"}),
        ("cheapsmmpanel", {"package": "1", "custom_data": "a"}, {"service": "1", "comments": "a"}),
        ("cheapsmmpanel", {"package": "1", "service": "2"}, {"service": "1"}),
        ("cheapsmmpanel", {"package": " ", "service": "2"}, {"service": "2"}),
        ("cheapsmmpanel", {"runs": "2", "interval": "5"}, {}),
        ("smmowner", {"runs": "2", "intervals": "5"}, {"runs": "2", "interval": "5"}),
        ("smmowner", {"runs": "2", "interval": "5"}, {"runs": "2", "interval": "5"}),
        ("smmowner", {"intervals": "5", "interval": "6"}, {"interval": "5"}),
        ("smmxcel", {"runs": "2", "delay": "5"}, {"runs": "2", "interval": "5"}),
        ("smmxcel", {"runs": "2", "delay": "5", "interval": "6"}, {"runs": "2", "interval": "5"}),
        ("smmxcel", {"runs": "2", "interval": "6"}, {"runs": "2", "interval": "6"}),
        ("smmxcel", {"runs": "0", "delay": "5"}, {"runs": "0", "delay": "5"}),
        ("smmxcel", {"delay": "5"}, {"delay": "5"}),
    ],
)
def test_parameters(seed: str, fields: dict[str, str], params: dict[str, str]) -> None:
    """The face's names win, ours fill in, blanks are absent and strangers are dropped."""
    request = decode_request(DIALECTS[seed], {"action": "add", **fields}, None)
    assert request.command == Command("add", params)


@pytest.mark.parametrize(
    ("action", "fields", "params"),
    [
        ("status", {"order": "1"}, {"order": "1"}),
        ("status", {"order": "1,2"}, {"orders": "1,2"}),
        ("status", {"order": " 1 , 2 "}, {"orders": "1,2"}),
        ("status", {"orders": "1"}, {"orders": "1"}),
        ("status", {"orders": "1,,2,"}, {"orders": "1,2"}),
        ("status", {"order": "7", "orders": "1,2"}, {"orders": "1,2"}),
        ("status", {"orders": ","}, {}),
        ("status", {}, {}),
        ("refill", {"order": "1,2"}, {"orders": "1,2"}),
        ("cancel", {"orders": "x,2"}, {"orders": "x,2"}),
        ("refill_status", {"refill": "1,2"}, {"refills": "1,2"}),
        ("refill_status", {"refills": "1"}, {"refills": "1"}),
        ("balance", {"order": "1"}, {"order": "1"}),
    ],
)
def test_ids(action: str, fields: dict[str, str], params: dict[str, str]) -> None:
    """A list of IDs is a list under whichever name it came, and one ID is one."""
    assert decode_request(STANDARD, {"action": action, **fields}, None).command.params == params


@pytest.mark.parametrize(
    ("seed", "fields", "kind"),
    [
        ("smmowner", {"action": "status", "type": "dripfeed"}, Kind.DRIPFEED),
        ("smmowner", {"action": "status", "type": "normal"}, Kind.NORMAL),
        ("smmowner", {"action": "status"}, Kind.NORMAL),
        ("smmowner", {"action": "add", "type": "dripfeed"}, Kind.NORMAL),
        ("standard", {"action": "status", "type": "dripfeed"}, Kind.NORMAL),
        ("cheapsmmpanel", {"action": "status", "type": "dripfeed"}, Kind.NORMAL),
    ],
)
def test_kinds(seed: str, fields: dict[str, str], kind: Kind) -> None:
    """A client says that he asks after a drip-feed where his panel lets him say it."""
    assert decode_request(DIALECTS[seed], fields, None).command.kind is kind


def test_request_ids() -> None:
    """``request_id`` is read apart from the parameters; a blank one is absent."""
    fields: dict[str, Any] = {"action": "add", "service": "1"}
    with_id = decode_request(STANDARD, {**fields, "request_id": "r-1"}, None)
    assert with_id == Request(None, Command("add", {"service": "1"}), "r-1")
    assert decode_request(STANDARD, {**fields, "request_id": " "}, None).request_id is None


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        ({"orders": [1] * 1001}, "too many values"),
        ({"orders": [1] * 100_000}, "too many values"),
        ({"comments": ["a"] * 10_001}, "too many values"),
        ({f"m{number}": None for number in range(1001)}, "too many fields"),
        ({"a": [[]] * 30_000}, "too many values"),
    ],
)
def test_more_than_anybody_needs(document: dict[str, Any], cause: str) -> None:
    """More fields or items than a request could need are refused."""
    assert fields_from_json(json.dumps(document).encode()) == Unreadable(cause)


def test_long_lists() -> None:
    """A thousand IDs and ten thousand lines are taken, and a text of any length."""
    text = 'a,[{"\\' * 50_000
    document = {"orders": ["1"] * 1000, "comments": ["a,b"] * 10_000, "link": text}
    fields = fields_from_json(json.dumps(document).encode())
    assert isinstance(fields, dict)
    assert (fields["orders"].count("1"), fields["link"]) == (1000, text)
    assert fields["comments"] == "\n".join(["a,b"] * 10_000)


@pytest.mark.parametrize("body", [b'{"a":"' + b'\\"' * 400_000, b'{"a":"\\', b'"' * 900_000])
def test_texts_without_end(body: bytes) -> None:
    """A text that is never closed is refused, however it is made."""
    assert isinstance(fields_from_json(body), Unreadable)
