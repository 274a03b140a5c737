"""The answer to an ``add``: Placed and Rejected are proved, everything else is a doubt."""

import html
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind
from aggregator.core.outcome import InDoubt, Placed, Rejected
from aggregator.dialects import Dialect, WireReply, decode_added
from tests.dialects.support import DIALECTS, STANDARD, dialect, reply

SOUND = {"order": 23501}
HTML = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
NOT_PROCESSED = {
    429: ErrorClass.RATE,
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    **dict.fromkeys((521, 523, 525, 526, 530, 301, 307, 308), ErrorClass.DOWN),
}


def added(document: object, status: int = 200, dialect: Dialect = STANDARD) -> object:
    return decode_added(dialect, reply(document, status))


@pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 404, 422, 429])
@pytest.mark.parametrize("shown", [1, "1", 23501, "23501", "65f1c0ffee65f1c0ffee65f1", "T-1_a"])
def test_a_sound_order_is_placed(shown: object, status: int) -> None:
    """One JSON object with a sound order and no error is Placed, its ID kept as text."""
    assert added({"order": shown}, status) == Placed(str(shown))


@pytest.mark.parametrize(
    "extra",
    [
        {"status": "success"},
        {"status": 100},
        {"charge": "1.00", "currency": "USD"},
        {"message": "Order placed"},
        {"error": None},
        {"error": False},
        {"error": ""},
        {"error": []},
        {"error": {}},
        {"error": 0},
        {"errors": []},
        {"success": True},
    ],
)
def test_company_that_says_nothing_against_it(extra: dict[str, Any]) -> None:
    """An order stays Placed beside fields that speak of no error."""
    assert added(SOUND | extra) == Placed("23501")


@pytest.mark.parametrize("said", [False, "false", " False ", "0", 0, "no", "fail", "failed"])
def test_an_order_beside_a_failure(said: object) -> None:
    """An order beside the word that the call failed is a doubt, however the word is spelled."""
    assert added(SOUND | {"success": said}) == InDoubt("order 23501 beside a failure")


LINK = "https://x.example/Not enough funds?a=1&b=<i>"


@pytest.mark.parametrize("written", [str, html.escape, quote, quote_plus, str.lower])
@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Incorrect link: {}", ErrorClass.LINK),
        ("{} is no link", ErrorClass.UNKNOWN),
        ("{}: not enough funds", ErrorClass.FUNDS),
        ("Something went wrong: {}", ErrorClass.UNKNOWN_OUTCOME),
    ],
)
def test_what_is_quoted_of_ours_has_no_class(
    text: str, known: ErrorClass, written: Callable[[str], str]
) -> None:
    """A refusal is classed by the panel's own words, whichever way it writes ours."""
    said = reply({"error": text.format(written(LINK))})
    outcome = decode_added(STANDARD, said, said_by_us=["7", "", LINK])
    told = outcome.error_class if isinstance(outcome, Rejected) else ErrorClass.UNKNOWN_OUTCOME
    assert told is known


@pytest.mark.parametrize(
    ("ours", "text", "expected"),
    [
        ("good\nnot enough funds", "Incorrect comments: not enough funds", ErrorClass.PARAMS),
        ("https://x/not%20enough%20funds", "Bad link https://x/not enough funds", ErrorClass.LINK),
        ("https://x/timeout", "Bad link https://x/timeout", ErrorClass.LINK),
        ("link", "Bad link", ErrorClass.LINK),
        ("\ud800 not enough funds", "Bad link", ErrorClass.LINK),
    ],
)
def test_quotes_in_part(ours: str, text: str, expected: ErrorClass) -> None:
    """One line of ours, or ours unquoted, has no class either; and a mere word is left alone."""
    outcome = decode_added(STANDARD, reply({"error": text}), said_by_us=[ours])
    assert outcome == Rejected(expected, text)


def test_words_that_leave_it_open_stay_open() -> None:
    """Nobody can have an open outcome called a refusal by saying the same words himself."""
    said = reply({"error": "Something went wrong"})
    for ours in ("Something went wrong", "went wrong", "e"):
        outcome = decode_added(STANDARD, said, said_by_us=[ours])
        assert outcome == InDoubt("the panel does not know")


def test_an_endless_entity() -> None:
    """A reference to a character that cannot be does not hide the words around it."""
    text = f"&#{'9' * 5000}; Not enough funds &amp; more"
    assert added({"error": text}) == Rejected(ErrorClass.FUNDS, "\ufffd Not enough funds & more")


