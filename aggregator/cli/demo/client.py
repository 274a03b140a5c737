"""The reseller's side: what a script of his would do, over HTTP."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import aiohttp

from aggregator.cli.demo.errands import Errand
from aggregator.cli.demo.house import CHEAP_FACE, Failed, House

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class Client:
    """An async context. Every method raises Failed where we answer with an error."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT)

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def ask(self, action: str, **params: str) -> Any:
        return await self._post("/api/v2", {"key": self._house.key, "action": action, **params})

    async def place(self, errand: Errand) -> None:
        """Buys it: in the words of its panel's clients where we have such a face."""
        params = {"action": "add", **errand.params}
        if errand.panel == "cheapsmmpanel":
            params |= {"api_token": self._house.key, "package": str(errand.service)}
            answer = await self._post(CHEAP_FACE, params)
        else:
            params |= {"key": self._house.key, "service": str(errand.service)}
            answer = await self._post("/api/v2", params)
        errand.order = str(answer["order"])

    async def _post(self, face: str, params: Mapping[str, str]) -> Any:
        try:
            async with self._http.post(self._house.url + face, data=params) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Failed(f"{params['action']}: no answer of the server ({error!r})") from error
        if isinstance(answer, dict) and "error" in answer:
            raise Failed(f"{params['action']}: the server says {answer['error']!r}")
        return answer
