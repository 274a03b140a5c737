"""`aggregator catalogue diff`: what providers have changed."""

import time

import pytest

from aggregator.core.model import Offer
from aggregator.sandbox import KEY
from aggregator.store import catalogue
from aggregator.store.tx import Tx
from tests.cli.panels import answering, listing, row
from tests.cli.support import Desk
from tests.core import make

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000


def read(desk: Desk, at_ms: int, *offers: Offer) -> None:
    """As a server does that reads the list of gulf."""
    now = {one.service: one for one in offers}

    def script(tx: Tx) -> None:
        noted = catalogue.read_at_ms(tx, "gulf") is not None
        services = sorted(catalogue.of_provider(tx, "gulf").keys() | now.keys())
        catalogue.saved(tx, "gulf", services, now, at_ms, noted=noted)
        catalogue.ended(tx, "gulf", at_ms)

    desk.write(script)


@pytest.fixture
def drifted(desk: Desk) -> Desk:
    """A provider who raised the rate of one service, and closed another."""
    first = make.offer(service="1", name="Followers &amp; more", min=10, max=20)
    second = make.offer(service="2", name="Likes")
    read(desk, NOW - 40 * HOUR, first, second)
    read(desk, NOW - 30 * HOUR, make.offer(600_000, service="1", min=10, max=20), second)
    read(desk, NOW - 2 * HOUR, make.offer(600_000, service="1", min=10, max=20))
    return desk


def test_what_changed(drifted: Desk) -> None:
    """Each change is a line with what was and what is, newest first."""
    told = drifted.json("catalogue", "diff")
    assert [(one["service"], one["field"], one["old"], one["new"]) for one in told] == [
        ("2", "service", "Likes", None),
        ("1", "rate", "0.50", "0.60"),
        ("1", "name", "Followers &amp; more", "theirs"),
    ]
    assert told[1]["ours"] == [1]
    shown = drifted.run("catalogue", "diff", "gulf").stdout
    assert "gone" in shown
    assert "rate 0.50 → 0.60" in shown


def test_filters(drifted: Desk) -> None:
    """By time, and by what routes of ours lead to."""
    (gone,) = drifted.json("catalogue", "diff", "--since", "5h")
    assert gone["service"] == "2"
    assert {one["service"] for one in drifted.json("catalogue", "diff", "--ours")} == {"1"}
    assert drifted.run("catalogue", "diff", "--since", "1m").stdout == "No changes.\n"


def test_live(drifted: Desk) -> None:
    """With --live the stored list is held against what the provider says now."""
    with answering(listing(row(1, name="theirs", rate="0.70"), row(3))) as url:
        drifted.configure(providers={"gulf": {"url": url, "key": KEY}})
        told = drifted.json("catalogue", "diff", "gulf", "--live")
    changes = {(one["service"], one["field"]): (one["old"], one["new"]) for one in told}
    assert changes["1", "rate"] == ("0.60", "0.70")
    assert changes["1", "min"] == ("10", "50")
    assert changes["3", "service"] == (None, "Followers 3")
    assert all(one["at"] is None for one in told)


def test_a_list_that_would_not_be_believed(drifted: Desk) -> None:
    """An empty list is shown for what it is; a silent provider for itself."""
    with answering(listing()) as url:
        drifted.configure(providers={"gulf": {"url": url, "key": KEY}})
        result = drifted.run("catalogue", "diff", "--live")
    assert "would not believe this list: it is empty" in result.stderr
    result = drifted.run("catalogue", "diff", "--live", status=1)
    assert "gulf does not answer: no connection." in result.stderr
    assert result.stdout == "No changes.\n"


def test_nothing_to_compare(desk: Desk) -> None:
    """Without a database there is nothing to tell."""
    assert "database" in desk.refused("catalogue", "diff")
