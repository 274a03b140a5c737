"""`aggregator reseller import`: all of a file, or nothing."""

import csv
import io
import stat
from pathlib import Path

import pytest

from aggregator.cli.reseller_import import Entrant, _keeping
from aggregator.core.model import PriceTerms, Scope
from aggregator.store import keys, resellers
from aggregator.store.exceptions import StoreBusy, StoreUnsure
from tests.cli.support import Desk
from tests.store.builders import NOW

KEPT = "0123456789abcdef0123456789abcdef"


def file(desk: Desk, text: str, encoding: str = "utf-8") -> str:
    path = desk.folder / "resellers.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def names(desk: Desk) -> list[str]:
    return [one.name for one in desk.look(resellers.listed)]


GOOD = f"""name,balance,key,scopes,discount
alpha,12.5,,"read, order",5%
beta,,{KEPT},,
gamma,0,,,
"""


def test_all_that_a_line_says(desk: Desk) -> None:
    """Balance, key, scopes and discount are taken over; who has no key gets one, shown once."""
    told = desk.json("reseller", "import", file(desk, GOOD))
    assert [(one["reseller"], one["balance"], "key" in one) for one in told] == [
        ("alpha", "12.50", True),
        ("beta", "0.00", False),
        ("gamma", "0.00", True),
    ]
    found = desk.look(lambda tx: keys.authenticate(tx, keys.hash_key(told[0]["key"]), NOW))
    assert found is not None
    assert (found.scopes, found.terms) == ({Scope.READ, Scope.ORDER}, PriceTerms(50_000))
    found = desk.look(lambda tx: keys.authenticate(tx, keys.hash_key(KEPT), NOW))
    assert found is not None
    assert (found.name, found.scopes) == ("beta", set(Scope))
    (line,) = desk.json("ledger", "statement", "alpha")
    assert (line["kind"], line["available"], line["note"]) == ("credit", "12.50", "imported")
    assert desk.json("ledger", "statement", "beta") == []
    assert desk.json("ledger", "verify")["ok"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_as_spreadsheets_write_it(desk: Desk, encoding: str) -> None:
    """Semicolons, a byte order mark, quotes, blank lines and CRLF are all in order."""
    text = 'NAME;Balance\r\n"löwe";1.5\r\n\r\n;\r\n'
    desk.run("reseller", "import", file(desk, text, encoding))
    assert names(desk) == ["löwe"]


def test_every_mistake_with_its_line(shop: Desk) -> None:
    """All mistakes are told at once, with their lines, and nothing is done; keys are not quoted."""
    text = f"""name,balance,key,scopes,discount
alpha,1e3,,,
beta,-1,short,,
beta,1,{KEPT},rite,101%
delta,1,{KEPT},,,
,5,,,
shop,1,,,
"""
    result = shop.run("reseller", "import", path := file(shop, text), status=2)
    assert result.stdout == ""
    told = [line.removeprefix(f"{path}:") for line in result.stderr.splitlines()]
    assert [":".join(line.split(":")[:2]) for line in told] == [
        "2: balance", "3: balance", "3: key", "3: name", "4: scopes", "4: discount", "4: name",
        "4: key", "5: has 6 columns, not 5", "5: key", "6: name",
    ]  # fmt: skip
    assert KEPT not in result.stderr
    assert names(shop) == ["shop"]


@pytest.mark.parametrize("name", ["=1+1", "+shop", "-shop", "@shop"])
def test_no_formula_for_a_name(desk: Desk, name: str) -> None:
    """A name that a spreadsheet would carry out, or a command take for an option, is refused."""
    told = desk.run("reseller", "import", file(desk, f"name\n{name}\n"), status=2).stderr
    assert ":2: name: must not begin with =, +, - or @." in told
    desk.run("reseller", "add", name, status=2)


def test_who_is_known_already(shop: Desk) -> None:
    """A known name or key is a mistake; with --skip-existing known names are left alone, so
    that the same file can be run again."""
    shop.run("reseller", "import", file(shop, f"name,key\nkeeper,{KEPT}\n"))
    path = file(shop, f"name,balance,key\nshop,5,\nnew,5,{KEPT}\n")
    told = shop.run("reseller", "import", path, status=2).stderr.splitlines()
    assert [line.removeprefix(path) for line in told] == [
        ":2: name: there is a reseller 'shop' already",
        ":3: key: is somebody's already",
    ]
    path = file(shop, "name,balance\nshop,5\nnew,5\n")
    told = shop.json("reseller", "import", path, "--skip-existing")
    assert [one["reseller"] for one in told] == ["new"]
    assert shop.available() == 10_000_000
    again = shop.run("reseller", "import", path, "--skip-existing").stdout
    assert "0 resellers added, with 0.00 in all; 2 others known already" in again


def test_dry_run_changes_nothing(desk: Desk) -> None:
    """A dry run tells what would be done, and checks it all."""
    desk.run("reseller", "add", "there_before")
    kept = desk.folder / "keys.csv"
    args = ("reseller", "import", file(desk, GOOD), "--dry-run", "--keys-to", str(kept))
    assert "3 resellers would be added, with 12.50 in all" in desk.run(*args).stdout
    assert not kept.exists()
    assert [one.keys() for one in desk.json(*args)] == [{"reseller", "balance"}] * 3
    assert names(desk) == ["there_before"]


def test_dry_run_makes_no_database(desk: Desk) -> None:
    """It does not even make a database where there is none."""
    desk.run("reseller", "import", file(desk, GOOD), "--dry-run")
    assert {path.name for path in desk.folder.iterdir()} == {"config.yaml", "resellers.csv"}


def test_keys_go_to_a_file(desk: Desk) -> None:
    """New keys go to a new file for its owner's eyes only, and nowhere else."""
    kept = desk.folder / "keys.csv"
    said = desk.run("reseller", "import", file(desk, GOOD), "--keys-to", str(kept))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(kept.read_text())))
    assert [one["name"] for one in rows] == ["alpha", "gamma"]
    for one in rows:
        assert one["key"] not in said.output
        hashed = keys.hash_key(one["key"])
        found = desk.look(lambda tx, h=hashed: keys.authenticate(tx, h, NOW))
        assert found is not None
        assert found.name == one["name"]


