"""`aggregator orders list` and `show`."""

from functools import partial
from typing import Any

import pytest

from aggregator.cli import output
from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind, Policy, Purchase
from aggregator.core.outcome import Rejected
from aggregator.ports import Opened
from aggregator.store import attempts, doubts, events, orders, refills, revisions, statuses
from aggregator.store.tx import Tx
from tests.cli.support import LINK, Desk, configuration
from tests.store import builders
from tests.store.builders import HOUR, NOW

DEADLINE = output.shown(NOW + 24 * HOUR)


def test_list_shape(shop: Desk) -> None:
    """A row has these eight keys; what is not known is null."""
    shop.queued()
    shop.placed("9311")
    assert shop.json("orders", "list") == [
        {
            "order": 2,
            "state": "placed",
            "reseller": "shop",
            "service": 1,
            "charge": "0.25",
            "provider": "gulf",
            "upstream_order_id": "9311",
            "created_at": "2023-11-14T22:13:20.000Z",
        },
        {
            "order": 1,
            "state": "queued",
            "reseller": "shop",
            "service": 1,
            "charge": "0.25",
            "provider": None,
            "upstream_order_id": None,
            "created_at": "2023-11-14T22:13:20.000Z",
        },
    ]


def test_empty_list_is_json_too(shop: Desk) -> None:
    """No orders is an empty list."""
    assert shop.json("orders", "list") == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [4, 3, 2, 1]),
        (("--limit", "2"), [4, 3]),
        (("--state", "in_doubt"), [2]),
        (("--provider", "owner"), [4, 2]),
        (("--provider", "nobody"), []),
        (("--reseller", "other"), [3]),
        (("--link", LINK), [4, 3, 2, 1]),
        (("--link", "https://example.org/p/"), []),
        (("--state", "placed", "--provider", "gulf", "--reseller", "shop"), [1]),
    ],
)
def test_list_filters(shop: Desk, options: tuple[str, ...], found: list[int]) -> None:
    """Options narrow the list; a provider's includes what may have been bought there."""
    shop.reseller("other")
    shop.placed("1")
    shop.doubt(first=builders.attempt("owner"))
    shop.placed("2", reseller="other")
    shop.placed("1", first=builders.attempt("owner"))
    assert [row["order"] for row in shop.json("orders", "list", *options)] == found


def test_list_charge_is_what_was_paid(shop: Desk) -> None:
    """What the charges of all orders sum to is what left the balance."""
    shop.order(Rejected(ErrorClass.LINK, "Bad link"))
    shop.queued()
    shop.run("orders", "cancel", "2")
    shop.placed()
    shop.run("orders", "refund", "3", "0.05", "--note", "x")
    charges = [row["charge"] for row in shop.json("orders", "list")]
    assert charges == ["0.20", "0.00", "0.00"]
    assert shop.available() == 9_800_000


def test_list_marks_children(shop: Desk) -> None:
    """What a provider made of an order says which one it is part of; no other order does."""
    shop.write(dripfeed)
    one, two = shop.json("orders", "list")
    assert (one["parent"], "parent" in two) == (two["order"], False)
    heading, child, *_ = shop.run("orders", "list").stdout.splitlines()
    assert "PART OF" in heading
    assert child.split()[:3] == [str(one["order"]), str(two["order"]), "placed"]


def test_list_for_people(shop: Desk) -> None:
    """Off a terminal each order is one line, however long."""
    shop.placed("9" * 300)
    heading, line = shop.run("orders", "list").stdout.splitlines()
    assert heading.split() == [
        *("ORDER", "STATE", "RESELLER", "SERVICE", "CHARGE", "PROVIDER"),
        *("THEIR", "ORDER", "CREATED"),
    ]
    assert "9" * 300 in line


def test_show_unknown_order(shop: Desk) -> None:
    """An order that there is not is said."""
    assert shop.refused("orders", "show", "5") == "Error: There is no order 5."


def test_show_tells_what_to_do_about_a_doubt(shop: Desk) -> None:
    """First comes where it may be, why nobody knows, and the commands that settle it."""
    order_id = shop.doubt()
    said = shop.run("orders", "show", str(order_id)).stdout
    assert said.startswith("Order 1 is in doubt.\nIt was sent to gulf")
    for part in (
        "read timeout",
        "aggregator orders resolve 1 --placed",
        "aggregator orders resolve 1 --not-placed",
        "aggregator orders retry 1",
        LINK,
        "0.25 USD per 1000",
        "r1 of the configuration",
        "gulf: chosen",
    ):
        assert part in said


def test_a_doubt_says_what_it_waits_for(shop: Desk) -> None:
    """The last reason stands in the list and on top of the story."""
    order_id = shop.doubt()
    for why in ("settles", "waits for our next order there"):
        told = {"order_id": order_id, "kind": "doubt_waits", "detail": {"why": why}}
        shop.write(partial(events.add, **told, now_ms=NOW))
    line = shop.run("orders", "list").stdout.splitlines()[-1]
    assert line.endswith("waits for our next order there")
    said = shop.run("orders", "show", str(order_id)).stdout
    assert "\nNow: waits for our next order there.\n" in said
    assert shop.json("orders", "show", str(order_id))["awaited"].startswith("waits for")


