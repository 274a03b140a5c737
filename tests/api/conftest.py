import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.api.support import House, serving


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Sockets are tried on the loop that the server runs on as well."""
    factories = {"asyncio": asyncio.new_event_loop}
    if item.path.stem in ("test_connection", "test_listener"):
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with serving() as running:
        yield running
