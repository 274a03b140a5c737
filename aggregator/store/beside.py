"""The store of one command that talks to providers, beside a server that may run."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from aggregator.core.model import Policy
from aggregator.store.scripted import ScriptedStore
from aggregator.store.short import short_reading, short_transaction
from aggregator.store.tx import Param, Row, Tx

T = TypeVar("T")


class BesideStore(ScriptedStore):
    """``ports.Store`` over short connections: no lock, no writer, no recovery."""

    def __init__(self, database: str, policy: Policy) -> None:
        super().__init__()
        self._database = database
        self._policy = policy

    async def write(self, script: Callable[[Tx], T], *, urgent: bool = True) -> T:
        def run() -> T:
            with short_transaction(self._database, self._policy) as tx:
                return script(tx)

        return await asyncio.to_thread(run)

    async def read(self, script: Callable[[Tx], T]) -> T:
        def run() -> T:
            with short_reading(self._database, self._policy) as tx:
                return script(tx)

        return await asyncio.to_thread(run)

    async def rows(self, query: str, /, **params: Param) -> Sequence[Row]:
        return await self.read(lambda tx: tx.all(query, **params))

    async def _others_wrote(self) -> bool:
        return False

    async def close(self) -> None:
        """Nothing is kept open."""