@pytest.mark.parametrize(
    ("on_deadline", "left", "told"),
    [
        ("refund", False, f"held until {DEADLINE} UTC"),
        ("refund", True, f"held until a person decides, or until {DEADLINE} UTC"),
        ("hold", False, f"if it is not settled by {DEADLINE} UTC"),
        ("hold", True, "held until a person decides."),
    ],
)
def test_a_doubt_says_when_it_ends(shop: Desk, on_deadline: str, left: bool, told: str) -> None:
    """The deadline and what is done then, which a doubt left to a person has too."""
    gulf = configuration()["providers"]["gulf"] | {"on_deadline": on_deadline}
    shop.configure(providers={"gulf": gulf})
    order_id = shop.doubt()
    if left:
        shop.write(lambda tx: doubts.needs_person(tx, order_id, "unclear", ("7",), NOW))
    said = " ".join(shop.run("orders", "show", str(order_id)).stdout.split())
    assert told in said


def test_a_failed_order_says_when_it_is_paid_back(shop: Desk) -> None:
    """Since when its provider calls it failed, and when that ends it."""
    order_id = shop.placed("9311")
    reading = builders.reading(order_id, "Refunded")
    shop.write(lambda tx: statuses.apply_status(tx, reading, Policy(), NOW + HOUR))
    said = " ".join(shop.run("orders", "show", str(order_id)).stdout.split())
    assert f"called it failed since {output.shown(NOW + HOUR)} UTC" in said
    assert f"if they still do at {output.shown(NOW + 2 * HOUR)} UTC" in said


def test_events_speak_as_the_tables_do(shop: Desk) -> None:
    """An attempt by its number in the order, money as money."""
    shop.doubt()
    order_id = shop.placed("9311")
    for detail in ({"attempt": 2}, {"micros": 67_500}, {"loss_micros": 1_000_000}):
        shop.write(partial(events.add, order_id=order_id, kind="x", detail=detail, now_ms=NOW))
    said = shop.run("orders", "show", str(order_id)).stdout
    for part in ("attempt: 1", "amount: 0.0675", "loss: 1.00"):
        assert part in said


def dripfeed(tx: Tx) -> int:
    """A drip-feed of two runs, the first of them made, with a refill of it."""
    reseller_id = builders.reseller(tx, "drip", 10_000_000)
    opened = orders.open_order(tx, builders.dripfeed(reseller_id, 2))
    assert isinstance(opened, Opened)
    attempts.close_attempt(tx, builders.placed(opened.order_id, opened.attempt_id, "12"))
    told: dict[str, Any] = {"children": ("86",), "runs": 1, "kind": Kind.DRIPFEED}
    reading = builders.reading(opened.order_id, "In progress", **told)
    statuses.apply_status(tx, reading, Policy(), NOW + HOUR)
    (child,) = orders.children(tx, opened.order_id)
    refills.add_refill(tx, child, "r-7", NOW + HOUR)
    return opened.order_id


def test_show_tells_when_its_configuration_was_read(shop: Desk) -> None:
    """The revision it was sold by, and since when that one was in use."""
    order_id = shop.placed()
    shop.write(lambda tx: revisions.add(tx, "r1", NOW - HOUR))
    shop.write(lambda tx: revisions.add(tx, "r2", NOW + HOUR))
    told = shop.json("orders", "show", str(order_id))
    assert told["config_read_at"] == output.moment(NOW - HOUR)
    assert (
        f"read {output.shown(NOW - HOUR)} UTC" in shop.run("orders", "show", str(order_id)).stdout
    )


def test_show_tells_all(shop: Desk) -> None:
    """Attempts, transfers, children, refills and events are all there, for programs too."""
    order_id = shop.write(dripfeed)
    told = shop.json("orders", "show", str(order_id))
    assert told["state"] == "placed"
    assert told["reseller"] == "drip"
    assert (told["kind"], told["runs"], told["units"]) == ("dripfeed", 2, 500)
    assert (told["config_revision"], told["config_read_at"]) == ("r1", None)
    assert told["routes_considered"] == ["gulf: chosen"]
    assert [(one["provider"], one["state"]) for one in told["attempts"]] == [("gulf", "placed")]
    assert [(one["kind"], one["amount"]) for one in told["transfers"]] == [
        ("hold", "0.25"),
        ("post", "0.25"),
    ]
    (child,) = told["children"]
    assert (child["upstream_order_id"], child["share"]) == ("86", "0.125")
    of_child = shop.json("orders", "show", str(child["order"]))
    assert of_child["parent"] == order_id
    assert [one["upstream_refill_id"] for one in of_child["refills"]] == ["r-7"]
    for shown in (order_id, child["order"]):
        assert "Where it is" in shop.run("orders", "show", str(shown)).stdout


def test_strangers_cannot_draw_on_the_screen(shop: Desk) -> None:
    """Control characters and markup from outside are spelled out."""
    link = "https://example.org/[red]\x1b[2J"
    purchase = Purchase(Kind.NORMAL, 1000, 1000, {"link": link, "quantity": "1000"})
    order_id = shop.placed("\x1b]0;x\x07[bold]7", purchase=purchase)
    for args in (("orders", "show", str(order_id)), ("orders", "list")):
        said = shop.run(*args).stdout
        assert "\x1b" not in said
        assert "\\x1b]0;x\\x07[bold]7" in said
    assert shop.json("orders", "show", str(order_id))["params"]["link"] == link
