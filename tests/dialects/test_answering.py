"""Our answers, beyond the documented samples."""

import json
from decimal import Decimal
from typing import Any

import pytest

from aggregator.core.messages import (
    Added,
    Balance,
    Command,
    OrderStatus,
    Refused,
    ServiceRow,
    StatusPage,
    Unreadable,
)
from aggregator.core.model import Kind
from aggregator.dialects import encode_answer
from tests.dialects.support import DIALECTS, dialect, same_json

UNAVAILABLE = {"error": "Service temporarily unavailable"}
ORDER_GONE = Refused("Incorrect order ID")


def written(action: str, params: dict[str, str], answer: Any, seed: str = "standard") -> bytes:
    return encode_answer(DIALECTS[seed], Command(action, params), answer)


@pytest.mark.parametrize(
    ("action", "params", "answer", "document"),
    [
        ("status", {"order": "1"}, {"1": ORDER_GONE}, {"error": "Incorrect order ID"}),
        ("status", {"order": "1"}, {"1": Unreadable("http 502")}, UNAVAILABLE),
        ("status", {"order": "1"}, {}, UNAVAILABLE),
        ("status", {"orders": "1"}, {"1": OrderStatus("Pending")}, {"1": {"status": "Pending"}}),
        (
            "cancel",
            {"orders": "-5,0"},
            {"-5": ORDER_GONE, "0": ORDER_GONE},
            [
                {"order": "-5", "cancel": {"error": "Incorrect order ID"}},
                {"order": "0", "cancel": {"error": "Incorrect order ID"}},
            ],
        ),
        (
            "status",
            {"orders": "1,x"},
            {"1": ORDER_GONE},
            {"1": {"error": "Incorrect order ID"}, "x": UNAVAILABLE},
        ),
        ("refill", {"order": "1"}, {"1": "7"}, {"refill": "7"}),
        ("refill", {"order": "1"}, {"1": "a-7"}, {"refill": "a-7"}),
        (
            "refill",
            {"order": "1"},
            {"1": Refused("Refill not available")},
            {"error": "Refill not available"},
        ),
        ("refill", {"order": "1"}, {"1": Unreadable("x")}, UNAVAILABLE),
        (
            "refill",
            {"orders": "1,x"},
            {"1": "7", "x": ORDER_GONE},
            [{"order": 1, "refill": 7}, {"order": "x", "refill": {"error": "Incorrect order ID"}}],
        ),
        (
            "refill_status",
            {"refill": "1"},
            {"1": Refused("Refill not found")},
            {"error": "Refill not found"},
        ),
        (
            "refill_status",
            {"refills": "1,2"},
            {"1": "Pending"},
            [{"refill": 1, "status": "Pending"}, {"refill": 2, "status": UNAVAILABLE}],
        ),
        ("cancel", {"order": "1"}, {"1": None}, {"cancel": 1}),
        (
            "cancel",
            {"order": "1"},
            {"1": Refused("Cancel not available")},
            {"error": "Cancel not available"},
        ),
        ("cancel", {"orders": "1"}, {"1": None}, [{"order": 1, "cancel": 1}]),
        (
            "cancel",
            {"orders": "2,1"},
            {"1": None},
            [{"order": 2, "cancel": UNAVAILABLE}, {"order": 1, "cancel": 1}],
        ),
        ("dance", {}, Refused("Unknown action"), {"error": "Unknown action"}),
        ("add", {}, Added("23501"), {"order": 23501}),
        ("add", {}, Added("65f1c0ffee"), {"order": "65f1c0ffee"}),
        ("balance", {}, Balance(Decimal("1E+2"), None), {"balance": "100"}),
        ("services", {}, [], []),
    ],
)
def test_shapes(action: str, params: dict[str, str], answer: Any, document: object) -> None:
    """One ID and several have shapes of their own; what is not known is unavailable."""
    assert same_json(written(action, params, answer), document)


def test_ids_keep_the_order_asked() -> None:
    """The rows come in the order in which the IDs were asked for."""
    answers = {str(i): OrderStatus("Pending") for i in range(1, 4)}
    body = written("status", {"orders": "3,1,2,3"}, answers)
    assert body.index(b'"3"') < body.index(b'"1"') < body.index(b'"2"')
    assert body.count(b'"3"') == 1


def test_amounts_have_no_exponent() -> None:
    """A charge is written with the digits that it has."""
    status = OrderStatus("Completed", charge=Decimal("1E-7"))
    body = written("status", {"order": "1"}, {"1": status})
    assert same_json(body, {"charge": "0.0000001", "status": "Completed"})


def test_what_a_subscription_shows() -> None:
    """A subscription shows its posts, its expiry and its children, and no runs."""
    status = OrderStatus(
        "Active", posts=3, runs=9, expiry="01/02/2030", children=("7", "x"), kind=Kind.SUBSCRIPTION
    )
    body = written("status", {"orders": "1"}, {"1": status})
    expected = {"status": "Active", "posts": "3", "expiry": "01/02/2030", "orders": [7, "x"]}
    assert same_json(body, {"1": expected})


def test_what_a_normal_order_shows() -> None:
    """A normal order shows no runs, posts or children even where they are known."""
    status = OrderStatus("Pending", runs=1, posts=1, expiry="x", children=())
    assert same_json(written("status", {"order": "1"}, {"1": status}), {"status": "Pending"})


