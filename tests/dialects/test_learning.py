"""How a panel speaks, found out by asking: against every dialect, and against odd ones."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aggregator.core.messages import Balance, Command, OrderStatus, Refused, Unreadable
from aggregator.dialects import (
    BUILTIN,
    Dialect,
    Learned,
    Question,
    Unlearned,
    WireReply,
    build_all,
    conclude,
    decode_request,
    encode_answer,
    encode_command,
    listen,
)
from aggregator.dialects.learning import IMPOSSIBLE
from aggregator.sandbox import Panel, PanelSettings
from aggregator.sandbox.strictness import own_fields
from tests.dialects.support import DIALECTS, builtin_forms

KEY = "sandbox-key"
HOST = "panel.example"
Fields = Mapping[str, str]
Answer = Callable[[Fields], Any]
SETTINGS = PanelSettings(stage_s=None)


def told(answer: Answer, key: str = KEY, order: str | None = None) -> tuple[Learned, list[Fields]]:
    """What is learned of a panel that answers so, and everything that it was asked.

    An answer of bytes or a reply is sent as it is, everything else as JSON.
    """
    asked: list[Fields] = []
    talk = listen(key, order)
    question = next(talk)
    while True:
        fields = _fields(question)
        asked.append(fields)
        given = answer(fields)
        if not isinstance(given, WireReply | Unreadable):
            given = WireReply(
                200, given if isinstance(given, bytes) else json.dumps(given).encode()
            )
        try:
            question = talk.send(given)
        except StopIteration as end:
            return conclude(end.value, HOST, DIALECTS), asked


def _fields(question: Question) -> Fields:
    body, headers = question.request.body, question.request.headers
    if body.startswith(b"{"):
        fields = {name: str(value) for name, value in json.loads(body).items()} | {"json": "1"}
    else:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    bearer = headers.get("Authorization")
    return fields | ({"bearer": bearer.removeprefix("Bearer ")} if bearer else {})


def speaking(dialect: Dialect, panel: Panel) -> Answer:
    """A panel that knows this dialect and nothing beside it."""

    def answer(fields: Fields) -> bytes:
        bearer = fields.get("bearer") if dialect.bearer else None
        request = decode_request(dialect, own_fields(dialect, fields), bearer)
        return encode_answer(dialect, request.command, panel.answer(request, 0))

    return answer


def odd(**answers: Any) -> Answer:
    """A plain panel, but for its answers to some actions (functions of the fields)."""
    standard = speaking(DIALECTS["standard"], Panel(SETTINGS))

    def answer(fields: Fields) -> Any:
        given = answers.get(fields["action"])
        if given is None:
            return standard(fields)
        return given(fields) if callable(given) else given

    return answer


def learned(answer: Answer, order: str | None = None) -> Learned:
    return told(answer, order=order)[0]


def refusal(answer: Answer, key: str = KEY) -> str:
    with pytest.raises(Unlearned) as why:
        told(answer, key)
    return str(why.value)


# -- the dialects that come with the program


@pytest.mark.parametrize("name", BUILTIN)
def test_nothing_is_bought(name: str) -> None:
    """No question orders, refills or cancels anything, nor names what could exist."""
    _, asked = told(speaking(DIALECTS[name], Panel(SETTINGS)))
    for fields in asked:
        assert fields["action"] not in ("add", "refill", "cancel")
        for ids in ("order", "orders", "refill", "refills"):
            assert set(fields.get(ids, IMPOSSIBLE[0]).split(",")) <= set(IMPOSSIBLE)


@pytest.mark.parametrize("name", BUILTIN)
def test_what_is_learned_is_enough(name: str) -> None:
    """With the learned dialect the panel can be read: list, balance, an order's status."""
    panel = Panel(SETTINGS)
    answer = speaking(DIALECTS[name], panel)
    buying = encode_command(
        DIALECTS[name],
        Command("add", {"service": "2", "link": "https://x.example", "quantity": "100"}),
        KEY,
    )
    order = json.loads(answer(_fields(Question("add", buying))))["order"]
    found = learned(answer, str(order))
    built, mistakes = build_all(
        {**builtin_forms(), "learned": found.form or {"extends": found.base}}
    )
    assert mistakes == []
    mine = built["learned"]
    wanted = DIALECTS[name]
    assert mine.actions["services"] == wanted.actions["services"]
    assert mine.offers("refill_status") == wanted.offers("refill_status")
    assert mine.offers("cancel") == wanted.offers("cancel")
    assert mine.batch == wanted.batch
    assert mine.their_field("status", "start_count") == wanted.their_field("status", "start_count")
    assert mine.param in ("key", wanted.param)
    assert found.currency == "USD"


