"""The operator's door: is it alive, is it ready, how is it doing.

It listens on loopback or on a unix socket. A web page in the operator's browser
could still reach it under a name of its own that resolves to 127.0.0.1, so only
the names of loopback are answered to.
"""

import hmac
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

import orjson
from aiohttp import hdrs, web

from aggregator.api.faces import bearer
from aggregator.api.listener import Listener, error, response
from aggregator.api.sockets import Inherited
from aggregator.telemetry import Metrics, logger

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_TOKEN = "Set admin_token_file in the configuration to see this page"

Ready = Callable[[], tuple[bool, Mapping[str, object]]]
"""Whether orders can be taken, and why (or why not), fit for JSON."""


class Admin:
    """``token`` None: the pages that want one are closed. ``hosts``: names answered to."""

    def __init__(
        self,
        ready: Ready,
        metrics: Metrics,
        token: str | None = None,
        *,
        hosts: Collection[str] = LOOPBACK_NAMES,
    ) -> None:
        self._ready = ready
        self._metrics = metrics
        self._token = token
        self._hosts = hosts
        self._log = logger("admin")
        self._listener = Listener(self._answer, linger_s=1)
        self._open_pages = {"/healthz": self._health, "/readyz": self._readiness}
        self._closed_pages = {"/metrics": self._numbers}

    def reload(self, token: str | None) -> None:
        self._token = token

    async def start(self, listen: str, inherited: Inherited | None = None) -> str:
        """See ``Listener.start``."""
        return await self._listener.start(listen, inherited)

    def drain(self) -> None:
        self._listener.drain()

    async def close(self, within_s: float = 0) -> None:
        await self._listener.close(within_s)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        try:
            return self._page(request)
        except Exception:
            self._log.exception("bug")
            return error(500, "Internal error")

    def _page(self, request: web.BaseRequest) -> web.Response:
        if not self._is_ours(request.headers.get(hdrs.HOST, "")):
            return error(421, "This listener answers to loopback names only")
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return error(405, "Method not allowed, use GET", Allow="GET, HEAD")
        if request.path in self._open_pages:
            return self._open_pages[request.path]()
        if request.path in self._closed_pages:
            return self._refused(request) or self._closed_pages[request.path]()
        return error(404, "Not found")

    def _is_ours(self, host: str) -> bool:
        try:
            return urlsplit(f"//{host}").hostname in self._hosts
        except ValueError:
            return False

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        if self._token is None:
            return error(403, _NO_TOKEN)
        shown = bearer(request.headers) or ""
        if hmac.compare_digest(shown.encode(errors="surrogateescape"), self._token.encode()):
            return None
        return error(401, "Unauthenticated", WWW_Authenticate="Bearer")

    def _health(self) -> web.Response:
        return response(b'{"status":"ok"}')

    def _readiness(self) -> web.Response:
        ready, detail = self._ready()
        return response(orjson.dumps({"ready": ready, **detail}), 200 if ready else 503)

    def _numbers(self) -> web.Response:
        return response(self._metrics.render(), Content_Type=Metrics.CONTENT_TYPE)