def test_an_order_without_children_yet() -> None:
    """A drip-feed that has made no order yet shows an empty list, if that is known."""
    known = OrderStatus("Active", runs=0, children=(), kind=Kind.DRIPFEED)
    unknown = OrderStatus("Active", kind=Kind.DRIPFEED)
    rows = {"status": "Active", "runs": "0", "orders": []}
    assert same_json(written("status", {"order": "1"}, {"1": known}), rows)
    assert same_json(written("status", {"order": "1"}, {"1": unknown}), {"status": "Active"})


def test_integers() -> None:
    """The fields that a dialect lists are numbers; text that is none stays text."""
    other = dialect(integers=["start_count", "remains", "runs"])
    status = OrderStatus("x", start_count="10", remains=-5, runs=2, kind=Kind.DRIPFEED)
    body = encode_answer(other, Command("status", {"order": "1"}), {"1": status})
    assert same_json(body, {"status": "x", "start_count": 10, "remains": -5, "runs": 2})
    status = OrderStatus("x", start_count="many")
    body = encode_answer(other, Command("status", {"order": "1"}), {"1": status})
    assert same_json(body, {"status": "x", "start_count": "many"})


def test_unknown_columns_are_left_out() -> None:
    """A service's unknown limits and flags are not shown."""
    row = ServiceRow("1", "Likes", "Default", "Instagram", "0.90", None, None)
    expected = {"service": 1, "name": "Likes", "type": "Default"}
    expected |= {"category": "Instagram", "rate": "0.90"}
    assert same_json(written("services", {}, [row]), [expected])


def test_errors_in_their_words() -> None:
    """Our errors are spelled as the panel spells them, as a list only inside rows."""
    answer = {"1": ORDER_GONE, "2": Refused("Insufficient balance")}
    body = written("status", {"orders": "1,2"}, answer, "cheapsmmpanel")
    rows = {"1": {"error": ["Order Not found"]}, "2": {"error": ["Insufficient balance"]}}
    assert same_json(body, rows)
    body = written("status", {"order": "1"}, answer, "cheapsmmpanel")
    assert same_json(body, {"error": "Order Not found"})


@pytest.mark.parametrize(
    ("seed", "text", "theirs"),
    [
        ("cheapsmmpanel", "Service is required", "Package is required"),
        ("cheapsmmpanel", "Comments is required", "Custom data is required"),
        ("cheapsmmpanel", "Link is required", "Link is required"),
        ("smmxcel", "Interval is required", "Delay is required"),
        ("standard", "Interval is required", "Interval is required"),
    ],
)
def test_what_is_required_goes_by_its_name_there(seed: str, text: str, theirs: str) -> None:
    """A client is told of the parameter under the name that his panel gives it."""
    assert same_json(written("add", {}, Refused(text), seed), {"error": theirs})


def test_blank_texts() -> None:
    """What a dialect calls blank is shown though there is none; other panels leave it out."""
    row = ServiceRow("1", "Likes", "Default", "Instagram", "0.90", 1, 2)
    for seed, shown in (("smmxcel", ""), ("standard", None)):
        (told,) = json.loads(written("services", {}, [row], seed))
        assert told.get("description") == shown
    other = dialect(blank=["expiry"])
    answer = {"1": OrderStatus("Active", kind=Kind.SUBSCRIPTION)}
    told = json.loads(encode_answer(other, Command("status", {"order": "1"}), answer))
    assert told == {"status": "Active", "expiry": ""}


def test_a_renamed_field() -> None:
    """A field is written under the name that the dialect gives it."""
    other = dialect(fields={"order": "id", "refill": {"refill": "refill_id"}})
    body = encode_answer(other, Command("refill", {"orders": "1"}), {"1": "7"})
    assert same_json(body, [{"id": 1, "refill_id": 7}])
    assert same_json(encode_answer(other, Command("add"), Added("7")), {"id": 7})


def test_only_ascii() -> None:
    """Any text can be written, half a character included, and the bytes are plain ASCII."""
    row = ServiceRow("1", "Ä\ud800", "Default", "x", "1", 1, 1)
    assert written("services", {}, [row]).isascii()


def test_a_page_is_written_once_for_each_who_asks_alike() -> None:
    """The same answer to the same face is the same bytes; another face, or the form for one,
    gets its own, and all are what the plain answer is."""
    standard, other = DIALECTS["standard"], dialect(integers=["remains"])
    page = StatusPage({"7": OrderStatus("Pending", remains=3)})
    one, several = Command("status", {"order": "7"}), Command("status", {"orders": "7"})
    body = encode_answer(standard, several, page)
    assert encode_answer(standard, several, page) is body
    for face, command in ((standard, one), (other, several), (standard, several)):
        assert encode_answer(face, command, page) == encode_answer(face, command, dict(page))
    assert encode_answer(other, several, page) != body


def test_ids_are_quoted_whatever_they_are() -> None:
    """An ID that is no number is written as any other text is."""
    answer = dict.fromkeys(("7", '"', "²", "٣"), ORDER_GONE)
    body = written("status", {"orders": ",".join(answer)}, answer)
    assert same_json(body, {key: {"error": ORDER_GONE.text} for key in answer})
    assert body.isascii()