@pytest.mark.parametrize(
    ("body", "order"),
    [
        (b'{"order":9223372036854775808}', "9223372036854775808"),
        (b'\xef\xbb\xbf{"order":5}', "5"),
        (b' \r\n{"order":5}\n', "5"),
        (b'{"order":"0012"}', "0012"),
        (b'{"order":' + b"9" * 64 + b"}", "9" * 64),
    ],
)
def test_ids_keep_every_digit(body: bytes, order: str) -> None:
    """No ID passes through a float or a 64-bit integer, and a byte order mark does no harm."""
    assert added(body) == Placed(order)


@pytest.mark.parametrize(
    "order",
    [
        0,
        "0",
        "000",
        -5,
        "-5",
        -1.0,
        5.0,
        1.5,
        1e30,
        True,
        False,
        None,
        "",
        " ",
        " 5",
        "5\n",
        "²",
        "٣",
        "5;6",
        "5,6",
        "a b",
        "null",
        "None",
        "undefined",
        "success",
        "error",
        "x" * 65,
        "\ud800",
        "5\x00",
        [5],
        [],
        {"id": 5},
        {},
    ],
)
def test_what_is_no_order(order: object) -> None:
    """Anything but a sound ID where the order should be is a doubt."""
    assert added({"order": order}) == InDoubt("neither an order nor an error")


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (HTML, "not JSON"),
        (b'{"order":23', "not JSON"),
        (b'{"order":23501', "not JSON"),
        (b'{"order":23501}{"order":23502}', "not JSON"),
        (b'{"order":23501} <br>', "not JSON"),
        (b'<b>Notice</b>: Undefined index {"order":23501}', "not JSON"),
        (b'{"order":23501,}', "not JSON"),
        (b'{"order":NaN}', "not JSON"),
        (b'{"order":5,"charge":Infinity}', "not JSON"),
        (b'{"order":"\xff"}', "not UTF-8"),
        ('{"order":5}'.encode("utf-16"), "not UTF-8"),
        (b'{"order":"5\n"}', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"order":' * 200_000, "nested too deeply"),
        (b"null", "not a JSON object"),
        (b"23501", "not a JSON object"),
        (b'"23501"', "not a JSON object"),
        (b'[{"order":23501}]', "not a JSON object"),
        (b'{"order":' + b"9" * 5000 + b"}", "neither an order nor an error"),
        (b'{"status":"success"}', "neither an order nor an error"),
        (b'{"orders":[23501]}', "neither an order nor an error"),
        (b'{"success":true,"data":{"order":5}}', "neither an order nor an error"),
        (b'{"message":"Not enough funds"}', "neither an order nor an error"),
        (b"{}", "neither an order nor an error"),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
def test_what_proves_nothing(body: bytes, cause: str, status: int) -> None:
    """A body that is not one sound object, or says neither thing, is a doubt."""
    assert added(body, status) == InDoubt(cause)


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500, 521, 301, 302])
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b'{"order":1,"order":1}', "duplicate keys"),
        (b'{"error":"Bad link","x":{"a":1,"a":2}}', "duplicate keys"),
        (b'{"order":1,"error":"Bad link"}', "order 1 beside an error"),
        (b'{"order":"a b","error":"Bad link"}', "order ? beside an error"),
        (b'{"order":1,"errors":["Bad link"]}', "order 1 beside an error"),
        (b'{"order":1,"success":false}', "order 1 beside a failure"),
        (b'{"order":1,"status":"fail"}', "order 1 beside a failure"),
        (b'{"order":1,"status":false}', "order 1 beside a failure"),
        (b'{"error":"Something went wrong"}', "the panel does not know"),
        (b'{"error":"There was an error while creating your order"}', "the panel does not know"),
        (b'{"error":"%b: Internal server error"}' % (b"x" * 999), "the panel does not know"),
    ],
)
def test_contradictions(body: bytes, cause: str, status: int) -> None:
    """Where the panel contradicts itself or does not know, no status makes it certain."""
    assert added(body, status) == InDoubt(cause)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 422, 500, 503])