@pytest.mark.parametrize(
    ("name", "base", "form", "fits"),
    [
        ("standard", "standard", {}, ()),
        ("cheapsmmpanel", "cheapsmmpanel", {}, ()),
        ("smmxcel", "standard", {"extends": "standard", "dripfeed": None}, ("smmxcel",)),
        *(
            (
                name,
                "standard",
                {"extends": "standard", "dripfeed": None},
                ("smmowner", "socialmediapanels", "smmgulf"),
            )
            for name in ("smmowner", "socialmediapanels", "smmgulf")
        ),
    ],
)
def test_recognised(name: str, base: str, form: object, fits: tuple[str, ...]) -> None:
    """What answers alike is named together; what cannot be asked for is left off."""
    found = learned(speaking(DIALECTS[name], Panel(SETTINGS)))
    assert (found.base, found.form, set(found.fits)) == (base, form, set(fits))


def test_what_was_seen_is_told() -> None:
    """The way in and many at once are told, whether or not a line follows from them."""
    plain = learned(odd()).observed
    assert "the key is taken as key, in a form" in plain
    assert "100 orders asked after at once: each was answered" in plain
    xcel = learned(speaking(DIALECTS["smmxcel"], Panel(SETTINGS))).observed
    assert "the key is taken as bearer or key, in a form" in xcel


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("smmgulf.com", "smmgulf"),
        ("www.smmgulf.com", "smmgulf"),
        ("t.smmxcel.shop", "smmxcel"),
        ("notsmmgulf.com", "standard"),
    ],
)
def test_known_hosts(host: str, base: str) -> None:
    """A panel whose documents we have is known by its host, and nothing more is concluded."""
    talk = listen(KEY)
    answer = speaking(DIALECTS["smmgulf"], Panel(SETTINGS))
    question = next(talk)
    while True:
        try:
            question = talk.send(WireReply(200, answer(_fields(question))))
        except StopIteration as end:
            found = conclude(end.value, host, DIALECTS)
            break
    assert found.base == base
    assert bool(found.lines) == (base == "standard")
    assert any("dripfeed" in said for said in found.unknown) == (base == "standard")


# -- the key


def test_api_token_alone() -> None:
    """A panel that takes the key as api_token only."""
    panel = Panel(SETTINGS)
    dialect = build_all({**builtin_forms(), "x": {"auth": {"param": "api_token"}}})[0]["x"]
    assert learned(speaking(dialect, panel)).form == {
        "extends": "standard",
        "auth": {"param": "api_token"},
    }


def test_bearer_alone() -> None:
    """A panel that takes the key in the header only."""
    dialect = build_all({**builtin_forms(), "x": {"auth": {"bearer": True}}})[0]["x"]
    found = learned(speaking(dialect, Panel(SETTINGS)))
    assert found.form == {"extends": "standard", "auth": {"bearer": True}}


def test_json_only() -> None:
    """A panel that does not read forms."""
    standard = odd()
    found = learned(lambda f: standard(f) if "json" in f else {"error": "Incorrect request"})
    assert found.form == {"extends": "standard", "encoding": "json"}


