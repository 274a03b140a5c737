"""The pretend panel on a real socket, with faults and a side door.

``POST`` on any path is the panel's API. Under ``/_sandbox/``, for loopback only:
``GET log`` (the accept log as a list), ``POST faults`` (one rule to add, or a list
to put in place of all), ``POST balance`` (``{"balance": "12.5"}``).
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from aggregator.core.pricing import parse_micros
from aggregator.dialects import (
    Dialect,
    Request,
    decode_request,
    encode_answer,
    fields_from_form,
    fields_from_json,
)
from aggregator.sandbox.delivery import deliver, json_reply
from aggregator.sandbox.faults import Faults, Rule
from aggregator.sandbox.journal import Journal, read_journal
from aggregator.sandbox.panel import Panel, PanelSettings
from aggregator.sandbox.strictness import own_fields

HOST = "127.0.0.1"
_BAD_REQUEST = b'{"error":"Incorrect request"}'


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _fitted(settings: PanelSettings, dialect: Dialect) -> PanelSettings:
    if settings.own_dripfeed_ids is not None:
        return settings
    return replace(settings, own_dripfeed_ids=bool(dialect.dripfeed and dialect.dripfeed.status))


class SandboxServer:
    """A panel behind a port, as an async context manager; ``url`` once inside.

    ``log_path``: where the accept log lies; None keeps it only for as long as the
    server lives. A log that is there already is continued, and so are its order
    IDs. ``strict``: it knows its dialect's own names only, as a real panel does, where a
    face of ours takes the standard's too. ``port`` 0 takes a free one. ``now_ms`` is the
    panel's clock.
    """

    def __init__(
        self,
        dialect: Dialect,
        settings: PanelSettings | None = None,
        *,
        port: int = 0,
        log_path: Path | None = None,
        strict: bool = False,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self.dialect = dialect
        self._strict = strict
        self._settings = _fitted(settings or PanelSettings(), dialect)
        self._port = port
        self._log_path = log_path
        self._now_ms = now_ms
        self._faults = Faults(self._settings.seed)
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> "SandboxServer":
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        self._journal = Journal(self._log_path or Path(self._folder.name) / "accepted.jsonl")
        self.panel = Panel(self._continued(), self._journal.add)
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()  # lets go of those who hang
        await self._runner.cleanup()
        self._journal.close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}/api/v2"

    def log(self) -> list[dict[str, Any]]:
        """Every add that the panel accepted, in order, as it stands on disk."""
        return read_journal(self._journal.path)

    def set_fault(self, *rules: Rule) -> None:
        """These rules, and no others; none at all mends the panel."""
        self._faults.set(*rules)

    def _continued(self) -> PanelSettings:
        taken = [int(record["order"]) for record in self.log()]
        first = max([self._settings.first_order_id, *(order + 1 for order in taken)])
        return replace(self._settings, first_order_id=first)

    # -- requests

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        body = await http.read()
        if http.path.startswith("/_sandbox/"):
            return self._control(http, body)
        if http.method != "POST":
            return json_reply(b'{"error":"POST only"}', 405)
        request = self._decoded(http, body)
        if request is None:
            return json_reply(_BAD_REQUEST)
        rule = self._faults.strike(request.command)
        answer = b"" if rule is not None and not rule.does_it else await self._answer(request)
        if rule is None:
            return json_reply(answer)
        return await deliver(rule, http, answer, self._stopping)

    def _decoded(self, http: web.BaseRequest, body: bytes) -> Request | None:
        read = fields_from_json if http.content_type == "application/json" else fields_from_form
        fields = read(body)
        if not isinstance(fields, dict):
            return None
        scheme, _, token = http.headers.get("Authorization", "").partition(" ")
        bearer = token if scheme == "Bearer" else None
        if self._strict:
            fields = own_fields(self.dialect, fields)
            bearer = bearer if self.dialect.bearer else None
        return decode_request(self.dialect, fields, bearer)

    async def _answer(self, request: Request) -> bytes:
        answer = self.panel.answer(request, self._now_ms())
        await self._journal.durable()
        return encode_answer(self.dialect, request.command, answer)

    # -- the side door

    def _control(self, http: web.BaseRequest, body: bytes) -> web.Response:
        if not ip_address(http.remote or "0.0.0.0").is_loopback:
            return json_reply(b'{"error":"loopback only"}', 403)
        try:
            return self._controlled(f"{http.method} {http.path.removeprefix('/_sandbox/')}", body)
        except (ValueError, TypeError, KeyError) as error:
            return json_reply(json.dumps({"error": str(error)}).encode(), 400)

    def _controlled(self, what: str, body: bytes) -> web.Response:
        match what:
            case "GET log":
                return json_reply(json.dumps(self.log()).encode())
            case "POST faults":
                self._take_faults(json.loads(body))
            case "POST balance":
                self.panel.purse.micros = parse_micros(json.loads(body)["balance"])
            case _:
                return json_reply(b'{"error":"no such door"}', 404)
        return json_reply(b"{}")

    def _take_faults(self, given: list[Mapping[str, object]] | Mapping[str, object]) -> None:
        if isinstance(given, list):
            self._faults.set(*map(Rule.from_json, given))
        else:
            self._faults.add(Rule.from_json(given))
