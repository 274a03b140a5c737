"""`aggregator serve`, and the other commands beside it while it runs."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from aggregator.cli.demo.house import Failed, serving
from aggregator.core.model import Kind, State
from aggregator.sandbox import PanelSettings, SandboxServer, builtin_dialect
from tests.cli.support import Desk


@pytest.fixture
async def panel() -> AsyncIterator[SandboxServer]:
    """A pretend panel for the desk's provider, whose orders stay as they are."""
    settings = PanelSettings(stage_s=None)
    async with SandboxServer(builtin_dialect("smmgulf"), settings) as running:
        yield running


async def ask(url: str, **params: str) -> Any:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/api/v2", data=params) as response,
    ):
        return await response.json()


async def beside(desk: Desk, *args: str) -> str:
    """What a command prints, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *desk.command(*args), env=desk.environ, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_commands_work_beside_it(desk: Desk, panel: SandboxServer) -> None:
    """Money, lists and proofs are there for the server and the commands alike."""
    desk.configure(url=panel.url)
    key = desk.json("reseller", "add", "shop")["key"]
    async with serving(desk.folder) as url:
        await beside(desk, "reseller", "credit", "shop", "5")
        assert (await ask(url, key=key, action="balance"))["balance"] == "5.00000"
        link = "https://example.org/sandbox-stuck"
        add = {"service": "1", "link": link, "quantity": "1000"}
        assert await ask(url, key=key, action="add", **add) == {"order": 1}
        assert "placed" in await beside(desk, "orders", "list")
        assert "The ledger verifies" in await beside(desk, "ledger", "verify")


async def test_it_notices_a_withdrawn_key(desk: Desk) -> None:
    """A key that was let in before is refused once its reseller is disabled."""
    key = desk.json("reseller", "add", "shop")["key"]
    async with serving(desk.folder) as url:
        assert "balance" in await ask(url, key=key, action="balance")
        await beside(desk, "reseller", "disable", "shop")
        async with asyncio.timeout(60):  # only against a test that never ends
            while "balance" in (answer := await ask(url, key=key, action="balance")):
                pass
        assert answer == {"error": "Unauthenticated"}


async def test_cancel_asks_the_provider(desk: Desk, panel: SandboxServer) -> None:
    """A placed order's cancel goes to the panel, from a process beside the server."""
    desk.configure(url=panel.url)
    key = desk.json("reseller", "add", "shop")["key"]
    desk.run("reseller", "credit", "shop", "5")
    async with serving(desk.folder) as url:
        link = "https://example.org/sandbox-stuck"
        await ask(url, key=key, action="add", service="1", link=link, quantity="1000")
        said = await beside(desk, "orders", "cancel", "1")
    assert said == "Order 1 was asked for: the provider's next status decides.\n"
    order = panel.panel.orders.find(panel.log()[0]["order"], Kind.NORMAL)
    assert order is not None
    assert order.canceling
    assert desk.state(1) is State.PLACED
    told = desk.json("orders", "show", "1")
    kinds = [event["kind"] for event in told["events"]]
    assert kinds[-2:] == ["cancel_by_hand", "cancel_asked"]


async def test_one_server_at_a_time(desk: Desk) -> None:
    """A second server on the same database is refused, and told who holds it."""
    async with serving(desk.folder):
        with pytest.raises(Failed, match="is using the database"):
            async with serving(desk.folder):
                pass


async def test_address_in_use(desk: Desk) -> None:
    """A port that somebody has is one line, not a traceback."""
    async with serving(desk.folder) as url:
        other = Desk(desk.folder / "other")
        other.folder.mkdir()
        other.configure(listen=url.removeprefix("http://"))
        with pytest.raises(Failed, match="address already in use") as failed:
            async with serving(other.folder):
                pass
    assert "Traceback" not in str(failed.value)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_well_when_told(desk: Desk, told: signal.Signals) -> None:
    """Either signal ends it with 0, the database left in order."""
    process = await asyncio.create_subprocess_exec(
        *desk.command("serve"),
        env=desk.environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b'"listening"' not in await process.stderr.readline():
        pass
    process.send_signal(told)
    await process.communicate()
    assert process.returncode == 0
    assert desk.json("ledger", "verify")["ok"]
