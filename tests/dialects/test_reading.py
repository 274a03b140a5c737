"""status, refill, refill_status and cancel, as panels really answer them."""

from decimal import Decimal
from typing import Any

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Command, OrderStatus, Refused, Unreadable
from aggregator.core.model import Kind
from aggregator.dialects import (
    Dialect,
    decode_cancel,
    decode_refill,
    decode_refill_status,
    decode_status,
)
from tests.dialects.support import DIALECTS, STANDARD, dialect, reply

ONE = {"status": "Partial", "remains": "157"}
READ = OrderStatus("Partial", remains=157)
LEFT_OUT = Unreadable("left out of the answer")

DECODERS = {
    "status": (decode_status, "order", "orders"),
    "refill": (decode_refill, "order", "orders"),
    "refill_status": (decode_refill_status, "refill", "refills"),
    "cancel": (decode_cancel, "order", "orders"),
}


def asked(
    action: str,
    document: object,
    *ids: str,
    status: int = 200,
    dialect: Dialect = STANDARD,
    kind: Kind = Kind.NORMAL,
) -> Any:
    """What is made of ``document``; without ``ids``, the one answer about order 1."""
    decode, single, many = DECODERS[action]
    params = {many: ",".join(ids)} if ids else {single: "1"}
    answers = decode(dialect, Command(action, params, kind), reply(document, status))
    assert list(answers) == list(ids or ["1"])
    return dict(answers) if ids else answers["1"]


def read(row: dict[str, Any], **how: Any) -> Any:
    return asked("status", row, **how)


# -- one row of a status


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("157", 157),
        (157, 157),
        ("0", 0),
        ("-157", -157),
        (-157, -157),
        ("+157", -157),
        ("157.00", 157),
        ("157.", 157),
        (157.0, 157),
        ("1,234", 1234),
        ("12,345,678", 12345678),
        (" 157 ", 157),
        ("157.5", None),
        (157.5, None),
        ("1e3", None),
        ("0,5", None),
        ("1,23", None),
        ("Unknown", None),
        ("", None),
        (None, None),
        (True, None),
        ("²", None),
        ("٣", None),
        ([157], None),
        ({"a": 1}, None),
        (2**63, 10**18),
        ("-" + "9" * 60, -(10**18)),
        ("9" * 61, None),
    ],
)
def test_remains(written: object, number: int | None) -> None:
    """``remains`` is a whole number or unknown; a plus sign is a minus sign's ghost."""
    assert read({"status": "Partial", "remains": written}) == OrderStatus("Partial", remains=number)