def test_wrong_key_costs_two_calls() -> None:
    """A key that is refused is told so, and is not tried in every way."""
    asked: list[Fields] = []

    def answer(fields: Fields) -> object:
        asked.append(fields)
        return {"error": "Invalid API key s3cret-k3y"}

    assert refusal(answer, "s3cret-k3y") == "The panel refuses this key: 'Invalid API key …'"
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Unreadable("no connection"), "does not answer: no connection"),
        (b"<!DOCTYPE html><html>", "This is a web page"),
        (WireReply(404, b" <html>"), "This is a web page"),
        (WireReply(503, b"busy"), "does not answer like a panel: http 503 (http 503)"),
        ({"hello": "world"}, "does not answer like a panel: no balance"),
        ({"error": "Account closed for good"}, "refuses to tell the balance: 'Account closed"),
        (WireReply(429, b"{}"), "wants to be asked less often"),
        ({"error": "Too many requests"}, "wants to be asked less often"),
    ],
)
def test_no_panel(answer: object, why: str) -> None:
    """What is no panel, or does not want to talk, is told in a sentence."""
    assert why in refusal(lambda _fields: answer)


def test_a_refused_key_says_more_than_a_web_page() -> None:
    """Where one way is refused and the other is not understood, the refusal is told."""
    answer = refusal(lambda f: b"<html>" if "json" in f else {"error": "Invalid API key"})
    assert "refuses this key" in answer


def test_no_way_alone() -> None:
    """A key that is taken only in several ways at once cannot be configured."""
    standard = odd()
    both = {"key", "api_token"}
    said = refusal(lambda f: standard(f) if both <= f.keys() else {"error": "Invalid key"})
    assert "in none of them alone" in said


# -- the list


ROW = {
    "id": 7,
    "title": "Likes",
    "type": "Default",
    "category": "c",
    "price": 0.5,
    "min": 1,
    "max": "9",
    "canceling_is_available": "1",
    "refill": False,
    "dripfeed": 0,
}


def test_other_names() -> None:
    """Fields under names that other engines use are found and named."""
    balance = {"funds": "12.5", "currency": "try"}
    found = learned(odd(services=[ROW, "noise"], balance=balance))
    assert found.currency == "TRY"
    assert found.form["fields"] == {
        "balance": {"balance": "funds"},
        "services": {
            "service": "id",
            "name": "title",
            "rate": "price",
            "cancel": "canceling_is_available",
        },
    }
    assert any("numbers in the list: min, rate, service" in said for said in found.observed)
    assert found.fits == ()


def test_wrapped_list() -> None:
    """A list inside data, with all of its numbers as text."""
    row = {"service": "1", "name": "a", "rate": "1", "min": "1", "max": "2", "type": "Default"}
    columns = {"refill": "0", "cancel": "0", "dripfeed": "0"}
    found = learned(odd(services={"status": "success", "data": [row | columns]}))
    assert found.form == {}
    assert any("none, all is text" in said for said in found.observed)


def test_no_list() -> None:
    """A list that is not to be had, or is empty, is no reason to conclude from."""
    nothing = learned(odd(services={"error": "No access"}))
    assert nothing.form == {"extends": "standard", "actions": {"services": None}}
    assert any("fields of services" in said for said in nothing.unknown)
    assert learned(odd(services=[])).form == {}


def test_an_endless_list() -> None:
    """What is too large to be a list is not read as one."""
    endless = learned(odd(services=[1] * 5000))
    assert endless.form == {"extends": "standard", "actions": {"services": None}}


def test_no_columns() -> None:
    """What the list does not tell is not offered."""
    row = {"service": 1, "name": "a", "rate": "1", "min": 1, "max": 2, "type": "Default"}
    found = learned(odd(services=[row]))
    assert found.form == {"extends": "standard", "actions": {"cancel": None}, "dripfeed": None}


# -- orders and refills


def test_without_refills() -> None:
    """An action answered like one that nobody has is not there."""
    words = {"error": "What is this?"}
    row = ROW | {"refill": False}
    found = learned(odd(services=[row], no_such_action=words, refill_status=words))
    assert found.form["actions"] == {"refill": None, "refill_status": None}
    promised = learned(odd(services=[ROW | {"refill": 1}], refill_status=b"<html>"))
    assert promised.form["actions"] == {"refill_status": None}


