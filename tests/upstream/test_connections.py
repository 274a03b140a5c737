"""Connections used again, redirects, and adds that are cancelled: held against the truth.

The panels are raw sockets that keep every whole request, as in test_wire.
"""

import asyncio

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from aggregator.upstream import Call
from tests.upstream.rawpanels import (
    ORDER,
    Line,
    between,
    books_and_sleeps,
    buy,
    deaf_listener,
    honest,
    outcome_of,
    raw_panel,
    refusing,
)
from tests.upstream.support import LINK, LONG_S, PANEL, calling

# -- connections used again


async def test_a_connection_lost_as_the_request_arrives_is_a_doubt() -> None:
    """aiohttp resends nothing by itself when a kept connection turns out to be dead."""

    async def dies_at_the_second(line: Line) -> None:
        await line.read()
        await line.answer(ORDER)
        if line.number == 1:
            await line.read()

    async with between(dies_at_the_second) as (panel, client):
        assert await buy(client) == Placed("7")
        assert isinstance(await buy(client), InDoubt)
        assert (len(panel.requests), panel.connections) == (2, 1)


async def test_a_connection_closed_meanwhile_is_not_used_again() -> None:
    """An idle connection that the panel has closed costs nothing but a new one."""

    async def once(line: Line) -> None:
        await line.read()
        if b"action=add" in line.panel.requests[-1]:
            await line.answer(ORDER)
        else:
            await line.answer(b'{"balance":"1","currency":"USD"}')

    async with between(once) as (panel, client):
        assert await buy(client) == Placed("7")
        await client.balance(PANEL, timeout_s=LONG_S)  # the end has arrived by then
        assert await buy(client) == Placed("7")
        assert panel.connections == 3


async def test_an_answer_nobody_asked_for_is_not_taken() -> None:
    """What arrives on an idle connection is not read as the next order's answer."""
    said = asyncio.Event()

    async def says_too_much(line: Line) -> None:
        while True:
            request = await line.read()
            if b"action=balance" in request:
                line.panel.told.set()
                await said.wait()
                await line.answer(b'{"balance":"1","currency":"USD"}')
                continue
            await line.answer(b'{"order":%d}' % len(line.panel.requests))
            if line.number == 1:
                await line.until_told()
                await line.answer(b'{"order":999}')
                said.set()

    async with between(says_too_much) as (_, client):
        assert await buy(client) == Placed("1")
        await client.balance(PANEL, timeout_s=LONG_S)  # 999 has arrived by then
        assert await buy(client) == Placed("3")


# -- redirects, cookies, the environment


@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    """The key is told to nobody but the panel, and a redirect buys nothing."""
    async with raw_panel(honest) as elsewhere:

        async def sends_away(line: Line) -> None:
            await line.read()
            await line.answer(b"", status=status, more=f"Location: {elsewhere.url}\r\n")

        outcome, booked = await outcome_of(sends_away)
        assert isinstance(outcome, Rejected)
        assert (outcome.error_class, booked) == (ErrorClass.DOWN, 1)
        assert elsewhere.connections == 0


async def test_cookies_are_not_kept() -> None:
    """A panel that sets a cookie never sees it again."""

    async def sets_cookies(line: Line) -> None:
        while True:
            await line.read()
            await line.answer(ORDER, more="Set-Cookie: a=b\r\n")

    async with between(sets_cookies) as (panel, client):
        await buy(client)
        await buy(client)
        assert not any(b"cookie" in request.lower() for request in panel.requests)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the environment decides who is told the key."""
    with refusing() as nobody:
        monkeypatch.setenv("HTTP_PROXY", nobody)
        monkeypatch.setenv("http_proxy", nobody)
        assert await outcome_of(honest) == (Placed("1"), 1)


# -- cancelled, and told about


async def test_a_cancelled_add_still_tells() -> None:
    """Cancelling the task of an add ends it with a doubt, not with an exception."""
    async with between(books_and_sleeps) as (panel, client):
        task = asyncio.create_task(buy(client))
        await panel.heard.wait()
        task.cancel()
        assert await task == InDoubt("canceled")
        assert task.cancelling() == 1


async def test_a_cancelled_connect_is_not_sent() -> None:
    """Cancelled before there was a connection, nothing has left."""
    calls: list[Call] = []
    with deaf_listener() as address:
        async with calling(f"http://{address}/", on_call=calls.append) as client:
            task = asyncio.create_task(buy(client))
            await asyncio.sleep(0)
            task.cancel()
            assert await task == NotSent("canceled", ours=True)


async def test_a_cancelled_read_is_cancelled() -> None:
    """Nothing hangs on a read, so cancelling one is the usual CancelledError."""
    async with between(books_and_sleeps) as (panel, client):
        task = asyncio.create_task(client.balance(PANEL, timeout_s=LONG_S))
        await panel.heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_watchers_hear_no_secrets_and_do_no_harm() -> None:
    """Every call is reported without key and link; a watcher's fault changes no outcome."""
    calls: list[Call] = []

    def watch(call: Call) -> None:
        calls.append(call)
        raise RuntimeError

    async with raw_panel(honest) as panel, calling(panel.url, on_call=watch) as client:
        assert await buy(client) == Placed("1")
    assert [(call.action, call.status, call.sent) for call in calls] == [("add", 200, True)]
    assert LINK not in repr(calls)
    assert "sandbox-key" not in repr(calls)