@pytest.mark.parametrize(
    ("written", "charge"),
    [
        ("0.27819", "0.27819"),
        ("0.50000", "0.50000"),
        (0.27819, "0.27819"),
        (2.7e-05, "0.000027"),
        (1, "1"),
        ("0", "0"),
        ("-1", None),
        ("+1", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999", None),
        ("1,234", None),
        ("$1", None),
        ("", None),
        (None, None),
        (True, None),
        ("9" * 21, None),
    ],
)
def test_charge(written: object, charge: str | None) -> None:
    """``charge`` is a plain amount from 0 on, or unknown."""
    expected = OrderStatus("Partial", charge=charge and Decimal(charge))
    assert read({"status": "Partial", "charge": written}) == expected


@pytest.mark.parametrize(
    ("written", "start_count"),
    [("3572", "3572"), (3572, "3572"), ("0", "0"), ("", None), (None, None), (True, None)],
)
def test_start_count(written: object, start_count: str | None) -> None:
    """``start_count`` is whatever they wrote, as text."""
    assert read({"status": "x", "start_count": written}).start_count == start_count


@pytest.mark.parametrize(
    ("written", "children"),
    [
        ([86, "87"], ("86", "87")),
        ([], ()),
        ("86, 87", ("86", "87")),
        ({"0": 86, "2": 87}, ("86", "87")),
        ([86, 86], ("86",)),
        (86, ("86",)),
        ([86, None], None),
        ([86, "a b"], None),
        ([86, [87]], None),
        (list(range(1, 10_002)), None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_children(written: object, children: tuple[str, ...] | None) -> None:
    """The orders made so far are known only if every one of them is."""
    assert read({"status": "Active", "orders": written}).children == children


@pytest.mark.parametrize(
    ("row", "expiry"),
    [
        ({"expiry": "31/12/2030"}, "31/12/2030"),
        ({"expiry": False}, None),
        ({"expiry": None}, None),
        ({"expiry": ""}, None),
    ],
)
def test_expiry(row: dict[str, Any], expiry: str | None) -> None:
    """An expiry that is no text is none."""
    assert read({"status": "Active", "posts": "3", **row}).expiry == expiry


@pytest.mark.parametrize(
    ("row", "asked_as", "kind"),
    [
        ({}, Kind.NORMAL, Kind.NORMAL),
        ({"runs": "2"}, Kind.NORMAL, Kind.DRIPFEED),
        ({"orders": [1]}, Kind.NORMAL, Kind.DRIPFEED),
        ({"posts": "2", "orders": []}, Kind.NORMAL, Kind.SUBSCRIPTION),
        ({"runs": "-1"}, Kind.NORMAL, Kind.NORMAL),
        ({"orders": [1]}, Kind.SUBSCRIPTION, Kind.SUBSCRIPTION),
        ({}, Kind.DRIPFEED, Kind.DRIPFEED),
    ],
)
def test_kind(row: dict[str, Any], asked_as: Kind, kind: Kind) -> None:
    """The kind is the one asked after; where none was named, the fields tell."""
    assert read({"status": "Active", **row}, kind=asked_as).kind == kind


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("In progress", "In progress"),
        ("canscelled", "canscelled"),
        ("", ""),
        (3, "3"),
        (" Par\ntial ", "Par tial"),
        ("x" * 999, "x" * 300),
    ],
)
def test_word(written: object, word: str) -> None:
    """The word is kept as spelled, bounded, on one line."""
    assert read({"status": written, "remains": "1"}) == OrderStatus(word, remains=1)


@pytest.mark.parametrize("written", [None, True, False, [], {}, ["Partial"]])
def test_no_word(written: object) -> None:
    """Without a word a row says nothing."""
    assert read({"status": written, "remains": "1"}) == Unreadable("not an answer")


def test_a_dialect_knows_more_words() -> None:
    """A spelling of the dialect's own becomes the canonical word, however it is spaced."""
    other = dialect(statuses={"In Arbeit": "in_progress", 2: "completed", "Success": "completed"})
    for written in ("in arbeit", "IN_ARBEIT"):
        assert read({"status": written}, dialect=other).word == "in_progress"
    assert read({"status": 2}, dialect=other).word == "completed"
    assert read({"status": "success"}, dialect=other).word == "completed"


# -- statuses that are not the order's


@pytest.mark.parametrize(
    "document",
    [
        {"status": "success"},
        {"status": "success", "charge": "1.00"},
        {"status": "OK"},
        {"status": "fail"},
        {"status": "Error"},
        {"success": False},
    ],
)
def test_a_status_of_the_call(document: object) -> None:
    """``status`` at the top that speaks of the call is no status of the order."""
    assert isinstance(read(document), Unreadable)


def test_a_failed_order() -> None:
    """ "Failed" beside facts of the order is a status, and so is any word below an ID."""
    assert read({"status": "Failed", "remains": "5"}) == OrderStatus("Failed", remains=5)
    assert read({"1": {"status": "success"}}) == OrderStatus("success")
    assert read({"1": {"status": "Failed"}}) == OrderStatus("Failed")


def test_a_renamed_status_is_always_the_orders() -> None:
    """Where the order's status has a name of its own, ``status`` can confuse nobody."""
    other = dialect(fields={"status": "order_status"})
    document = {"status": "success", "order_status": "Success"}
    assert read(document, dialect=other) == OrderStatus("Success")


# -- errors


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        ({"error": "Incorrect order ID"}, Refused("Incorrect order ID", ErrorClass.ORDER)),
        ({"error": "Ugh", "status": "104"}, Refused("Ugh")),
        ({"error": "Ugh", "status": "Completed"}, Refused("Ugh")),
        ({"errors": ["Order Not found"]}, Refused("Order Not found", ErrorClass.ORDER)),
        ({"status": {"error": "Order not found"}}, Refused("Order not found", ErrorClass.ORDER)),
        ({"1": {"error": ["Order Not found"]}}, Refused("Order Not found", ErrorClass.ORDER)),
        ({"1": "Incorrect order ID"}, Refused("Incorrect order ID", ErrorClass.ORDER)),
        (
            {"status": "fail", "message": "Order not found"},
            Refused("Order not found", ErrorClass.ORDER),
        ),
        ({"success": False, "msg": "Invalid key"}, Refused("Invalid key", ErrorClass.AUTH)),
        ({"message": "Ugh"}, Refused("Ugh")),
        (None, Refused("null", ErrorClass.ACTION)),
        ({"error": "Something went wrong"}, Unreadable("unknown outcome")),
        ({"message": "Something went wrong"}, Unreadable("unknown outcome")),
        ({"1": {"error": "Something went wrong"}}, Unreadable("unknown outcome")),
    ],
)
def test_errors(document: object, refusal: object) -> None:
    """An error speaks before everything else, wherever the panel puts it."""
    assert read(document) == refusal


