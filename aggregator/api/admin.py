"""The operator's door: is it alive, is it ready, how is it doing.

What says more than that wants the token: as a bearer, as Prometheus sends it, or as the
password of HTTP Basic, for which a browser asks by itself.

It listens on loopback or on a unix socket. A web page in the operator's browser
could still reach it under a name of its own that resolves to 127.0.0.1, so only
the names of loopback are answered to.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

import orjson
from aiohttp import hdrs

from aggregator.api.answers import Answer, error, lines
from aggregator.api.console import CSP, STYLE, View, render
from aggregator.api.faces import bearer
from aggregator.api.listener import Listener
from aggregator.api.request import Request
from aggregator.api.sockets import Inherited
from aggregator.telemetry import Metrics, logger

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_CHALLENGES = {"/console": 'Basic realm="aggregator", charset="UTF-8"'}
_OF_PAGES = lines({"Content-Security-Policy": CSP, "Referrer-Policy": "no-referrer"})
_NO_TOKEN = "Set admin_token_file in the configuration to see this page"

Ready = Callable[[], tuple[bool, Mapping[str, object]]]
"""Whether orders can be taken, and why (or why not), fit for JSON."""


Look = Callable[[], Awaitable[View]]


class Admin:
    """``token`` None: the pages that want one are closed. ``hosts``: names answered to.
    ``look``: what the console shows."""

    def __init__(
        self,
        ready: Ready,
        metrics: Metrics,
        token: str | None = None,
        *,
        look: Look | None = None,
        hosts: Collection[str] = LOOPBACK_NAMES,
    ) -> None:
        self._ready = ready
        self._metrics = metrics
        self._token = token
        self._hosts = hosts
        self._log = logger("admin")
        self._listener = Listener(self._answer, linger_s=1)
        self._look = look
        self._open_pages = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/console.css": self._style,
        }
        self._closed_pages = {"/metrics": self._numbers, "/console": self._console}

    def reload(self, token: str | None) -> None:
        self._token = token

    async def start(self, listen: str, inherited: Inherited | None = None) -> str:
        """See ``Listener.start``."""
        return await self._listener.start(listen, inherited)

    def drain(self) -> None:
        self._listener.drain()

    async def close(self, within_s: float = 0) -> None:
        await self._listener.close(within_s)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._page(request)
        except Exception:
            self._log.exception("bug")
            return error(500, "Internal error")

    async def _page(self, request: Request) -> Answer:
        if not self._is_ours(request.headers.get(hdrs.HOST, "")):
            return error(421, "This listener answers to loopback names only")
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return error(405, "Method not allowed, use GET", {"Allow": "GET, HEAD"})
        path = request.path
        if path in self._open_pages:
            return await self._open_pages[path]()
        if path in self._closed_pages:
            return self._refused(request) or await self._closed_pages[path]()
        return error(404, "Not found")

    def _is_ours(self, host: str) -> bool:
        try:
            return urlsplit(f"//{host}").hostname in self._hosts
        except ValueError:
            return False

    def _refused(self, request: Request) -> Answer | None:
        if self._token is None:
            return error(403, _NO_TOKEN)
        shown = bearer(request.headers) or _password(request.headers)
        if hmac.compare_digest(shown.encode(errors="surrogateescape"), self._token.encode()):
            return None
        challenge = _CHALLENGES.get(request.path, "Bearer")
        return error(401, "Unauthenticated", {"WWW-Authenticate": challenge})

    async def _health(self) -> Answer:
        return Answer(b'{"status":"ok"}')

    async def _readiness(self) -> Answer:
        ready, detail = self._ready()
        return Answer(orjson.dumps({"ready": ready, **detail}), 200 if ready else 503)

    async def _numbers(self) -> Answer:
        return Answer(self._metrics.render(), kind=Metrics.CONTENT_TYPE)

    async def _console(self) -> Answer:
        if self._look is None:
            return error(404, "Not found")
        page = render(await self._look())
        return Answer(page, headers=_OF_PAGES, kind="text/html; charset=utf-8")

    async def _style(self) -> Answer:
        return Answer(STYLE, kind="text/css; charset=utf-8")


def _password(headers: Mapping[str, str]) -> str:
    """The password of HTTP Basic; "" where there is none. The name before it may be any."""
    scheme, _, given = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
