"""`aggregator reseller show`, `rotate-key`, `end-old-key`, `allow` and `cap`."""

import pytest

from aggregator.cli.opening import now_ms
from aggregator.store import keys
from tests.cli.support import Desk


def works(desk: Desk, key: str, after_s: int = 0) -> bool:
    at_ms = now_ms() + after_s * 1000
    return desk.look(lambda tx: keys.authenticate(tx, keys.hash_key(key), at_ms)) is not None


def test_overlap_as_told(desk: Desk) -> None:
    """The old key works as long as --overlap says, both are listed, and it can be ended."""
    first = desk.json("reseller", "add", "shop")["key"]
    second = desk.json("reseller", "rotate-key", "shop", "--overlap", "2h")["key"]
    assert [works(desk, first, after_s) for after_s in (0, 7100, 7300)] == [True, True, False]
    listed = desk.json("reseller", "show", "shop")["keys"]
    assert [one["ends_at"] is None for one in listed] == [True, False]
    assert listed[0]["key"] == keys.hash_key(second).hex()[:8]
    desk.run("reseller", "end-old-key", "shop")
    assert [works(desk, key) for key in (first, second)] == [False, True]
    assert len(desk.json("reseller", "show", "shop")["keys"]) == 1
    assert "There is no old key" in desk.refused("reseller", "end-old-key", "shop")


@pytest.mark.parametrize("overlap", ["", "24", "-1h", "400d", "soon"])
def test_odd_overlaps(shop: Desk, overlap: str) -> None:
    """An overlap is a time with its unit, up to a year."""
    shop.run("reseller", "rotate-key", "shop", "--overlap", overlap, status=2)


def test_allow(shop: Desk) -> None:
    """The addresses given take the place of those before."""
    shop.run("reseller", "allow", "shop", "--address", "10.0.0.0/8", "--address", "::1")
    said = shop.json("reseller", "allow", "shop", "--address", "192.0.2.7")
    assert said["keys"][0]["addresses"] == ["192.0.2.7/32"]
    assert "192.0.2.7" in shop.run("reseller", "show", "shop").stdout
    said = shop.json("reseller", "allow", "shop", "--anywhere")
    assert said["keys"][0]["addresses"] == []
    for wrong in ((), ("--address", "10.0.0.1/8"), ("--address", "here"), ("--address", "")):
        shop.run("reseller", "allow", "shop", *wrong, status=2)
    shop.run("reseller", "allow", "shop", "--anywhere", "--address", "::1", status=2)


def test_cap(shop: Desk) -> None:
    """A cap is shown with what is spent of it, and can be taken away."""
    shop.placed(now_ms=now_ms())
    said = shop.json("reseller", "cap", "shop", "2.50")
    assert said["keys"][0]["daily_cap"] == "2.50"
    assert said["spent_today"] == "0.25"
    assert "2.50" in shop.run("reseller", "show", "shop").stdout
    assert shop.json("reseller", "cap", "shop", "--clear")["keys"][0]["daily_cap"] is None
    for wrong in ((), ("0",), ("-1",), ("1e3",), ("1", "--clear")):
        shop.run("reseller", "cap", "shop", *wrong, status=2)
    assert "no reseller" in shop.refused("reseller", "cap", "shpo", "1")