def test_a_message_beside_an_answer_is_none() -> None:
    """A friendly ``message`` does not turn an answer into a refusal."""
    assert read({**ONE, "message": "Have a nice day"}) == READ
    assert read({"status": "Failed", "remains": "5", "message": "Oh"}).word == "Failed"


@pytest.mark.parametrize("action", DECODERS)
@pytest.mark.parametrize(
    ("document", "status", "answer"),
    [
        ({"error": "Invalid API key"}, 200, Refused("Invalid API key", ErrorClass.AUTH)),
        ({"error": "Ugh"}, 429, Refused("Ugh", ErrorClass.RATE)),
        ({"error": "Ugh"}, 403, Refused("Ugh", ErrorClass.AUTH)),
        ({"message": "Too Many Attempts."}, 429, Refused("Too Many Attempts.", ErrorClass.RATE)),
        (b"<html>", 429, Refused("http 429", ErrorClass.RATE)),
        (b"<html>", 403, Refused("http 403", ErrorClass.AUTH)),
        ({}, 401, Refused("http 401", ErrorClass.AUTH)),
        ({"error": "Bad link"}, 500, Refused("Bad link", ErrorClass.LINK)),
        ({"error": "Ugh"}, 404, Refused("Ugh")),
        ({"error": "Ugh"}, 500, Unreadable("http 500")),
        ({"error": "Internal server error"}, 500, Unreadable("unknown outcome")),
        ({"error": "Bad link"}, 302, Unreadable("http 302")),
        ({"error": "Bad link"}, 100, Unreadable("http 100")),
        (b"<!DOCTYPE html>", 502, Unreadable("http 502")),
        (b"<!DOCTYPE html>", 200, Unreadable("not JSON")),
        (ONE, 404, Unreadable("http 404")),
        (ONE, 301, Unreadable("http 301")),
        (b"", 200, Unreadable("empty")),
        (b"", 500, Unreadable("http 500")),
        (b'{"1":{"status":"Comp', 200, Unreadable("not JSON")),
        (b"[" * 200_000, 200, Unreadable("nested too deeply")),
        (b'{"1":{"status":NaN}}', 200, Unreadable("not JSON")),
        (b'{"1":{"status":"a"},"1":{"status":"b"}}', 200, Unreadable("duplicate keys")),
        (b"\xff", 200, Unreadable("not UTF-8")),
        (b"true", 200, Unreadable("not an answer")),
        (b'"Completed"', 200, Unreadable("not an answer")),
        (b"5", 200, Unreadable("not an answer")),
    ],
)
def test_no_answer_to_the_call(action: str, document: object, status: int, answer: object) -> None:
    """What is no answer to the call is none for any ID: refused, or unreadable with a cause."""
    assert asked(action, document, status=status) == answer
    assert asked(action, document, "1", "2", status=status) == {"1": answer, "2": answer}


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("status", "Incorrect order ID"),
        ("refill", "Order not found"),
        ("cancel", "Incorrect order ID"),
        ("refill_status", "Refill not found"),
    ],
)
def test_a_bad_id_among_several(action: str, text: str) -> None:
    """One "incorrect ID" in answer to several IDs says nothing about any one of them."""
    unnamed = Unreadable("refused for an ID it does not name")
    assert asked(action, {"error": text}, "1", "2") == {"1": unnamed, "2": unnamed}
    assert asked(action, {"message": text}, "1", "2") == {"1": unnamed, "2": unnamed}
    assert isinstance(asked(action, {"error": text}), Refused)
    assert isinstance(asked(action, {"error": text}, "1")["1"], Refused)


