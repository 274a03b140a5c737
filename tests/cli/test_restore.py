"""`aggregator restore`: a backup in the database's place, and no ID given out twice."""

import os
from pathlib import Path

import pytest

from aggregator.core.model import Policy, State
from aggregator.store import restores, restoring
from aggregator.store.lock import DatabaseLock
from aggregator.store.opening import damage_mark
from tests.cli.support import Desk, on_terminal


@pytest.fixture
def copy(shop: Desk, tmp_path: Path) -> Path:
    """A backup with one placed order in it."""
    shop.placed()
    target = tmp_path / "copy.db"
    shop.run("backup", str(target))
    return target


def lives(desk: Desk) -> list[Path]:
    return sorted(desk.folder.glob("aggregator.db.replaced-*"))


def test_the_backup_takes_the_place_of_the_database(shop: Desk, copy: Path) -> None:
    """What was there is kept beside it, whole; the next order's ID is a million on."""
    lost = shop.placed("9312")
    damage_mark(shop.folder / "aggregator.db").touch()
    told = shop.json("restore", str(copy))
    assert [row["order"] for row in shop.json("orders", "list")] == [1]
    assert told["next_order"] == lost + 1_000_001
    assert shop.placed("9313") == told["next_order"]
    assert not damage_mark(shop.folder / "aggregator.db").exists()
    (replaced,) = lives(shop)
    assert str(replaced) == told["replaced"]
    shop.configure(database=str(replaced))
    assert shop.state(lost) is State.PLACED


def test_a_backup_may_be_put_back_twice(shop: Desk, copy: Path) -> None:
    """IDs of every life of the database that is still there are spared."""
    shop.run("restore", str(copy))
    second = shop.placed("9314")
    lives(shop)[0].rename(shop.folder / "aggregator.db.replaced-elsewhere")
    shop.run("restore", str(copy))
    assert shop.placed("9315") > second


def test_a_damaged_database_is_replaced_as_it_is(shop: Desk, copy: Path) -> None:
    """What cannot be read is kept as well, and is in nobody's way."""
    database = shop.folder / "aggregator.db"
    database.write_bytes(b"no database any more" * 100)
    Path(f"{database}-wal").write_bytes(b"frames of the old one")
    shop.run("restore", str(copy))
    assert shop.placed("9316") == 1_000_002
    assert {one.name[-4:] for one in lives(shop)} == {lives(shop)[0].name[-4:], "-wal"}
    assert lives(shop)[0].read_bytes().startswith(b"no database")


def test_a_crash_while_it_steps_aside_keeps_its_log(
    shop: Desk, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old database's log stays under the old name until both have the new one."""
    database = shop.folder / "aggregator.db"
    database.write_bytes(b"no database any more" * 100)
    log = Path(f"{database}-wal")
    log.write_bytes(b"frames of the old one")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", crash)
    with pytest.raises(KeyboardInterrupt):
        restoring.put_back(database, copy, Policy(), 1, lambda done, pages: None)
    assert database.exists()
    assert log.read_bytes() == b"frames of the old one"


def test_where_there_is_none_it_is_put_there(shop: Desk, copy: Path) -> None:
    """On a new machine nothing steps aside."""
    (shop.folder / "aggregator.db").unlink()
    assert shop.json("restore", str(copy))["replaced"] is None
    assert shop.placed("9317") == 1_000_002


def test_not_under_a_running_server(shop: Desk, copy: Path) -> None:
    """Who holds the lock is told; nothing has changed."""
    with DatabaseLock(shop.folder / "aggregator.db"):
        assert "is using the database" in shop.refused("restore", str(copy))
    assert lives(shop) == []


def test_what_is_no_backup_is_refused(shop: Desk, copy: Path) -> None:
    """Damaged, foreign or absent: the database stays as it is."""
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2])
    assert "malformed" in shop.refused("restore", str(copy))
    copy.write_text("something else entirely, and quite long enough to be looked into" * 99)
    assert "not a database of this program" in shop.refused("restore", str(copy))
    nothing = copy.with_name("nothing")
    assert f"There is no backup at {nothing}." in shop.refused("restore", str(nothing))
    shop.configure(currency="EUR", exchange_rates={"USD": "1"})
    copy.write_bytes(whole)
    assert f"The database {copy} holds money in USD" in shop.refused("restore", str(copy))
    shop.configure()
    assert lives(shop) == []
    assert shop.state(1) is State.PLACED


