"""`aggregator ledger`: the proof, and the statement."""

from aggregator.store.tx import Tx
from tests.cli.support import Desk


def test_verifies(shop: Desk) -> None:
    """A sound ledger is said to be, with how much was looked at."""
    shop.placed()
    said = shop.run("ledger", "verify").stdout
    assert said.startswith("The ledger verifies: 1 resellers, 1 orders")
    told = shop.json("ledger", "verify")
    assert (told["ok"], told["violations"]) == (True, [])
    assert told["looked_at"]["transfers"] == 3


def test_violations_end_with_1(shop: Desk) -> None:
    """Each broken rule is a line, and the exit status says that there are some."""

    def steal(tx: Tx) -> None:
        tx.run("UPDATE accounts SET available_micros = available_micros + 5")

    shop.write(steal)
    told = shop.json("ledger", "verify", status=1)
    assert not told["ok"]
    (violation,) = told["violations"]
    said = shop.run("ledger", "verify", status=1).stdout
    assert violation in said
    assert "does NOT verify" in said


def test_statement_shape(shop: Desk) -> None:
    """Every movement has a line, with what was left after it."""
    shop.placed()
    lines = shop.json("ledger", "statement", "shop")
    assert [(line["kind"], line["available"], line["held"], line["left"]) for line in lines] == [
        ("credit", "10.00", "0.00", "10.00"),
        ("hold", "-0.25", "0.25", "9.75"),
        ("post", "0.00", "-0.25", "9.75"),
    ]
    assert lines[1].keys() == {"at", "kind", "order", "available", "held", "left", "note"}
    assert lines[1]["order"] == 1
    assert "shop has 9.75 USD available" in shop.run("ledger", "statement", "shop").stdout