def test_refills_refused_for_all() -> None:
    """ "Refill not available" for a whole batch is meant for each order of it."""
    refusal = Refused("Refill not available", ErrorClass.REFILL)
    assert asked("refill", {"error": "Refill not available"}, "1", "2") == {
        "1": refusal,
        "2": refusal,
    }


# -- which row is whose


@pytest.mark.parametrize(
    "document",
    [
        {"1": ONE, "2": {"error": "Incorrect order ID"}},
        {"2": {"error": "Incorrect order ID"}, "7": ONE, "1": ONE},
        [{"order": 2, "error": "Incorrect order ID"}, {"order": 1, **ONE}],
        [{"id": "2", "error": "Incorrect order ID"}, {"id": "9", **ONE}, {"id": 1, **ONE}],
        [{"order_id": 1, **ONE}, "noise", 5, None, {"order_id": 2, "error": "Incorrect order ID"}],
    ],
)
def test_rows_are_found_by_their_id(document: object) -> None:
    """Whatever the order and whoever else is in it, each ID gets its own row."""
    refusal = Refused("Incorrect order ID", ErrorClass.ORDER)
    assert asked("status", document, "1", "2") == {"1": READ, "2": refusal}


@pytest.mark.parametrize(
    ("document", "first"),
    [
        ({}, LEFT_OUT),
        ([], LEFT_OUT),
        ({"3": ONE}, LEFT_OUT),
        ([ONE, ONE], LEFT_OUT),
        ([{"order": True, **ONE}], LEFT_OUT),
        ([{"order": 1, **ONE}, {"order": "1", **ONE}], Unreadable("answered twice")),
        (ONE, LEFT_OUT),
        ({"1": None}, Unreadable("not an answer")),
        ({"1": 5}, Unreadable("not an answer")),
        ({"1": ""}, Unreadable("not an answer")),
        ({"1": []}, Unreadable("not an answer")),
        ({"1": {}}, Unreadable("not an answer")),
    ],
)
def test_rows_that_are_missing(document: object, first: object) -> None:
    """An ID without a sound row of its own is Unreadable, never somebody else's row."""
    assert asked("status", document, "1", "2")["1"] == first


@pytest.mark.parametrize(
    "document",
    [ONE, {"1": ONE}, [ONE], [{"order": 1, **ONE}], {"order": 1, **ONE}, {"order": "1", **ONE}],
)
def test_shapes_of_a_single_answer(document: object) -> None:
    """An answer about one ID may be the row, a map of one, or a list of one."""
    assert asked("status", document) == READ
    assert asked("status", document, "1") == {"1": READ}


@pytest.mark.parametrize("document", [{"order": 2, **ONE}, [{"order": 2, **ONE}], {"2": ONE}])
def test_an_answer_about_another_id(document: object) -> None:
    """A row that names another ID is not the answer."""
    assert isinstance(asked("status", document), Unreadable)


def test_ids_asked_twice() -> None:
    """An ID asked twice is answered once."""
    answers = decode_status(STANDARD, Command("status", {"orders": "1,2,1"}), reply({"1": ONE}))
    assert answers == {"1": READ, "2": LEFT_OUT}


# -- refill


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"refill": "1"}, "1"),
        ({"refill": 9901}, "9901"),
        ({"success": "Refill requested", "refill": 12345}, "12345"),
        ({"1": {"refill": 5}}, "5"),
        ({"1": 5}, "5"),
        ([{"order": 1, "refill": 5}], "5"),
        ({"refill": {"error": "Chưa hoàn thành"}}, Refused("Chưa hoàn thành")),
        ({"refill": "Refill not available"}, Refused("Refill not available", ErrorClass.REFILL)),
        ({"1": "Cannot cancel"}, Refused("Cannot cancel", ErrorClass.CANCEL)),
        ({"refill": 5, "success": False, "message": "Ugh"}, Refused("Ugh")),
        ({"refill": "Something went wrong"}, Unreadable("unknown outcome")),
        ({"refill": 0}, Unreadable("no refill ID")),
        ({"refill": "0"}, Unreadable("no refill ID")),
        ({"refill": True}, Unreadable("no refill ID")),
        ({"refill": None}, Unreadable("no refill ID")),
        ({"refill": {}}, Unreadable("no refill ID")),
        ({"refill": "success"}, Unreadable("no refill ID")),
        ({"status": "success"}, Unreadable("no refill ID")),
        ({"refill": "Your refill is on its way"}, Unreadable("no refill ID")),
    ],
)
def test_refill(document: object, answer: object) -> None:
    """A refill is an ID that can be asked after; an error inside it is a refusal."""
    assert asked("refill", document) == answer


