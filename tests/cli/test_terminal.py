"""On a terminal, and only there, money that moves by hand is asked about."""

import subprocess

import pytest

from aggregator.core.model import Kind, Purchase, State
from aggregator.store import events
from tests.cli.support import Desk, on_terminal
from tests.store.builders import NOW


def typed(desk: Desk, answer: str, *args: str) -> tuple[int, str]:
    return on_terminal(desk.command(*args), desk.environ, answer)


def test_no_is_no(shop: Desk) -> None:
    """Whoever says no has done nothing."""
    status, screen = typed(shop, "n\n", "reseller", "credit", "shop", "5")
    assert "Credit shop with 5.00 USD? [y/N]" in screen
    assert (status, shop.available()) == (1, 10_000_000)


def test_yes_is_done(shop: Desk) -> None:
    """Whoever says yes has done it."""
    status, screen = typed(shop, "y\n", "reseller", "debit", "shop", "5", "--note", "x")
    assert "Take 5.00 USD from shop? [y/N]" in screen
    assert (status, shop.available()) == (0, 5_000_000)


def test_yes_option_is_not_asked(shop: Desk) -> None:
    """With --yes nothing is asked, on a terminal too."""
    status, screen = typed(shop, "", "reseller", "credit", "shop", "5", "--yes")
    assert "[y/N]" not in screen
    assert (status, shop.available()) == (0, 15_000_000)


@pytest.mark.parametrize(
    ("args", "question"),
    [
        (("resolve", "1", "--not-placed"), "give its hold back"),
        (("resolve", "1", "--placed", "5"), "Charge order 1"),
        (("retry", "1"), "it is bought twice"),
        (("cancel", "1"), "Cancel order 1, which is in_doubt?"),
        (("refund", "1", "0.1", "--note", "x"), "Refund 0.10 USD of order 1?"),
    ],
)
def test_acts_on_orders_are_asked_about(shop: Desk, args: tuple[str, ...], question: str) -> None:
    """So are the acts that move an order's money."""
    order_id = shop.doubt()
    status, screen = typed(shop, "n\n", "orders", *args)
    assert question in screen
    assert (status, shop.state(order_id)) == (1, State.IN_DOUBT)


def test_numbers_are_never_cut(shop: Desk) -> None:
    """On a narrow terminal a number or a time stays in one piece."""
    shop.placed()
    environ = {**shop.environ, "COLUMNS": "30", "NO_COLOR": "1", "TERM": "xterm"}
    status, screen = on_terminal(shop.command("ledger", "statement", "shop"), environ, "")
    assert status == 0
    assert "2023-11-14 22:13:20" in screen
    assert "\x1b[3" not in screen  # no colour


@pytest.mark.parametrize(("columns", "shown"), [("130", True), ("80", False)])
def test_a_reason_has_the_room_that_is_left(shop: Desk, columns: str, shown: bool) -> None:
    """An order in doubt is one line: its reason is cut, or left to `orders show`."""
    order_id, why = shop.doubt(), "left to its deadline: " + "for a reason " * 20
    shop.write(lambda tx: events.add(tx, order_id, "doubt_waits", {"why": why}, NOW))
    command = shop.command("orders", "list")
    status, screen = on_terminal(command, {**shop.environ, "COLUMNS": columns}, "")
    assert status == 0
    (line,) = [line for line in screen.splitlines() if "in_doubt" in line]
    assert ("left to" in line, "…" in line) == (shown, shown)


def test_pipes_are_not_asked(shop: Desk) -> None:
    """Off a terminal nothing is asked, whatever stands on stdin."""
    result = shop.run("reseller", "credit", "shop", "5", given="n\n")
    assert "[y/N]" not in result.output
    assert shop.available() == 15_000_000


def test_reader_that_goes_away(shop: Desk) -> None:
    """A reader who has seen enough (`| head -1`) causes no traceback."""
    for upstream_order_id in ("1", "2", "3"):
        shop.placed(upstream_order_id)
    command = " ".join(shop.command("orders", "list", "--json"))
    ran = subprocess.run(
        ["sh", "-c", f"{command} | true"], env=shop.environ, capture_output=True, check=False
    )
    assert b"Traceback" not in ran.stderr


def test_a_long_link_is_cut_to_fit(shop: Desk) -> None:
    """On a terminal a link takes no more than its line; in JSON it is whole."""
    link = "https://example.org/" + "p" * 2000
    purchase = Purchase(Kind.NORMAL, 1000, 1000, {"link": link, "quantity": "1000"})
    shop.placed(purchase=purchase)
    environ = {**shop.environ, "COLUMNS": "60", "NO_COLOR": "1", "TERM": "xterm"}
    _, screen = on_terminal(shop.command("orders", "show", "1"), environ, "")
    (line,) = [one for one in screen.splitlines() if "example.org" in one]
    assert len(line) <= 60
    assert line.endswith("… (2020 characters)")
    assert shop.json("orders", "show", "1")["params"]["link"] == link


def test_an_import_is_asked_about(shop: Desk) -> None:
    """So is an import, with the sum that it would bring in."""
    path = shop.folder / "resellers.csv"
    path.write_text("name,balance\nnew,5\nother,2.5\n")
    status, screen = typed(shop, "n\n", "reseller", "import", str(path))
    assert "Import 2 resellers with 7.50 USD? [y/N]" in screen
    assert status == 1
    assert [one["reseller"] for one in shop.json("reseller", "list")] == ["shop"]