def test_what_was_open_is_told_of(shop: Desk, tmp_path: Path) -> None:
    """Doubts and half-sent orders are left to a person, the queue is given back."""
    doubt, sending, queued = shop.doubt(), shop.order(None), shop.queued()
    shop.run("backup", str(tmp_path / "copy.db"))
    told = shop.json("restore", str(tmp_path / "copy.db"))
    assert (told["left_to_a_person"], told["canceled"]) == ([doubt, sending], [queued])
    assert "needs a person" in shop.run("orders", "list", "--state", "in_doubt").stdout
    assert shop.json("ledger", "verify")["ok"]
    said = shop.run("restore", "--in-place").stdout
    assert "Left to a person: 2" in said


def test_a_database_that_was_put_back_by_other_means(shop: Desk, copy: Path) -> None:
    """``--in-place`` does all but the copying."""
    shop.queued()
    said = shop.run("restore", "--in-place").stdout
    assert "The next order will be 1000003." in said
    assert "Canceled and given back: 1" in said
    assert lives(shop) == []
    assert shop.json("restore", "--in-place")["next_order"] == 2_000_003


def test_status_and_waiving(shop: Desk, copy: Path) -> None:
    """Each provider is closed until it has been searched, or the operator opens it."""
    assert "never restored" in shop.run("restore", "--status").stdout
    assert "never restored" in shop.refused("restore", "--waive", "gulf")
    shop.run("restore", str(copy))
    (search,) = shop.json("restore", "--status")["searches"].values()
    assert (search["stage"], search["closed"]) == ("scanning", True)
    assert "No order was found" in shop.run("restore", "--status").stdout
    assert "gulf is open." in shop.run("restore", "--waive", "gulf").stdout
    assert shop.json("restore", "--waive", "gulf") == {"provider": "gulf", "waived": False}
    assert "open" in shop.run("restore", "--status").stdout
    shop.run("restore", "--waive", "golf", status=2)


def test_finds_are_listed(shop: Desk, copy: Path) -> None:
    """With what the panel shows of them, until one is known as some order's child."""
    shop.run("restore", str(copy))

    def find(number: str, charge: int | None) -> None:
        shop.write(
            lambda tx: tx.run(
                "insert_foundling",
                provider="gulf",
                kind="normal",
                upstream_order_id=number,
                word="In progress",
                charge_micros=charge,
                start_count=None,
                remains=7,
                now_ms=1,
            )
        )

    find("9400", 500_000)
    find("9401", None)
    find("9311", 1)
    found = shop.json("restore", "--status")["found"]
    assert [(one["upstream_order_id"], one["charge"]) for one in found] == [
        ("9400", "0.50"),
        ("9401", None),
    ]
    assert "9400" in shop.run("restore", "--status").stdout


def test_one_thing_at_a_time(shop: Desk, copy: Path) -> None:
    """A backup or one of the options, not both and not neither."""
    shop.run("restore", status=2)
    shop.run("restore", str(copy), "--status", status=2)


def test_a_person_is_asked(shop: Desk, copy: Path) -> None:
    """At a terminal nothing is replaced without a yes."""
    command = shop.command("restore", str(copy))
    status, screen = on_terminal(command, shop.environ, "n\n")
    assert status == 1
    assert "which is kept beside it?" in screen
    assert lives(shop) == []


def test_a_database_server_has_tools_of_its_own(shop: Desk, copy: Path) -> None:
    """For PostgreSQL the command says what to do."""
    shop.configure(database="postgresql://me:secret@127.0.0.1:1/shop")
    said = shop.refused("restore", str(copy))
    assert "pg_restore" in said
    assert "--in-place" in said


def test_what_is_remembered_of_a_restore(shop: Desk, copy: Path) -> None:
    """A second one forgets how far the search after the first had come."""
    shop.run("restore", str(copy))
    shop.run("restore", "--waive", "gulf")
    shop.run("restore", str(copy))
    assert shop.look(restores.progress) == {}