def test_refills_at_a_panel_known_without() -> None:
    """What such a panel is not known for and does have is taken in."""
    cheap = speaking(DIALECTS["cheapsmmpanel"], Panel(SETTINGS))

    def answer(fields: Fields) -> object:
        if fields["action"] != "refill_status":
            return cheap(fields)
        one = {"error": "Refill not found"}
        if "refills" not in fields:
            return one
        return [{"refill": int(each), "status": one} for each in fields["refills"].split(",")]

    assert learned(answer).form == {
        "extends": "cheapsmmpanel",
        "actions": {"refill": "refill", "refill_status": "refill_status"},
    }


def test_one_by_one() -> None:
    """A panel that does not answer many at once is asked one by one."""
    error = {"error": "Incorrect order ID"}
    status = learned(odd(status=error))
    assert status.form["batch"] == dict.fromkeys(("status", "refill", "refill_status", "cancel"), 0)
    refills = learned(odd(refill_status={"error": "Refill not found"}))
    assert refills.form["batch"] == {"refill": 0, "refill_status": 0}
    listed = learned(odd(status=lambda f: ["?"] if "orders" in f else error))
    assert "batch" in listed.form


def test_many_as_a_list() -> None:
    """Rows of a list in any order are an answer to each."""

    def status(fields: Fields) -> object:
        if "order" in fields:
            return {"error": "Incorrect order ID"}
        orders = reversed(fields["orders"].split(","))
        return [{"order": each, "error": "Incorrect order ID"} for each in orders]

    assert learned(odd(status=status)).form == {}


def test_their_words_for_no_order() -> None:
    """Words that nobody knows yet are learned, unless they are said of everything."""

    def status(words: str) -> Answer:
        def answer(fields: Fields) -> object:
            ids = fields.get("orders", "").split(",")
            return {each: {"error": words} for each in ids} if ids != [""] else {"error": words}

        return answer

    words = "Sipariş bulunamadı"
    assert learned(odd(status=status(words))).form["errors"] == {words: "order"}
    assert learned(odd(status=status("Oops"))).form == {}
    same = {"error": "Nothing to see"}
    assert learned(odd(status=status("Nothing to see"), no_such_action=same)).form == {}


def test_an_order_that_exists() -> None:
    """An order of one's own shows the names of its fields."""

    def status(fields: Fields) -> object:
        row = {"order_status": "Completed", "remain": "0", "charge": "1", "start_count": 5}
        if fields.get("order") == "77":
            return {"77": row}
        if fields.get("order") == "78":
            return [{"order": "78", **row}]
        if fields.get("order") == "79":
            return row
        ids = fields.get("orders", "").split(",")
        return {each: {"error": "Incorrect order ID"} for each in (*ids, fields.get("order"))}

    for order in ("77", "78", "79"):
        found = learned(odd(status=status), order)
        assert found.form["fields"] == {"status": {"status": "order_status", "remains": "remain"}}
        assert "your order is 'Completed' there" in found.observed
        assert not any("--order" in said for said in found.unknown)
    other = learned(odd(status=status), "80")
    assert any("--order" in said for said in other.unknown)


def test_what_is_said_not_to_be_known() -> None:
    """Whatever answers oddly is told, and nothing is concluded from it."""
    found = learned(odd(status={"status": "Pending"}, balance={"balance": 1}))
    assert any("answers for them as if they did" in said for said in found.unknown)
    assert any("currency" in said for said in found.unknown)
    assert found.currency is None
    page = learned(odd(status=b"<html>", no_such_action=[1]))
    assert any("it answered: not JSON" in said for said in page.unknown)


def test_seen_values_are_plain() -> None:
    """The conversation gives what it heard, not what it makes of it."""
    talk = listen(KEY)
    answer = odd()
    question = next(talk)
    while True:
        try:
            question = talk.send(WireReply(200, json_bytes(answer(_fields(question)))))
        except StopIteration as end:
            seen = end.value
            break
    assert isinstance(seen.balance, Balance)
    assert isinstance(seen.missing, Refused)
    assert not isinstance(seen.order, OrderStatus)
    assert seen.ways == {"key"}


def json_bytes(answer: object) -> bytes:
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()
