"""What a person does to an order: the state it must be in, the money, the reason kept."""

import subprocess

import pytest

from aggregator.core.model import State
from tests.cli.support import Desk

FULL = 10_000_000
CHARGED = 9_750_000


def notes(desk: Desk, order_id: int) -> list[str]:
    """The reasons that an order's events tell."""
    events = desk.json("orders", "show", str(order_id))["events"]
    return [event["detail"]["note"] for event in events if "note" in event["detail"]]


def test_resolve_placed(shop: Desk) -> None:
    """A doubt that is found at the provider is placed and charged."""
    order_id = str(shop.doubt())
    args = ("resolve", order_id, "--placed", " 98112 ", "--note", "seen in their panel")
    assert shop.json("orders", *args) == {"order": 1, "state": "placed"}
    assert shop.json("orders", "list")[0]["upstream_order_id"] == "98112"
    assert shop.available() == CHARGED
    assert notes(shop, 1) == ["seen in their panel"]


@pytest.mark.parametrize("given", ["1,2", "1 2", "null", "0", "x" * 65, "²", "#5"])
def test_resolve_takes_one_id(shop: Desk, given: str) -> None:
    """What no provider could have answered as an order's ID is refused."""
    order_id = shop.doubt()
    shop.run("orders", "resolve", str(order_id), "--placed", given, status=2)
    assert shop.state(order_id) is State.IN_DOUBT


def test_resolve_not_placed(shop: Desk) -> None:
    """A doubt that is not at the provider is canceled, its hold given back."""
    order_id = shop.doubt()
    shop.run("orders", "resolve", str(order_id), "--not-placed", "--note", "not there")
    assert shop.state(order_id) is State.CANCELED
    assert shop.available() == FULL
    assert "not there" in [line["note"] for line in shop.json("ledger", "statement", "shop")]


@pytest.mark.parametrize("options", [(), ("--placed", "1", "--not-placed"), ("--placed", " ")])
def test_resolve_wants_one_answer(shop: Desk, options: tuple[str, ...]) -> None:
    """Either it is there, under an ID, or it is not."""
    order_id = shop.doubt()
    shop.run("orders", "resolve", str(order_id), *options, status=2)
    assert shop.state(order_id) is State.IN_DOUBT


def test_an_upstream_order_belongs_to_one(shop: Desk) -> None:
    """A doubt cannot be resolved to an order of theirs that is another one of ours."""
    shop.placed("9311")
    order_id = shop.doubt()
    said = shop.refused("orders", "resolve", str(order_id), "--placed", "9311")
    assert said == "Error: Order 9311 of gulf already belongs to our order 1."
    assert shop.state(order_id) is State.IN_DOUBT


def test_wrong_states_are_refused(shop: Desk) -> None:
    """What an act cannot be done to stays as it is, and the reason is said."""
    placed, doubt = str(shop.placed()), str(shop.doubt())
    for args in (
        ("resolve", placed, "--not-placed"),
        ("retry", placed),
        ("cancel", doubt),
    ):
        assert "this can only be done to one that is" in shop.refused("orders", *args)
    assert "Nothing was charged" in shop.refused("orders", "refund", doubt, "--note", "x")
    assert shop.json("ledger", "verify")["ok"]


def test_cancel_queued(shop: Desk) -> None:
    """A queued order is canceled at once, its hold given back."""
    order_id = shop.queued()
    assert shop.json("orders", "cancel", str(order_id)) == {"order": 1, "state": "canceled"}
    assert shop.available() == FULL


def test_cancel_where_the_provider_cannot_be_reached(shop: Desk) -> None:
    """A cancel that no provider heard of is said to have failed."""
    order_id = shop.placed()
    command = shop.command("orders", "cancel", str(order_id))
    ran = subprocess.run(command, env=shop.environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Order 1 was not canceled: Service temporarily unavailable." in ran.stderr
    assert shop.state(order_id) is State.PLACED


def test_retry(shop: Desk) -> None:
    """A doubt goes back into the queue with its hold kept; a queued order waits longer."""
    for order_id in (shop.doubt(), shop.queued()):
        told = shop.json("orders", "retry", str(order_id))
        assert told["state"] == "queued"
        assert shop.json("orders", "show", str(order_id))["queued_until"] == told["queued_until"]
    assert shop.available() == FULL - 500_000


def test_refund(shop: Desk) -> None:
    """A part is given back, then the rest, then nothing more; each with its reason."""
    order_id = str(shop.placed())
    part = shop.json("orders", "refund", order_id, "0.10", "--note", "part")
    assert part == {"order": 1, "state": "placed", "refunded": "0.10"}
    assert "at most 0.15" in shop.refused("orders", "refund", order_id, "1", "--note", "x")
    assert shop.json("orders", "refund", order_id, "--note", "rest")["refunded"] == "0.15"
    assert "Nothing" in shop.refused("orders", "refund", order_id, "--note", "x")
    assert shop.available() == FULL
    assert notes(shop, 1) == ["part", "rest"]
    told = [(line["kind"], line["note"]) for line in shop.json("ledger", "statement", "shop")]
    assert told[-2:] == [("refund", "part"), ("refund", "rest")]


def test_refund_wants_a_reason(shop: Desk) -> None:
    """No money is given back without a note."""
    shop.run("orders", "refund", str(shop.placed()), status=2)
    assert shop.available() == CHARGED


def test_unknown_order(shop: Desk) -> None:
    """Every act says when there is no such order."""
    for args in (
        ("resolve", "7", "--not-placed"),
        ("cancel", "7"),
        ("retry", "7"),
        ("refund", "7", "--note", "x"),
    ):
        assert shop.refused("orders", *args) == "Error: There is no order 7."


@pytest.mark.parametrize(
    ("made", "act", "kind"),
    [
        (None, ("reseller", "credit", "shop", "1"), "credit"),
        (None, ("reseller", "debit", "shop", "1"), "debit"),
        ("placed", ("orders", "refund", "1"), "refund"),
        ("doubt", ("orders", "resolve", "1", "--placed", "77"), "post"),
        ("doubt", ("orders", "resolve", "1", "--not-placed"), "void"),
        ("queued", ("orders", "cancel", "1"), "void"),
    ],
)
def test_every_act_keeps_its_reason(
    shop: Desk, made: str | None, act: tuple[str, ...], kind: str
) -> None:
    """Whatever moves money by hand stands in the ledger with the reason that was given."""
    if made is not None:
        getattr(shop, made)()
    shop.run(*act, "--note", "as agreed")
    last = shop.json("ledger", "statement", "shop")[-1]
    assert (last["kind"], last["note"]) == (kind, "as agreed")
