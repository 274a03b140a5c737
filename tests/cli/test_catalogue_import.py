"""`aggregator catalogue import`: services of ours out of a provider's list."""

from pathlib import Path
from typing import Any

from aggregator.cli.opening import load
from aggregator.core.model import Service
from aggregator.sandbox import KEY
from tests.cli.panels import answering, listing, row
from tests.cli.support import Desk, configuration

MESS: dict[int, dict[str, object]] = {
    1: {"rate": "999999999999.00", "type": "Package", "min": 1, "max": 1},
    2: {"rate": "0"},
    3: {"type": "SEO<b>2</b>"},
    4: {"min": 500, "max": 100},
    5: {"rate": "12,5", "name": "Lik€s: 'a' \"b\" # ${HOME} {x} - 🔥 \u202e"},
    6: {"type": "Package", "min": 1, "max": 1, "rate": "1.50"},
    7: {"min": "0", "max": "2147483647", "refill": "0", "cancel": 1},
    8: {"name": "&lt;b&gt;Bold&lt;/b&gt; ${KEY}", "category": "A &amp; B: c"},
    9: {"type": "default", "category": None},
    10: {"max": None},
}
BAD = {1, 2, 3, 4, 5, 10}


def at(desk: Desk, url: str, **changes: Any) -> None:
    settings = {"include": ["services/*.yaml"], "services": {}, **changes}
    desk.configure(providers={"gulf": {"url": url, "key": KEY}}, **settings)


def imported(desk: Desk, *rows: dict[str, object], args: tuple[str, ...] = ()) -> Any:
    """What an import of these rows tells; the last option of a name wins."""
    with answering(listing(*rows)) as url:
        at(desk, url)
        options = ("--markup", "20%", "--id-from", "5001", *args)
        return desk.json("catalogue", "import", "gulf", *options)


def fragment(desk: Desk) -> Path:
    return desk.folder / "services" / "gulf.yaml"


def services(desk: Desk) -> dict[int, Service]:
    return dict(load(desk.config_path).setup.services)


def ids(told: list[dict[str, Any]]) -> dict[str, int]:
    return {one["upstream_service"]: one["service"] for one in told}


def test_three_thousand_services(desk: Desk) -> None:
    """A real catalogue, with all that is odd about one, becomes a sound configuration."""
    rows = [row(key, **MESS.get(key % 100, {})) for key in range(1, 3001)]
    told = imported(desk, *rows, row(1, name="the same again"))
    assert len(told["imported"]) + len(told["left_out"]) == 3000
    assert len(told["left_out"]) == 30 * len(BAD)
    assert desk.json("check")["warnings"] == []
    found = services(desk)
    assert len(found) == 3000 - 30 * len(BAD)
    assert found[5006].type == "Package"
    assert found[5007].min == 1
    assert found[5007].max == 2_147_483_647
    assert (found[5007].refill, found[5007].cancel) == (False, True)
    assert (found[5008].name, found[5008].category) == ("Bold ${KEY}", "A & B: c")
    assert (found[5009].type, found[5009].category) == ("Default", "Other")
    assert found[5009].markup is not None


def test_reasons_are_told(desk: Desk) -> None:
    """What cannot be sold stands in the file as a comment, and its reason beside it."""
    imported(desk, *(row(key, **MESS[key]) for key in MESS))
    text = fragment(desk).read_text()
    for reason in (
        "# 5001:  # gulf/1: left out: a price of 999999999999 is none",
        "# 5002:  # gulf/2: left out: a price of 0 is none",
        "# 5003:  # gulf/3: left out: unknown type 'SEO2'",
        "# 5004:  # gulf/4: left out: their minimum 500 is above their maximum 100",
        "# 5005:  # gulf/5: left out: no price that can be read",
        "# 5010:  # gulf/10: left out: no maximum",
    ):
        assert reason in text
    with answering(listing(*(row(key, **MESS[key]) for key in MESS))) as url:
        at(desk, url)
        shown = desk.run("catalogue", "import", "gulf", "--markup", "20%").stdout
    assert "gulf lists 10 services.\n  10 left as they were\n" in shown


def test_again(desk: Desk) -> None:
    """Another import adds what is new; IDs, comments and what was edited stay."""
    imported(desk, row(1), row(2))
    edited = fragment(desk).read_text().replace("name: Followers 1\n", 'name: "My own"  # mine\n')
    edited = edited.replace("max: 10000", "max: 7000", 1)
    fragment(desk).write_text(edited)
    told = imported(desk, row(3), row(2, rate="9"), row(1), args=("--id-from", "1"))
    assert ids(told["imported"]) == {"3": 1}
    assert ids(told["kept"]) == {"1": 5001, "2": 5002}
    assert fragment(desk).read_text().startswith(edited)
    assert (services(desk)[5001].name, services(desk)[5001].max) == ("My own", 7000)


