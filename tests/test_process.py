"""The server as a process: its signals, its exit status, its word to the supervisor."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from aggregator.sandbox import Fault, Rule
from benchmarks import market as markets
from benchmarks import serving
from benchmarks.market import Market
from benchmarks.serving import Server

PATIENCE_S = 60.0
STANDARD = "5"  # a service of ours whose first route is "smmgulf"
PANEL = "smmgulf"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Market, Server, aiohttp.ClientSession]]:
    async with (
        markets.opened(folder, drain_within="30s") as market,
        serving.prepared(market.config_path) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        yield market, server, http


async def said(http: aiohttp.ClientSession, market: Market, **params: str) -> Any:
    async with http.post(market.url, data={"key": market.key, **params}) as answer:
        return await answer.json()


def bought(link: str) -> dict[str, str]:
    return {"action": "add", "service": STANDARD, "link": link, "quantity": "100"}


async def accepted(market: Market, count: int) -> list[str]:
    """The links of what the panel has accepted, once there are ``count`` of them."""
    async with asyncio.timeout(PATIENCE_S):
        while len(log := market.panels[PANEL].log()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # another process's doing
    return [record["params"]["link"] for record in log]


async def test_it_says_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    """READY comes when it answers, STOPPING when it was told to stop; it exits with 0."""
    async with opened(tmp_path) as (market, server, http):
        await server.start()
        assert "balance" in await said(http, market, action="balance")
        _, status = await asyncio.gather(server.notify.word("STOPPING=1"), server.stop())
        assert status == 0
        assert server.notify.heard == ["READY=1", "STOPPING=1"]


async def test_it_feeds_the_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd gave it a term, the process feeds the watchdog again and again."""
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    async with opened(tmp_path) as (_market, server, _http):
        await server.start()
        for _ in range(3):
            await server.notify.word("WATCHDOG=1")


async def test_sighup_reloads(tmp_path: Path) -> None:
    """The supervisor hears when a reload begins, by its clock, and when it is over; a mistake
    ends nothing."""
    async with opened(tmp_path) as (market, server, http):
        await server.start()
        text = market.config_path.read_text()
        assert server.process is not None
        for written in (text, f"{text}\nnonsense: 1\n", text):
            market.config_path.write_text(written)
            server.process.send_signal(signal.SIGHUP)
            server.notify.heard.clear()
            await server.notify.word("READY=1")
            began, at, ready = server.notify.heard
            assert (began, ready) == ("RELOADING=1", "READY=1")
            assert at.removeprefix("MONOTONIC_USEC=").isdecimal()
            assert "balance" in await said(http, market, action="balance")
        log = server.log_path.read_text()
        assert log.count('"config_reloaded"') == 2
        assert "unknown key" in log
        assert await server.stop() == 0


async def test_a_second_server_refuses(tmp_path: Path) -> None:
    """One database has one server: another one says so in one line, and exits with 1."""
    async with opened(tmp_path) as (market, first, http):
        await first.start()
        second = Server(market.config_path, first.notify)
        before = second.log_path.read_text()
        with pytest.raises(serving.DidNotStart):
            await second.start()
        assert second.process is not None
        assert second.process.returncode == 1
        lines = second.log_path.read_text().removeprefix(before).splitlines()
        (line,) = (each for each in lines if not each.startswith("{"))  # the others are log
        assert line.startswith("Error: Another server (process ")
        assert str(tmp_path / "aggregator.db") in line
        assert "balance" in await said(http, market, action="balance")


async def test_sigterm_lets_requests_end(tmp_path: Path) -> None:
    """An order that is under way when SIGTERM comes is placed, and its client answered."""
    async with opened(tmp_path) as (market, server, http):
        await server.start()
        market.panels[PANEL].set_fault(Rule(Fault.SLOW, action="add", seconds=0.5))
        buying = asyncio.create_task(said(http, market, **bought("https://x.example/slow")))
        await accepted(market, 1)
        assert await server.stop() == 0
        order = (await buying)["order"]
        rows = market.look("SELECT id, state FROM orders")
        assert [(row["id"], row["state"]) for row in rows] == [(order, "placed")]


async def test_killed_in_the_middle_of_an_add(tmp_path: Path) -> None:
    """What had left when the process was killed is in doubt after a restart, its money stays
    held, and it is not sent again."""
    async with opened(tmp_path) as (market, server, http):
        await server.start()
        panel = market.panels[PANEL]
        panel.set_fault(Rule(Fault.HANG, action="add", marker="hanging", seconds=PATIENCE_S))
        hanging = "https://x.example/hanging"
        buying = asyncio.create_task(said(http, market, **bought(hanging), request_id="r"))
        assert await accepted(market, 1) == [hanging]
        assert await server.stop(signal.SIGKILL) == -signal.SIGKILL
        with pytest.raises(aiohttp.ClientError):
            await buying
        await server.start()
        row = market.look("SELECT id, state FROM orders")[0]
        assert row["state"] == "in_doubt"
        again = await said(http, market, **bought(hanging), request_id="r")
        assert again == {"order": row["id"]}
        assert "status" in await said(http, market, action="status", order=str(row["id"]))
        other = "https://x.example/other"
        assert "order" in await said(http, market, **bought(other))
        assert await server.stop() == 0
        assert await accepted(market, 2) == [hanging, other]
        assert market.verified() == []


async def test_a_socket_that_nobody_listens_on_is_told(tmp_path: Path) -> None:
    """An inherited socket of another address is left alone, and the log says so."""
    async with markets.opened(tmp_path) as market:
        with markets.listening(0) as stray:
            async with (
                serving.prepared(market.config_path, stray) as server,
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
            ):
                await server.start()
                assert "balance" in await said(http, market, action="balance")
                logged = [json.loads(line) for line in server.log_path.read_text().splitlines()]
                told = [line for line in logged if line["event"] == "inherited_socket_unused"]
                assert [line["address"] for line in told] == [str(stray.getsockname())]