def test_no_file_of_keys_without_resellers(shop: Desk) -> None:
    """Where nothing was imported no keys are left behind; and no file is overwritten."""
    kept = shop.folder / "keys.csv"
    shop.run("reseller", "import", file(shop, "name\nshop\n"), "--keys-to", str(kept), status=2)
    assert not kept.exists()
    kept.write_text("mine")
    said = shop.refused("reseller", "import", file(shop, "name\nnew\n"), "--keys-to", str(kept))
    assert "File exists" in said
    assert (kept.read_text(), names(shop)) == ("mine", ["shop"])


@pytest.mark.parametrize(
    ("error", "kept"),
    [(StoreUnsure(cause="gone"), True), (KeyboardInterrupt(), True), (StoreBusy(), False)],
)
def test_keys_that_may_be_somebody_s_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException, kept: bool
) -> None:
    """Where nobody knows whether the resellers were written, their keys stay in the file."""
    path = tmp_path / "keys.csv"
    with pytest.raises(type(error)), _keeping(path) as keep:
        keep([Entrant(2, "alpha", key=KEPT)])
        raise error
    assert path.exists() is kept
    assert (f"The keys are kept in {path}" in capsys.readouterr().err) is kept
    assert not kept or path.read_text().splitlines() == ["name,key", f"alpha,{KEPT}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ":1: must name the columns"),
        (b"balance\n1\n", ":1: must name the columns"),
        (b"name,name\na,b\n", ":1: must name the columns"),
        (b"name,password\na,b\n", "not name, password"),
        (b"name\nok\n\xff\n", ":3: is not UTF-8"),
        (b"name\n\x00\n", ":2: "),
        (b'name,balance\n"a' + b"x" * 200_000 + b'",1\n', ":2: field larger than field limit"),
    ],
)
def test_what_is_no_such_file(desk: Desk, content: bytes, said: str) -> None:
    """A file that cannot be read as one of these is told to be so, in a line."""
    path = desk.folder / "odd.csv"
    path.write_bytes(content)
    assert said in desk.run("reseller", "import", str(path), status=2).stderr


def test_no_file(desk: Desk, tmp_path: Path) -> None:
    """A file that is not there, or is no file, is told in a line."""
    assert "No such file" in desk.refused("reseller", "import", str(tmp_path / "none.csv"))
    desk.run("reseller", "import", str(tmp_path), status=2)