# -- refill_status


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"status": "Completed"}, "Completed"),
        ({"status": "In progess"}, "In progess"),
        ({"status": "Failed"}, "Failed"),
        ({"refill": "1", "status": "Rejected"}, "Rejected"),
        ([{"status": "Completed"}], "Completed"),
        ([{"refill": 1, "status": "Completed"}], "Completed"),
        ({"1": {"status": "Completed"}}, "Completed"),
        ({"1": "Completed"}, "Completed"),
        ({"status": {"error": "Refill not found"}}, Refused("Refill not found", ErrorClass.REFILL)),
        ({"1": "Refill not found"}, Refused("Refill not found", ErrorClass.REFILL)),
        ([{"refill": 1, "error": "Ugh"}], Refused("Ugh")),
        ({"status": "success"}, Unreadable("a status of the call")),
        ({"status": None}, Unreadable("not an answer")),
        ([{"refill": 2, "status": "Completed"}], LEFT_OUT),
    ],
)
def test_refill_status(document: object, answer: object) -> None:
    """A refill's status is a word, by itself, in a list of one, or below its ID."""
    assert asked("refill_status", document) == answer


# -- cancel


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ([{"order": 1, "cancel": 1}], None),
        ([{"order": 1, "cancel": "1"}], None),
        ([{"order": 1, "cancel": True}], None),
        ({"cancel": 1}, None),
        ({"cancel": 4711}, None),
        ({"cancel": {"status": 1}}, None),
        ({"cancel": {"status": "Canceled"}}, None),
        ({"1": {"cancel": "requested"}}, None),
        ({"1": 1}, None),
        ({"1": "In Progress"}, None),
        ({"success": "Cancel requested"}, None),
        ({"success": True}, None),
        ({"success": "true"}, None),
        ({"success": {"a": "b"}}, Unreadable("neither a cancel nor an error")),
        ({"success": ""}, Unreadable("neither a cancel nor an error")),
        ([{"order": 1, "cancel": {"error": "Ugh"}}], Refused("Ugh")),
        ([{"order": 1, "error": "Cannot cancel"}], Refused("Cannot cancel", ErrorClass.CANCEL)),
        ({"cancel": {"status": "fail"}}, Refused("cancel failed", ErrorClass.CANCEL)),
        ({"cancel": {"status": 0}}, Refused("cancel 0", ErrorClass.CANCEL)),
        ({"cancel": 0}, Refused("cancel 0", ErrorClass.CANCEL)),
        ({"cancel": False}, Refused("cancel 0", ErrorClass.CANCEL)),
        ({"cancel": "Cancel not available"}, Refused("Cancel not available", ErrorClass.CANCEL)),
        ({"success": False}, Refused("cancel 0", ErrorClass.CANCEL)),
        ({"cancel": {}}, Unreadable("neither a cancel nor an error")),
        ({"cancel": None}, Unreadable("neither a cancel nor an error")),
        ({"cancel": "who knows"}, Unreadable("neither a cancel nor an error")),
        ({"status": "success"}, Unreadable("neither a cancel nor an error")),
        ({"cancel": "Something went wrong"}, Unreadable("unknown outcome")),
    ],
)
def test_cancel(document: object, answer: object) -> None:
    """A cancel is asked for when they say so in any of their ways, and not when they do not."""
    assert asked("cancel", document) == answer


def test_error_lists_in_rows() -> None:
    """cheapsmmpanel's rows carry their error in a list."""
    document = {
        "1": {"status": "Partial", "start_counter": "3572"},
        "10": {"error": ["Order Not found"]},
    }
    assert asked("status", document, "1", "10", dialect=DIALECTS["cheapsmmpanel"]) == {
        "1": OrderStatus("Partial", start_count="3572"),
        "10": Refused("Order Not found", ErrorClass.ORDER),
    }
