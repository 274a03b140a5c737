"""`aggregator reseller`: keys shown once, money by hand."""

import hashlib

import pytest

from aggregator.core.model import Scope
from aggregator.store import keys
from tests.cli.support import Desk
from tests.store.builders import NOW


def holder(desk: Desk, key: str, at_ms: int = NOW) -> str | None:
    """The reseller whom a key lets in."""
    key_hash = hashlib.sha256(key.encode()).digest()
    found = desk.look(lambda tx: keys.authenticate(tx, key_hash, at_ms))
    return None if found is None else found.name


def test_add_makes_the_database(desk: Desk) -> None:
    """The first reseller can be added before the first `serve`, and his key works."""
    given = desk.json("reseller", "add", "shop")
    assert given.keys() == {"reseller", "key"}
    assert given["reseller"] == "shop"
    assert holder(desk, given["key"]) == "shop"


def test_key_is_shown_once(desk: Desk) -> None:
    """No other command prints a key, and none is in the database's files."""
    key = desk.run("reseller", "add", "shop").stdout.split()[-1]
    assert holder(desk, key) == "shop"
    for args in (("reseller", "list"), ("ledger", "statement", "shop"), ("orders", "list")):
        assert key not in desk.run(*args).output
    stored = b"".join(file.read_bytes() for file in desk.folder.iterdir())
    assert key.encode() not in stored


def test_scopes_are_kept(desk: Desk) -> None:
    """A key may do what --scopes says, and no more."""
    key = desk.json("reseller", "add", "shop", "--scopes", "read, order")["key"]
    key_hash = hashlib.sha256(key.encode()).digest()
    found = desk.look(lambda tx: keys.authenticate(tx, key_hash, NOW))
    assert found is not None
    assert found.scopes == {Scope.READ, Scope.ORDER}


@pytest.mark.parametrize("scopes", ["read,rite", "", ","])
def test_unknown_scopes_are_refused(desk: Desk, scopes: str) -> None:
    """A scope that does not exist is a mistake on the command line."""
    result = desk.run("reseller", "add", "shop", "--scopes", scopes, status=2)
    assert "read, order, refill, cancel" in result.stderr


@pytest.mark.parametrize("name", ["", " shop", "sh\x1bop", "x" * 65])
def test_odd_names_are_refused(desk: Desk, name: str) -> None:
    """A name can be printed and typed again."""
    assert "1 to 64 printable characters" in desk.run("reseller", "add", name, status=2).stderr


def test_names_are_unique(shop: Desk) -> None:
    """There is one reseller of a name."""
    assert "There is a reseller 'shop' already" in shop.refused("reseller", "add", "shop")


def test_list_shape(shop: Desk) -> None:
    """The list tells what each can spend, as exact text."""
    shop.order(None)
    (one,) = shop.json("reseller", "list")
    assert one.pop("created_at").endswith("Z")
    assert one == {
        "reseller": "shop",
        "available": "9.75",
        "held": "0.25",
        "disabled": False,
        "discount": "0%",
        "prices": {},
    }
    assert "9.75" in shop.run("reseller", "list").stdout


def test_credit_and_debit(shop: Desk) -> None:
    """Money comes and goes exactly, and its reason stands in the ledger."""
    assert shop.json("reseller", "credit", "shop", "0.10", "--note", "a")["available"] == "10.10"
    assert shop.json("reseller", "debit", "shop", "10.10", "--note", "b")["available"] == "0.00"
    lines = shop.json("ledger", "statement", "shop")
    assert [line["note"] for line in lines] == ["first money", "a", "b"]


def test_debit_wants_a_reason_and_the_money(shop: Desk) -> None:
    """Nobody is debited without a note, or below nothing."""
    shop.run("reseller", "debit", "shop", "1", status=2)
    said = shop.refused("reseller", "debit", "shop", "11", "--note", "x")
    assert said == "Error: shop has 10.00 available, which is less than 11.00."
    assert shop.available() == 10_000_000


@pytest.mark.parametrize(
    "amount",
    ["0", "nan", "1e99", "1e3", "1_000", "٣", "+1", " 1", "0.000001", "1,5", "9999999999999", ""],
)
def test_odd_amounts_are_refused(shop: Desk, amount: str) -> None:
    """An amount is a decimal number over 0 that a balance can show."""
    shop.run("reseller", "credit", "shop", amount, status=2)
    shop.run("reseller", "credit", "shop", "--", f"-{amount}", status=2)
    assert shop.available() == 10_000_000


def test_nobody_of_that_name(shop: Desk) -> None:
    """A misspelt name is said, whatever was to be done."""
    for args in (
        ("reseller", "credit", "shpo", "1"),
        ("reseller", "debit", "shpo", "1", "--note", "x"),
        ("reseller", "rotate-key", "shpo"),
        ("reseller", "disable", "shpo"),
        ("orders", "list", "--reseller", "shpo"),
        ("ledger", "statement", "shpo"),
    ):
        assert shop.refused(*args) == "Error: There is no reseller 'shpo'."


def test_rotated_keys_overlap(desk: Desk) -> None:
    """After rotation both keys work for a day; with --now the old one ends at once."""
    first = desk.json("reseller", "add", "shop")["key"]
    second = desk.json("reseller", "rotate-key", "shop")["key"]
    far = NOW * 2
    assert [holder(desk, key) for key in (first, second)] == ["shop", "shop"]
    assert [holder(desk, key, far) for key in (first, second)] == [None, "shop"]
    third = desk.json("reseller", "rotate-key", "shop", "--now")["key"]
    soon = 10**13  # later than any clock says today
    assert [holder(desk, key, soon) for key in (first, second, third)] == [None, None, "shop"]


def test_disabled_keys_open_nothing(desk: Desk) -> None:
    """A disabled reseller's key lets nobody in until he is enabled again."""
    key = desk.json("reseller", "add", "shop")["key"]
    assert desk.json("reseller", "disable", "shop") == {"reseller": "shop", "disabled": True}
    assert holder(desk, key) is None
    assert "disabled" in desk.run("reseller", "list").stdout
    desk.run("reseller", "enable", "shop")
    assert holder(desk, key) == "shop"
