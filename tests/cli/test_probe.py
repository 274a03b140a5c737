"""`aggregator probe`: what it prints is a configuration that works."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from aggregator.cli.probe import _called
from aggregator.dialects import BUILTIN
from aggregator.sandbox import KEY, PanelSettings, SandboxServer, builtin_dialect
from tests.cli.panels import answering, listing, row
from tests.cli.support import Desk

FROZEN = PanelSettings(stage_s=None)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "panel.key"
    path.write_text(f"{KEY}\n")
    return str(path)


@asynccontextmanager
async def panel(name: str) -> AsyncIterator[SandboxServer]:
    """A panel as strict as the real one."""
    async with SandboxServer(builtin_dialect(name), FROZEN, strict=True) as server:
        yield server


async def probed(desk: Desk, *args: str, status: int = 0) -> str:
    result = await asyncio.to_thread(desk.run, "probe", *args, status=status)
    return result.stdout if status == 0 else result.stderr


@pytest.mark.parametrize("name", BUILTIN)
async def test_what_is_printed_works(desk: Desk, key_file: str, name: str) -> None:
    """Of every dialect: the printed blocks are loaded, and the panel is read with them."""
    async with panel(name) as server:
        printed = await probed(desk, server.url, "--key-file", key_file)
        blocks = yaml.safe_load(printed)
        assert blocks["providers"]["panel"]["currency"] == "USD"
        service = {
            "name": "Likes",
            "category": "Demo",
            "rate": "1",
            "min": 50,
            "max": 1000,
            "routes": [{"provider": "panel", "service": 2}],
        }
        # As an operator would: the text itself, and services below it.
        rest = yaml.safe_dump({"admin_listen": None, "services": {1: service}})
        desk.config_path.write_text(printed + rest)
        told = await asyncio.to_thread(desk.json, "check", "--live")
        assert told["ok"], told
        assert told["providers"][0]["services"] == 22
        listed = await asyncio.to_thread(desk.json, "catalogue", "list", "panel")
        assert [one["service"] for one in listed["services"]][:2] == ["1", "2"]
        assert server.log() == []


async def test_cheap_panels_are_named(desk: Desk, key_file: str) -> None:
    """What no other engine does is enough to name the dialect."""
    async with panel("cheapsmmpanel") as server:
        told = json.loads(await probed(desk, server.url, "--key-file", key_file, "--json"))
    assert told["providers"]["panel"]["dialect"] == "cheapsmmpanel"
    assert told["dialects"] == {}


async def test_likely_dialects_are_told(desk: Desk, key_file: str) -> None:
    """Dialects that answer alike are named beside the block."""
    async with panel("smmgulf") as server:
        printed = await probed(desk, server.url, "--key-file", key_file, "--name", "gulf")
    assert "extends: standard" in printed
    assert "fit smmowner, socialmediapanels, smmgulf as well" in printed
    assert yaml.safe_load(printed)["providers"]["gulf"]["dialect"] == "gulf"


async def test_built_in_names_are_left_alone(desk: Desk, key_file: str) -> None:
    """A block of one's own is not called like a dialect that comes with the program."""
    async with panel("smmgulf") as server:
        printed = await probed(desk, server.url, "--key-file", key_file, "--name", "smmgulf")
    assert yaml.safe_load(printed)["dialects"].keys() == {"smmgulf-own"}


def refused(desk: Desk, url: str, key_file: str) -> str:
    return desk.refused("probe", url, "--key-file", key_file)


async def test_a_wrong_key(desk: Desk, tmp_path: Path) -> None:
    """A key that the panel refuses is told, without the key."""
    wrong = tmp_path / "wrong.key"
    wrong.write_text("s3cret-k3y")
    async with panel("standard") as server:
        said = await asyncio.to_thread(refused, desk, server.url, str(wrong))
    assert "The panel refuses this key" in said
    assert "s3cret-k3y" not in said


def test_no_panel(desk: Desk, key_file: str) -> None:
    """A web page and a dead address are told apart."""
    with answering(lambda _asked: b"<!DOCTYPE html>") as url:
        assert "This is a web page" in refused(desk, url, key_file)
    dead = refused(desk, "http://127.0.0.1:9/api/v2", key_file)
    assert "does not answer: no connection" in dead


def test_the_panels_words_never_show_the_key(desk: Desk, key_file: str) -> None:
    """A panel that quotes the key is not quoted."""

    def quoting(asked: Any) -> object:
        if asked["action"] == "status":
            return {"error": f"no order for {KEY}"}
        return listing(row(1))(asked)

    with answering(quoting) as url:
        result = desk.run("probe", url, "--key-file", key_file)
        told = desk.run("probe", url, "--key-file", key_file, "--json")
    assert "no order for …" in result.stdout
    assert KEY not in result.output + told.output


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://panel.example/api/v2", "must begin with https://"),
        ("https://panel.example/api/v2?key=1", "must not hold a '?'"),
        ("panel.example", "must be a URL"),
    ],
)
def test_urls(desk: Desk, key_file: str, url: str, why: str) -> None:
    """A URL must be one that the configuration would take."""
    result = desk.run("probe", url, "--key-file", key_file, status=2)
    assert why in result.stderr.replace("\n", " ")


def test_an_order_that_is_none(desk: Desk, key_file: str) -> None:
    """What cannot be an order's ID is refused before anybody is asked."""
    url = "https://panel.invalid/api/v2"
    result = desk.run("probe", url, "--key-file", key_file, "--order", "1,2", status=2)
    assert "is no ID" in result.stderr


def test_key_files(desk: Desk, tmp_path: Path) -> None:
    """A key file that is missing or empty is named."""
    url = "https://panel.invalid/api/v2"
    assert "cannot be read" in refused(desk, url, str(tmp_path / "none"))
    (tmp_path / "empty").write_text("\n")
    assert "the file is empty" in refused(desk, url, str(tmp_path / "empty"))
    result = desk.run("probe", url, "--key-file", "x", "--name", "two words", status=2)
    assert "must be letters" in result.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://smmgulf.com/api/v2", "smmgulf"),
        ("https://www.smm-panel.co.example/api/v2", "co"),
        ("https://10.0.0.1/api", "panel"),
        ("https://localhost/api", "panel"),
        ("https://[::1]/api", "panel"),
    ],
)
def test_names(url: str, name: str) -> None:
    """A provider is called by its host, where that has a name."""
    assert _called(url) == name
