"""`aggregator reseller discount` and `price`: what a reseller pays."""

import json

import pytest

from aggregator.core.model import PriceTerms
from aggregator.store import events, resellers
from tests.cli.support import Desk, configuration


def terms(desk: Desk) -> PriceTerms:
    return desk.look(lambda tx: resellers.get(tx, "shop")).terms


def test_discount_from_the_start(desk: Desk) -> None:
    """A reseller can be added with his discount."""
    desk.run("reseller", "add", "shop", "--discount", "7.5%")
    assert terms(desk) == PriceTerms(75_000)
    assert "7.5%" in desk.run("reseller", "list").stdout


def test_discount_and_price(shop: Desk) -> None:
    """Both are kept, shown with the reseller, and can be taken back."""
    shop.run("reseller", "discount", "shop", "5%")
    said = shop.json("reseller", "price", "shop", "1", "1.150")
    assert said["prices"] == {"1": "1.150"}
    assert said["discount"] == "5%"
    assert terms(shop) == PriceTerms(50_000, ((1, "1.150"),))
    (listed,) = shop.json("reseller", "list")
    assert listed["prices"] == {"1": "1.150"}
    shop.run("reseller", "price", "shop", "1", "--clear")
    shop.run("reseller", "discount", "shop", "0%")
    assert terms(shop) == PriceTerms()


@pytest.mark.parametrize("wrong", ["-5%", "100.1%", "5", "5 percent", "٥%", "1e1%", "0.00001%", ""])
def test_odd_discounts_are_refused(shop: Desk, wrong: str) -> None:
    """A discount is a percentage from 0% to 100%."""
    assert (
        "from 0% to 100%" in shop.run("reseller", "discount", "--", "shop", wrong, status=2).stderr
    )
    assert terms(shop) == PriceTerms()


@pytest.mark.parametrize("wrong", ["-1", "0.123456", "1e3", "1_0", "١", "9999999999", "", "nan"])
def test_odd_rates_are_refused(shop: Desk, wrong: str) -> None:
    """A rate is a number that the list can show."""
    shop.run("reseller", "price", "--", "shop", "1", wrong, status=2)
    assert terms(shop) == PriceTerms()


def test_price_of_what_is_not_sold(shop: Desk) -> None:
    """A price is of a service that exists; one of a service that is gone can be cleared."""
    assert "There is no service 9" in shop.refused("reseller", "price", "shop", "9", "1")
    shop.run("reseller", "price", "shop", "9", "--clear")
    shop.run("reseller", "price", "shop", "9", status=2)
    shop.run("reseller", "price", "shop", "9", "1", "--clear", status=2)


def test_below_cost_is_said(shop: Desk) -> None:
    """A price under what a route costs is taken, with a word on the route it loses."""
    services = configuration()["services"]
    services[1]["routes"][0]["cost"] = "1.00"
    shop.configure(services=services)
    assert shop.run("reseller", "discount", "shop", "10%").stderr == ""
    told = shop.run("reseller", "discount", "shop", "20%")
    assert "service 1 costs more than he pays at gulf/1" in told.stderr
    said = shop.json("reseller", "price", "shop", "1", "0.99")
    assert said["below_cost"] == [{"service": 1, "route": "gulf/1"}]
    assert shop.json("reseller", "show", "shop")["below_cost"] == said["below_cost"]
    assert "costs more than he pays" in shop.run("reseller", "show", "shop").stderr


def test_the_story_tells_why(shop: Desk) -> None:
    """An order sold at another rate than the list's says so."""
    order_id = shop.placed()
    why = {"why": "gulf/1: usable", "price": "1.20 less 5%"}
    shop.write(lambda tx: tx.run("UPDATE orders SET opened = :d", d=json.dumps(why)))
    assert shop.look(lambda tx: tx.one("events", order_id=order_id))["kind"] == events.OPENED
    assert "(1.20 less 5%)" in shop.run("orders", "show", str(order_id)).stdout
    assert shop.json("orders", "show", str(order_id))["rate_why"] == "1.20 less 5%"
