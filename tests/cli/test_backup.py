"""`aggregator backup`: what has a backup's name is one."""

import stat
from pathlib import Path

import pytest

from aggregator.store import sqlite_tx
from aggregator.store.opening import MIGRATIONS
from tests.cli.support import Desk


def opened(desk: Desk, copy: Path) -> Desk:
    """A desk on the copy."""
    desk.configure(database=str(copy))
    return desk


def test_a_backup_is_the_database(shop: Desk, tmp_path: Path) -> None:
    """All of it in one file, for its owner's eyes only."""
    order_id = shop.placed()
    target = tmp_path / "copy.db"
    told = shop.json("backup", str(target))
    assert (told["orders"], told["last_order"], told["verified"]) == (1, order_id, True)
    assert told["bytes"] == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.glob("copy*")] == ["copy.db"]
    assert opened(shop, target).json("orders", "list")[0]["order"] == order_id


def test_beside_a_writer(shop: Desk, tmp_path: Path) -> None:
    """Who writes meanwhile is not kept waiting; what he has not committed is not in it."""
    shop.placed()
    database = shop.folder / "aggregator.db"
    with sqlite_tx.connect(database) as other, sqlite_tx.transaction(other) as tx:
        tx.run("UPDATE orders SET word = 'uncommitted'")
        assert "1 orders" in shop.run("backup", str(tmp_path / "copy.db")).stdout
    opened(shop, tmp_path / "copy.db")
    row = shop.look(lambda tx: tx.one("SELECT word FROM orders"))
    assert row is not None
    assert row["word"] is None


def test_a_directory_gets_a_new_file(shop: Desk, tmp_path: Path) -> None:
    """Named after the database and the time."""
    folder = tmp_path / "backups"
    folder.mkdir()
    shop.placed()
    told = shop.json("backup", str(folder))
    (made,) = folder.iterdir()
    assert str(made) == told["file"]
    assert made.match("aggregator-*Z.db")


def test_nothing_is_overwritten(shop: Desk, tmp_path: Path) -> None:
    """What stands there stays as it is."""
    target = tmp_path / "copy.db"
    target.write_text("mine")
    assert "nothing is overwritten" in shop.refused("backup", str(target))
    assert target.read_text() == "mine"


def test_a_directory_that_is_not_there(shop: Desk, tmp_path: Path) -> None:
    """Is not made: the disk for the backups may not be mounted."""
    assert "cannot be written" in shop.refused("backup", str(tmp_path / "no" / "copy.db"))


def test_an_unsound_ledger_is_no_backup(shop: Desk, tmp_path: Path) -> None:
    """The copy that does not verify is told of, and gets no name."""
    shop.write(lambda tx: tx.run("UPDATE accounts SET available_micros = available_micros + 5"))
    assert "is not sound" in shop.refused("backup", str(tmp_path / "copy.db"))
    assert list(tmp_path.glob("copy*")) == []


def test_what_another_try_left_is_cleared_away(shop: Desk, tmp_path: Path) -> None:
    """A copy that was broken off does not stand in the way."""
    (tmp_path / "copy.db.partial").write_text("half")
    shop.placed()
    shop.run("backup", str(tmp_path / "copy.db"))
    assert [one.name for one in tmp_path.glob("copy*")] == ["copy.db"]


def test_a_database_server_has_tools_of_its_own(shop: Desk, tmp_path: Path) -> None:
    """For PostgreSQL the command says which, and shows no password."""
    shop.configure(database="postgresql://me:secret@127.0.0.1:1/shop")
    said = shop.refused("backup", str(tmp_path / "copy.dump"))
    assert "pg_dump --format=custom" in said
    assert "secret" not in said


@pytest.mark.parametrize("version", [0, max(MIGRATIONS) + 1])
def test_only_ours_are_examined(shop: Desk, tmp_path: Path, version: int) -> None:
    """A file of another program, or of a newer one of ours, is not called a backup."""
    shop.placed()
    with sqlite_tx.connect(shop.folder / "aggregator.db") as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    shop.refused("backup", str(tmp_path / "copy.db"))
    assert list(tmp_path.glob("copy*")) == []
