"""What this server has learned of providers and services, kept over a restart."""

import json
from collections.abc import Mapping
from typing import Any

from aggregator.actions import World
from aggregator.core.halving import Limit

DURATIONS, LIMITS = "durations", "limits"


class Learning:
    """``look`` is a job: it reads what was kept when it first runs, then keeps what is new."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, str] | None = None

    async def look(self) -> None:
        if self._kept is None:
            await self._restore()
            self._kept = self._now()
        for what, text in self._now().items():
            if self._kept.get(what) != text:
                await self._world.store.remember(what, text)
                self._kept[what] = text

    def _now(self) -> dict[str, str]:
        limits = {
            name: {action: (one.size, one.since_ms) for action, one in found.items()}
            for name, found in self._world.upstream.limits().items()
            if found
        }
        return {DURATIONS: json.dumps(self._world.asking.durations), LIMITS: json.dumps(limits)}

    async def _restore(self) -> None:
        before = {int(key): int(took) for key, took in (await self._recalled(DURATIONS)).items()}
        asking = self._world.asking
        asking.durations = before | asking.durations
        limits = {
            name: {action: Limit(*told) for action, told in found.items()}
            for name, found in (await self._recalled(LIMITS)).items()
        }
        self._world.upstream.restore_limits(limits)

    async def _recalled(self, what: str) -> Mapping[str, Any]:
        text = await self._world.store.recall(what)
        return {} if text is None else dict(json.loads(text))
