from collections.abc import AsyncIterator

import pytest

from tests.api.support import House, serving


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with serving() as running:
        yield running
