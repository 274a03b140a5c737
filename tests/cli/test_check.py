"""`aggregator check`: mistakes with their lines, and what the database remembers."""

from aggregator import bootstrap
from aggregator.cli.opening import load
from tests.cli.support import Desk, configuration


def remember(desk: Desk) -> None:
    """As a server does at its start."""
    setup = load(desk.config_path).setup
    desk.write(lambda tx: bootstrap.remember(tx, setup, now_ms=0))


def test_sound(desk: Desk) -> None:
    """A sound configuration is summed up in a line; no database is made for it."""
    assert "1 provider, 1 service, 1 route" in desk.run("check").stdout
    told = desk.json("check")
    assert told.keys() == {"ok", "summary", "mistakes", "warnings"}
    assert told["ok"]
    assert list(desk.folder.iterdir()) == [desk.config_path]


def test_mistakes_for_programs(desk: Desk) -> None:
    """With --json each mistake tells its file, line and place."""
    desk.configure(databse="x")
    told = desk.json("check", status=2)
    (mistake,) = told["mistakes"]
    assert mistake.keys() == {"file", "line", "path", "message"}
    assert (mistake["file"], mistake["path"]) == (str(desk.config_path), "databse")
    assert not told["ok"]


def test_missing_file(desk: Desk) -> None:
    """A configuration that is not there is a mistake of the configuration."""
    result = desk.run("check", "-c", "nowhere.yaml", status=2)
    assert result.stderr.startswith("nowhere.yaml: cannot be read")


def test_provider_with_open_orders(shop: Desk) -> None:
    """A provider that still has orders of ours cannot be taken out, or become another."""
    remember(shop)
    shop.placed()
    kept = configuration()["providers"]["gulf"]
    assert shop.run("check")
    shop.configure(providers={"gulf": kept | {"url": "http://127.0.0.1:8/", "key": "new"}})
    assert "it has 1 open order" in shop.run("check", status=2).stderr
    shop.configure(providers={"other": kept}, services={})
    assert "'gulf' has 1 open order" in shop.run("check", status=2).stderr


def test_currency_is_remembered(shop: Desk) -> None:
    """The database's money keeps its currency."""
    shop.configure(currency="EUR")
    assert "the database is kept in USD" in shop.run("check", status=2).stderr
    assert "holds money in USD" in shop.refused("reseller", "list")


def test_secrets_are_not_shown(desk: Desk) -> None:
    """Whatever is wrong around a key, the key is not printed."""
    kept = configuration()["providers"]["gulf"]
    desk.configure(providers={"gulf": kept | {"key": "s3cret-k3y", "keyy": "s3cret-k3y"}})
    for args in (("check",), ("check", "--json"), ("serve",)):
        assert "s3cret-k3y" not in desk.run(*args, status=2).output
