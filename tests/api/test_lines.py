"""The line and the count that each request leaves behind."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from structlog.testing import capture_logs

from aggregator import telemetry
from aggregator.core.messages import OrderStatus, Refused
from tests.actions.conftest import Shop, open_shop, shop
from tests.api.support import KEY, House, connected, post, serving

__all__ = ["open_shop", "shop"]

CANCEL = post(urlencode({"key": KEY, "action": "cancel", "order": "1"}))
STATUS = post(urlencode({"key": KEY, "action": "status", "orders": "1,2"}))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    telemetry.set_up(stream=stream, human=False)
    yield stream
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def told(log: io.StringIO, house: House) -> House:
    """A house built after the log was set up, for loggers are bound once."""
    return house


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


async def test_a_refusal_is_not_ok(log: io.StringIO, told: House) -> None:
    """A cancel that could not be had is counted as refused, and its line says why."""
    told.desk.answer = {"1": Refused("Cancel not available")}
    await told.ask(CANCEL)
    (line,) = lines(log)
    assert (line["answer"], line["error"]) == ("refused", "Cancel not available")
    counted = 'aggregator_requests_total{action="cancel",answer="refused"} 1.0'
    assert counted in told.metrics.render().decode()


async def test_a_status_is_a_number() -> None:
    """What a line says of HTTP is a plain number, as a person is to read it."""
    with capture_logs() as told:
        async with serving() as house:
            await house.ask(CANCEL)
            await house.ask(CANCEL.replace(b"POST", b"PUT"))
    assert [repr(line["status"]) for line in told] == ["200", "405"]


async def test_half_of_a_list_is_ok(log: io.StringIO, told: House) -> None:
    """Where some of what was asked for could be had, the request went well."""
    told.desk.answer = {"1": OrderStatus("Completed"), "2": Refused("Incorrect order ID")}
    await told.ask(STATUS)
    (line,) = lines(log)
    assert line["answer"] == "ok"
    assert "error" not in line


async def test_a_token_that_is_no_text(log: io.StringIO, told: House) -> None:
    """Bytes in a header that are no text cost nobody his answer, nor us the line."""
    odd = post("key=wrong&action=cancel&order=1").replace(
        b"\r\n", b"\r\nAuthorization: Bearer \xff\xfeabcd\r\n", 1
    )
    assert (await told.ask(odd)).json == {"error": "Unauthenticated"}
    assert lines(log)[0]["answer"] == "unauthenticated"


async def test_the_reseller_is_named(log: io.StringIO, told: House) -> None:
    """A line says whose request it was; the next on the same connection is not taken for his."""
    carry_out = told.desk.carry_out

    async def naming(key: str | None, *rest: Any) -> Any:
        if key == KEY:
            telemetry.RESELLER.set("shop")
        return await carry_out(key, *rest)

    told.desk.carry_out = naming  # type: ignore[method-assign,assignment]
    told.desk.answer = {"1": None}
    async with connected(told.address) as wire:
        for request in (CANCEL, CANCEL.replace(KEY.encode(), KEY[::-1].encode())):
            await wire.send(request)
            await wire.reply()
    assert [line.get("reseller") for line in lines(log)] == ["shop", None]


async def test_the_desk_names_him(shop: Shop) -> None:
    """Whoever has proved his key is named in every line that follows from it."""
    await shop("balance")
    assert telemetry.RESELLER.get() == "shop"
