"""`aggregator catalogue list`: what a provider sells."""

from aggregator.sandbox import KEY
from aggregator.store import catalogue
from aggregator.store.tx import Tx
from tests.cli.panels import answering, listing, row
from tests.cli.support import Desk, on_terminal
from tests.core import make

DEAD = "http://127.0.0.1:9/api/v2"


def at(desk: Desk, url: str) -> None:
    desk.configure(providers={"gulf": {"url": url, "key": KEY}})


def remembered(desk: Desk) -> None:
    """A list that a server read a while ago."""
    now = {"1": make.offer(service="1", name="Likes", category="c")}

    def script(tx: Tx) -> None:
        catalogue.saved(tx, "gulf", ["1"], now, make.NOW)
        catalogue.ended(tx, "gulf", make.NOW)

    desk.write(script)


def test_live(desk: Desk) -> None:
    """Every service as it is sold now, with those of ours that it serves."""
    likes = row("x-9", name="Likes &amp; <b>more</b>", rate="999999999999.00", refill="0")
    with answering(listing(row(1), likes)) as url:
        at(desk, url)
        told = desk.json("catalogue", "list", "gulf")
        shown = desk.run("catalogue", "list", "gulf").stdout
    assert told["read_at"] is None
    first, second = told["services"]
    assert (first["service"], first["ours"], first["rate"]) == ("1", [1], "0.50")
    assert (second["name"], second["refill"], second["ours"]) == ("Likes & more", False, [])
    assert "2 of 2 services of gulf; rates in USD;" in shown


def test_filters(desk: Desk) -> None:
    """Categories by a part of their name, services by words of theirs."""
    rows = [row(1), row(2, category="TikTok"), row(3, name="Instagram Likes HQ")]
    with answering(listing(*rows)) as url:
        at(desk, url)
        by_category = desk.json("catalogue", "list", "gulf", "--category", "INSTA")
        by_words = desk.json("catalogue", "list", "gulf", "--search", "hq likes")
    assert [one["service"] for one in by_category["services"]] == ["1", "3"]
    assert [one["service"] for one in by_words["services"]] == ["3"]


def test_silent_provider(desk: Desk) -> None:
    """Where the provider does not answer, the stored list is shown, and its age told."""
    at(desk, DEAD)
    assert "gulf does not answer: no connection." in desk.refused("catalogue", "list", "gulf")
    remembered(desk)
    result = desk.run("catalogue", "list", "gulf")
    assert "gulf does not answer: no connection. This is its list of" in result.stderr
    assert "1 of 1 service of gulf" in result.stdout


def test_stored(desk: Desk) -> None:
    """With --stored nobody is asked, and the moment of the reading is told."""
    at(desk, DEAD)
    assert "No list of gulf was read yet." in desk.refused("catalogue", "list", "gulf", "--stored")
    remembered(desk)
    told = desk.json("catalogue", "list", "gulf", "--stored")
    assert told["read_at"] == "2025-06-15T15:06:40.000Z"
    assert [one["name"] for one in told["services"]] == ["Likes"]


def test_refusals(desk: Desk) -> None:
    """A refused key and a provider that nobody configured are named."""
    with answering(lambda _asked: {"error": "Invalid API key"}) as url:
        at(desk, url)
        assert "refuses to tell its services: auth" in desk.refused("catalogue", "list", "gulf")
    result = desk.run("catalogue", "list", "gluf", status=2)
    assert "did you mean 'gulf'?" in result.stderr


def test_a_narrow_terminal(desk: Desk) -> None:
    """On a terminal every column has its place, and nothing is cut."""
    names = [row(1, name="Followers with a very long name indeed, and more", category="Instagram")]
    with answering(listing(*names)) as url:
        at(desk, url)
        command = desk.command("catalogue", "list", "gulf")
        status, screen = on_terminal(command, {**desk.environ, "COLUMNS": "80"}, "")
    assert status == 0
    assert all(word in screen for word in ("CATEGORY", "Instagram", "Followers", "indeed,"))
