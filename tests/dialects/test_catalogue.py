"""services and balance, as panels really answer them."""

from decimal import Decimal
from typing import Any

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Balance, Refused, ServiceRow, Unreadable
from aggregator.dialects import decode_balance, decode_services
from aggregator.dialects.catalogue import MAX_ROWS
from tests.dialects.support import STANDARD, dialect, reply

ROW = {
    "service": 1,
    "name": "Likes",
    "type": "Default",
    "category": "Instagram",
    "rate": "0.90",
    "min": "50",
    "max": "10000",
    "refill": True,
    "cancel": False,
}
READ = ServiceRow("1", "Likes", "Default", "Instagram", "0.90", 50, 10000, True, False)


def services(document: object, status: int = 200) -> Any:
    return decode_services(STANDARD, reply(document, status))


def row(**changed: Any) -> Any:
    """The one row that is read from the sample row with these fields changed."""
    (found,) = services([{**ROW, **changed}])
    return found


@pytest.mark.parametrize(
    "document",
    [
        [ROW],
        [ROW, {**ROW, "name": "A second one"}],
        {"status": "success", "data": [ROW]},
        [ROW, None, 5, "x", [], {}, {**ROW, "service": 0}, {**ROW, "service": None}],
        [ROW, {**ROW, "service": 2, "name": ""}, {**ROW, "service": 3, "name": None}],
        [{**ROW, "service": "²"}, {**ROW, "service": True}, ROW],
    ],
)
def test_sound_rows(document: object) -> None:
    """Each sound row is read once; a row without an ID or a name is dropped."""
    assert services(document) == [READ]


@pytest.mark.parametrize(
    "document", [[], {"status": "success", "data": "Empty Data"}, {"data": []}]
)
def test_empty_catalogues(document: object) -> None:
    """An empty catalogue is a list without rows."""
    assert services(document) == []


@pytest.mark.parametrize(
    ("changed", "read"),
    [
        ({"service": "65f1c0ffee"}, {"service": "65f1c0ffee"}),
        ({"type": "SEO2"}, {"type": "SEO2"}),
        ({"type": None}, {"type": ""}),
        ({"category": None}, {"category": ""}),
        ({"rate": 0.9}, {"rate": "0.9"}),
        ({"rate": "999999999999.00"}, {"rate": "999999999999.00"}),
        ({"rate": None}, {"rate": ""}),
        ({"min": 1, "max": 2147483647}, {"min": 1, "max": 2147483647}),
        ({"min": "-1", "max": "lots"}, {"min": None, "max": None}),
        ({"min": "1,000"}, {"min": 1000}),
        ({"refill": "1", "cancel": 0}, {"refill": True, "cancel": False}),
        ({"refill": "yes", "cancel": "No"}, {"refill": True, "cancel": False}),
        ({"refill": None, "cancel": "?"}, {"refill": None, "cancel": None}),
        ({"dripfeed": "0"}, {"dripfeed": False}),
        ({"description": "One\nTwo"}, {"description": "One\nTwo"}),
        ({"description": ""}, {"description": None}),
        ({"description": None}, {"description": None}),
        ({"description": ["x"]}, {"description": None}),
        ({"description": "x" * 9999}, {"description": "x" * 4000}),
        ({"name": " 👨‍👩‍👧 Real\u2028 \ud83d "}, {"name": "👨‍👩‍👧 Real"}),
    ],
)
def test_fields_of_a_row(changed: dict[str, Any], read: dict[str, Any]) -> None:
    """Each field is taken as it is written, or is unknown."""
    found = row(**changed)
    assert {name: getattr(found, name) for name in read} == read


def test_renamed_columns() -> None:
    """A column may have another name in the catalogue alone."""
    other = dialect(fields={"services": {"cancel": "canceling_is_available"}})
    document = [{**ROW, "cancel": None, "canceling_is_available": True}]
    (found,) = decode_services(other, reply(document))
    assert found.cancel is True


@pytest.mark.parametrize(
    ("document", "status", "answer"),
    [
        ({"error": "Invalid API key"}, 200, Refused("Invalid API key", ErrorClass.AUTH)),
        ({"message": "Invalid API key"}, 200, Refused("Invalid API key", ErrorClass.AUTH)),
        (None, 200, Refused("null", ErrorClass.ACTION)),
        ({"status": "success"}, 200, Unreadable("not a list")),
        ({"data": "Something else"}, 200, Unreadable("not a list")),
        ({"data": None}, 200, Unreadable("not a list")),
        ("text", 200, Unreadable("not a list")),
        (b"<html>", 200, Unreadable("not JSON")),
        (b'[{"service":1,"name":"x"', 200, Unreadable("not JSON")),
        (b"<html>", 503, Unreadable("http 503")),
    ],
)
def test_no_catalogue(document: object, status: int, answer: object) -> None:
    """What is no list is no catalogue, and never an empty one."""
    assert services(document, status) == answer


@pytest.mark.parametrize(
    ("document", "balance"),
    [
        ({"balance": "100.84292", "currency": "USD"}, Balance(Decimal("100.84292"), "USD")),
        ({"balance": 100.5}, Balance(Decimal("100.5"), None)),
        ({"status": "success", "balance": "7"}, Balance(Decimal(7), None)),
        ({"balance": "-3.50", "currency": ""}, Balance(Decimal("-3.50"), None)),
        ({"balance": "1,234,567.89"}, Balance(Decimal("1234567.89"), None)),
    ],
)
def test_balance(document: object, balance: Balance) -> None:
    """A balance may be a number or text, grouped or negative, with or without a currency."""
    assert decode_balance(STANDARD, reply(document)) == balance


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"error": "Unauthenticated"}, Refused("Unauthenticated", ErrorClass.AUTH)),
        ({"message": "Unauthenticated."}, Refused("Unauthenticated.", ErrorClass.AUTH)),
        ({}, Unreadable("no balance")),
        ({"balance": None}, Unreadable("no balance")),
        ({"balance": True}, Unreadable("no balance")),
        ({"balance": "1,234"}, Unreadable("no balance")),
        ({"balance": "--1"}, Unreadable("no balance")),
        ({"balance": "NaN"}, Unreadable("no balance")),
        ({"status": "success"}, Unreadable("no balance")),
        (["100"], Unreadable("not a JSON object")),
        (b"", Unreadable("empty")),
        (b'{"balance":NaN}', Unreadable("not JSON")),
        (b'{"balance":1,"balance":2}', Unreadable("duplicate keys")),
    ],
)
def test_no_balance(document: object, answer: object) -> None:
    """What is not plainly an amount is no balance."""
    assert decode_balance(STANDARD, reply(document)) == answer


@pytest.mark.parametrize(
    "document",
    [
        [{}] * (MAX_ROWS + 1),
        [1] * 2000,
        {"data": [[]] * 2000},
        [{"service": 1, "name": "x", "a": [{}] * 5}] * MAX_ROWS,
    ],
    ids=["rows", "numbers", "lists", "objects"],
)
def test_too_large(document: object) -> None:
    """A catalogue with more in it than any panel sells is not read."""
    assert decode_services(STANDARD, reply(document)) == Unreadable("catalogue too large")


def test_a_large_one_is_read() -> None:
    """As many rows as there may be are read, whatever stands in their texts."""
    rows = [{"service": one + 1, "name": "a,{}[]" * 3} for one in range(MAX_ROWS)]
    read = decode_services(STANDARD, reply({"status": "success", "data": rows}))
    assert isinstance(read, list) and len(read) == MAX_ROWS