def test_a_known_error_is_a_refusal(status: int) -> None:
    """An error of a known class, and no order, is Rejected under any 2xx, 4xx or 5xx."""
    expected = Rejected(ErrorClass.FUNDS, "Not enough funds on balance")
    assert added({"error": "Not enough funds on balance"}, status) == expected


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"error": "Ugh", "status": "104"}, "Ugh"),
        ({"error": "Ugh", "order": None}, "Ugh"),
        ({"error": "Ugh", "order": 0}, "Ugh"),
        ({"error": "Ugh", "order": ""}, "Ugh"),
        ({"error": ["Ugh", "Ow"]}, "Ugh; Ow"),
        ({"errors": {"link": ["Ugh"]}}, "Ugh"),
        ({"error": {"code": 5, "message": "Ugh"}}, "5; Ugh"),
        ({"error": True, "message": "Ugh"}, "Ugh"),
        ({"error": True}, "error"),
        ({"error": {"a": {"b": {"c": {"d": {"e": "too deep"}}}}}}, "error"),
        ({"error": "U\ng\x1bh\ud800"}, "U g h"),
        ({"error": "You don&#039;t"}, "You don't"),
        ({"error": "x" * 1000}, "x" * 300),
        ({"error": " "}, "error"),
    ],
)
def test_an_error_nobody_knows(document: object, text: str) -> None:
    """An unknown error is Rejected as such under a 2xx or 4xx, its text unwrapped and bounded."""
    assert added(document, 200) == Rejected(ErrorClass.UNKNOWN, text)
    assert added(document, 404) == Rejected(ErrorClass.UNKNOWN, text)
    assert added(document, 500) == InDoubt("http 500")


def test_laravel_says_it_twice() -> None:
    """The fields of ``errors`` are read together with ``message``."""
    document = {"message": "Invalid", "errors": {"link": ["The link field is required."]}}
    outcome = added(document, 422)
    assert outcome == Rejected(ErrorClass.LINK, "The link field is required.; Invalid")


@pytest.mark.parametrize(("status", "error_class"), NOT_PROCESSED.items())
@pytest.mark.parametrize("body", [b"", HTML, b"{}", b"null", b'{"message":"x"}'])
def test_statuses_that_speak_for_themselves(
    body: bytes, status: int, error_class: ErrorClass
) -> None:
    """Some statuses say by themselves that nothing was processed."""
    assert added(body, status) == Rejected(error_class, f"http {status}")


@pytest.mark.parametrize(("status", "error_class"), NOT_PROCESSED.items())
def test_words_are_more_precise_than_statuses(status: int, error_class: ErrorClass) -> None:
    """Under such a status a known error gives the class, an unknown one only the text."""
    assert added({"error": "Bad link"}, status) == Rejected(ErrorClass.LINK, "Bad link")
    assert added({"error": "Ugh"}, status) == Rejected(error_class, "Ugh")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 524, 302, 303, 300, 304, 100, 0])
@pytest.mark.parametrize("body", [b"", HTML, b"{}", b'{"error":"Ugh"}', b'{"status":"success"}'])
def test_statuses_that_prove_nothing(body: bytes, status: int) -> None:
    """Every other status is a doubt unless its words are known."""
    assert added(body, status) == InDoubt(f"http {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 500, 502, 521])
def test_an_order_under_a_failure(status: int) -> None:
    """A sound order under a status that is neither 2xx nor 4xx is a doubt."""
    assert added(SOUND, status) == InDoubt(f"http {status} with order 23501")


def test_a_known_error_under_a_redirect() -> None:
    """A redirect after which anything may have happened is a doubt, whatever its words."""
    assert added({"error": "Bad link"}, 303) == InDoubt("http 303")


def test_the_content_type_is_not_believed() -> None:
    """JSON sent as text/html is JSON."""
    assert decode_added(STANDARD, WireReply(200, b'{"order":5}', "text/html")) == Placed("5")


def test_a_dialect_renames_the_order() -> None:
    """Where a dialect has another name for ``order``, only that name places one."""
    other = dialect(fields={"add": {"order": "order_id"}})
    assert added({"order_id": 5}, dialect=other) == Placed("5")
    assert isinstance(added({"order": 5}, dialect=other), InDoubt)


def test_a_dialect_knows_more_errors() -> None:
    """A dialect's own error texts come before the common ones."""
    other = dialect(errors={"out of cash": "funds", "something went wrong": "down"})
    assert added({"error": "Out of CASH!"}, dialect=other) == Rejected(
        ErrorClass.FUNDS, "Out of CASH!"
    )
    assert added({"error": "Something went wrong"}, dialect=other) == Rejected(
        ErrorClass.DOWN, "Something went wrong"
    )


@pytest.mark.parametrize("kind", Kind)
def test_the_kind_is_read_where_the_dialect_tells_it(kind: Kind) -> None:
    """smmowner's answer names the kind of the order; the standard's is not asked for one."""
    document = {"order": 5, "type": str(kind)}
    assert added(document, dialect=DIALECTS["smmowner"]) == Placed("5", kind)
    assert added(document) == Placed("5")
