"""The pretend panel on its port, asked with plain HTTP."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aggregator.dialects import BUILTIN
from aggregator.sandbox import (
    KEY,
    Fault,
    PanelSettings,
    Rule,
    SandboxServer,
    builtin_dialect,
    run_sandbox,
)
from aggregator.sandbox.journal import Journal, read_journal

ADD = {"key": KEY, "action": "add", "service": "1", "link": "https://x.example", "quantity": "100"}
STANDARD = builtin_dialect("standard")


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[SandboxServer, aiohttp.ClientSession]]:
    async with (
        SandboxServer(STANDARD, PanelSettings(stage_s=None), **options) as panel,
        aiohttp.ClientSession() as http,
    ):
        yield panel, http


async def said(http: aiohttp.ClientSession, url: str, **request: Any) -> Any:
    async with http.post(url, **request) as response:
        return await response.json()


def door(panel: SandboxServer, name: str) -> str:
    return panel.url.replace("/api/v2", f"/_sandbox/{name}")


async def test_a_form_and_json_buy_alike() -> None:
    """Both are read, and each order is in the log with all of its parameters."""
    async with opened() as (panel, http):
        assert await said(http, panel.url, data=ADD) == {"order": 1}
        assert await said(http, panel.url, json=ADD) == {"order": 2}
        log = panel.log()
        assert [record["order"] for record in log] == ["1", "2"]
        assert log[0]["params"] == {"link": "https://x.example", "quantity": "100"}
        assert log[0]["charge_micros"] == 90_000


@pytest.mark.parametrize("dialect", BUILTIN)
async def test_a_panel_refuses_in_its_own_words(dialect: str) -> None:
    """Without a key every dialect answers an error in JSON."""
    async with SandboxServer(builtin_dialect(dialect)) as panel, aiohttp.ClientSession() as http:
        assert "error" in await said(http, panel.url, data={"action": "balance"})


async def test_only_post_is_answered() -> None:
    """A GET is refused."""
    async with opened() as (panel, http), http.get(panel.url) as response:
        assert response.status == 405


async def test_a_body_that_is_no_request_is_refused() -> None:
    """Broken JSON is an incorrect request."""
    async with opened() as (panel, http):
        headers = {"Content-Type": "application/json"}
        answer = await said(http, panel.url, data=b"{", headers=headers)
        assert answer == {"error": "Incorrect request"}


async def test_the_side_door_breaks_and_mends() -> None:
    """A rule strikes as often as it says; an empty list mends the panel."""
    async with opened() as (panel, http):
        rule = {"fault": "refuse", "text": "No", "action": "add", "times": 2}
        assert await said(http, door(panel, "faults"), json=rule) == {}
        answers = [await said(http, panel.url, data=ADD) for _ in range(3)]
        assert answers == [{"error": "No"}, {"error": "No"}, {"order": 1}]
        await said(http, door(panel, "faults"), json={"fault": "refuse", "text": "Never"})
        assert await said(http, panel.url, data=ADD) == {"error": "Never"}
        await said(http, door(panel, "faults"), json=[])
        assert await said(http, panel.url, data=ADD) == {"order": 2}


async def test_the_side_door_shows_the_log_and_sets_the_balance() -> None:
    """What the log holds can be read from outside, and the purse be filled or emptied."""
    async with opened() as (panel, http):
        await said(http, panel.url, data=ADD)
        async with http.get(door(panel, "log")) as response:
            assert await response.json() == panel.log()
        await said(http, door(panel, "balance"), json={"balance": "0.05"})
        assert await said(http, panel.url, data=ADD) == {"error": "Insufficient balance"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("faults", b"{"),
        ("faults", b'{"fault":"explode"}'),
        ("faults", b'{"fault":"html","colour":"red"}'),
        ("balance", b"{}"),
        ("cellar", b"{}"),
    ],
)
async def test_nonsense_at_the_side_door_is_refused(name: str, body: bytes) -> None:
    """A mistake is answered as one and changes nothing."""
    async with opened() as (panel, http):
        async with http.post(door(panel, name), data=body) as response:
            assert response.status in (400, 404)
        assert await said(http, panel.url, data=ADD) == {"order": 1}


async def test_a_hang_ends_when_the_server_does() -> None:
    """A request left hanging does not keep the server from closing."""
    async with aiohttp.ClientSession() as http:
        async with SandboxServer(STANDARD) as panel:
            panel.set_fault(Rule(Fault.HANG, action="add", seconds=3600))
            hanging = asyncio.create_task(said(http, panel.url, data=ADD))
            await said(http, panel.url, data={"key": KEY, "action": "services"})
        with pytest.raises(aiohttp.ClientError):
            await hanging


async def test_slow_is_slow_but_right() -> None:
    """A slow answer is the answer all the same."""
    async with opened() as (panel, http):
        panel.set_fault(Rule(Fault.SLOW, seconds=0.01))
        assert await said(http, panel.url, data=ADD) == {"order": 1}


async def test_a_log_is_continued(tmp_path: Path) -> None:
    """A panel that is started again goes on counting where its log ends."""
    log = tmp_path / "accepted.jsonl"
    for order in (1, 2):
        async with opened(log_path=log) as (panel, http):
            assert await said(http, panel.url, data=ADD) == {"order": order}
    assert [record["order"] for record in read_journal(log)] == ["1", "2"]


async def test_what_is_durable_has_been_written(tmp_path: Path) -> None:
    """However many come together, each is in the file once it is said to be."""
    journal = Journal(tmp_path / "log")

    async def keep(number: int) -> None:
        journal.add({"order": number})
        await journal.durable()
        assert {"order": number} in read_journal(journal.path)

    await asyncio.gather(*map(keep, range(100)))
    assert [record["order"] for record in read_journal(journal.path)] == list(range(100))
    journal.close()


def test_a_line_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """Half a line was never durable."""
    path = tmp_path / "log"
    path.write_bytes(b'{"order":"1"}\n{"ord')
    assert read_journal(path) == [{"order": "1"}]


async def test_the_program_stops_when_told() -> None:
    """SIGTERM ends it cleanly."""
    urls: list[str] = []

    def stop(url: str) -> None:
        urls.append(url)
        os.kill(os.getpid(), signal.SIGTERM)

    await run_sandbox(0, on_ready=stop)
    assert len(urls) == 1