def test_force(desk: Desk) -> None:
    """--force takes prices, limits and abilities over again, and leaves names and comments."""
    imported(desk, row(1), row(2))
    text = fragment(desk).read_text()
    fragment(desk).write_text(text.replace("name: Followers 1\n", 'name: "My own"  # mine\n'))
    changed = row(1, min=100, refill=False, type="Poll", dripfeed=False)
    told = imported(desk, changed, row(2), args=("--force", "--fixed"))
    assert told["updated"] == [5001, 5002]
    found = services(desk)[5001]
    assert (found.name, found.min, found.refill, found.type) == ("My own", 100, False, "Poll")
    assert (found.rate, found.markup) == ("0.60", None)
    assert "# mine" in fragment(desk).read_text()
    assert imported(desk, changed, row(2), args=("--force", "--fixed"))["updated"] == []


def test_services_elsewhere(desk: Desk) -> None:
    """A service that another file routes to is not imported a second time."""
    known = configuration()["services"]
    with answering(listing(row(1), row(2))) as url:
        at(desk, url, services=known)
        told = desk.json("catalogue", "import", "gulf", "--markup", "20%", "--force")
    assert ids(told["kept"]) == {"1": 1}
    assert ids(told["imported"]) == {"2": 2}
    assert told["updated"] == []


def test_a_price_comes_back(desk: Desk) -> None:
    """A service that was left out takes its kept ID once it can be sold, and only then."""
    imported(desk, row(1, rate="0"), row(2))
    assert 5001 not in services(desk)
    told = imported(desk, row(1), row(2))
    assert ids(told["imported"]) == {"1": 5001}
    assert services(desk).keys() == {5001, 5002}
    assert "left out" not in fragment(desk).read_text()


def test_what_was_commented_out_stays_so(desk: Desk) -> None:
    """A service that the operator made a comment does not come back."""
    imported(desk, row(1))
    head, _, body = fragment(desk).read_text().partition("  5001:")
    hidden = "".join(f"  # {line[2:]}" for line in f"  5001:{body}".splitlines(keepends=True))
    fragment(desk).write_text(head + hidden)
    assert ids(imported(desk, row(1), row(2))["kept"]) == {"1": 5001}
    assert services(desk).keys() == {5002}


def test_vanished(desk: Desk) -> None:
    """A service that the provider no longer lists is named, and left as it is."""
    imported(desk, row(1), row(2))
    told = imported(desk, row(2))
    assert told["vanished"] == [{"service": 5001, "upstream_service": "1"}]
    assert 5001 in services(desk)


def test_dry_run(desk: Desk) -> None:
    """A dry run prints the file, and writes nothing."""
    with answering(listing(row(1))) as url:
        at(desk, url)
        result = desk.run("catalogue", "import", "gulf", "--markup", "20%", "--dry-run")
    assert "    markup: 20%\n" in result.stdout
    assert "1 imported as 1\n" in result.stderr
    assert not (desk.folder / "services").exists()


def test_out_and_choice(desk: Desk) -> None:
    """One service into a file of one's choice; it is told that nobody reads it yet."""
    out = desk.folder / "elsewhere.yaml"
    with answering(listing(row(1), row(2), row(3, category="TikTok"))) as url:
        at(desk, url)
        command = ("catalogue", "import", "gulf", "--markup", "5%", "--out", str(out))
        result = desk.run(*command, "--service", "2")
        assert "is not part of" in result.stderr
        desk.run(*command, "--category", "tiktok")
        assert "None of their 3 services" in desk.refused(*command, "--category", "youtube")
        assert "Not in their list: 77." in desk.refused(*command, "--service", "77")
    assert "  1:  # gulf/2: 0.50 there\n" in out.read_text()
    assert "  2:  # gulf/3: 0.50 there\n" in out.read_text()


def test_only_what_the_dialect_can(desk: Desk) -> None:
    """What the dialect cannot ask for is not promised, whatever the list says."""
    with answering(listing(row(1))) as url:
        providers = {"gulf": {"url": url, "key": KEY, "dialect": "cheap"}}
        cheap = {"actions": {"refill": None, "refill_status": None}, "dripfeed": None}
        desk.configure(
            providers=providers,
            dialects={"cheap": cheap},
            services={},
            include=["services/*.yaml"],
        )
        desk.run("catalogue", "import", "gulf", "--markup", "20%")
    (service,) = services(desk).values()
    assert (service.refill, service.dripfeed) == (False, False)
    desk.run("check")


def test_a_file_that_cannot_be_used(desk: Desk) -> None:
    """A file that is not of our form is named and left alone."""
    fragment(desk).parent.mkdir()
    fragment(desk).write_text("services: {1: {}}\n")
    with answering(listing(row(1))) as url:
        desk.configure(providers={"gulf": {"url": url, "key": KEY}}, services={})
        said = desk.refused("catalogue", "import", "gulf", "--markup", "20%")
    assert "does not end with its services" in said
    assert fragment(desk).read_text() == "services: {1: {}}\n"


def test_markup_is_a_percentage(desk: Desk) -> None:
    """A markup that is none is told before anybody is asked."""
    result = desk.run("catalogue", "import", "gulf", "--markup", "twenty", status=2)
    assert "must be a percentage, such as 20%" in result.stderr
