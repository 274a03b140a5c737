"""What each fault does at the socket."""

import asyncio
import json
from contextlib import suppress

from aiohttp import web

from aggregator.sandbox.faults import Fault, Rule

_HTML = "<!DOCTYPE html><html><body><h1>Just a moment...</h1></body></html>"
_WRONG_JSON = b'[{"hello":"world"}]'


def json_reply(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def deliver(
    rule: Rule, http: web.BaseRequest, answer: bytes, stopping: asyncio.Event
) -> web.StreamResponse:
    """``answer`` as ``rule`` lets it out. ``stopping`` ends every wait."""
    match rule.fault:
        case Fault.SLOW:
            await _pause(rule.seconds, stopping)
            return json_reply(answer)
        case Fault.HANG:
            await _pause(rule.seconds, stopping)
        case Fault.CUT_BODY:
            _write_half(http, answer, rule.content_length)
        case Fault.SERVER_ERROR:
            return _server_error(rule)
        case Fault.HTML:
            return web.Response(text=_HTML, content_type="text/html", status=rule.status or 200)
        case Fault.WRONG_JSON:
            return json_reply(_WRONG_JSON)
        case Fault.REFUSE:
            return json_reply(_error(rule.text or "Something went wrong"), rule.status or 200)
        case Fault.RATE_LIMIT:
            return json_reply(_error(rule.text or "Too many requests"), 429)
        case Fault.REDIRECT:
            return web.Response(status=rule.status or 307, headers={"Location": str(http.url)})
        case Fault.DROP_BEFORE | Fault.DROP_AFTER:
            pass
    return _hung_up(http)


async def _pause(seconds: float, stopping: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _error(text: str) -> bytes:
    return json.dumps({"error": text}).encode()


def _server_error(rule: Rule) -> web.Response:
    status = rule.status or 500
    if rule.text is None:
        return web.Response(text=_HTML, content_type="text/html", status=status)
    return json_reply(_error(rule.text), status)


def _write_half(http: web.BaseRequest, answer: bytes, content_length: bool) -> None:
    """Half of the body. Without a Content-Length only its JSON shows that it is one."""
    length = f"Content-Length: {len(answer)}\r\n" if content_length else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{length}Connection: close\r\n\r\n"
    if http.transport is not None:
        http.transport.write(head.encode() + answer[: len(answer) // 2])


def _hung_up(http: web.BaseRequest) -> web.Response:
    """Closes the connection; the response goes nowhere, but a handler must give one."""
    if http.transport is not None:
        http.transport.close()
    return web.Response()
