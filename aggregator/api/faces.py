"""The resellers' door: every request of theirs comes in and goes out here.

A request walks through ``Api``: its path names the face and so the dialect; the
address is held to its limits before a byte of the body is read; the body becomes
fields, the fields a ``Command``; the desk carries it out; the answer is encoded in
the same dialect. Whatever goes wrong on the way is a ``Refusal`` (an HTTP status
of its own), a ``ClientError`` (HTTP 200, as clients expect) or a bug of ours
(logged, and answered as "Service temporarily unavailable"); all three leave in
the face's spelling.

What must change together: a new way to send a parameter belongs to ``body``, and
if it can carry a secret also to ``telemetry``'s redaction; a new kind of answer
is a new label value in ``Metrics.request``.

A reseller who hangs up cancels nothing: see ``connection``.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import hdrs

from aggregator import telemetry
from aggregator.api.addresses import Addresses, Network, network
from aggregator.api.answers import Answer, error, lines
from aggregator.api.body import read_body, read_fields
from aggregator.api.limits import Limiter, Limits, Remembered
from aggregator.api.listener import GRACE_S, IDLE_S, Listener
from aggregator.api.refusals import HungUp, Refusal, too_many, wrong_method
from aggregator.api.request import Request
from aggregator.api.sockets import Inherited
from aggregator.core.errors import (
    REQUEST_ID_REUSED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    ClientError,
)
from aggregator.core.messages import ACTIONS, Added, Command, Refused, ServiceList
from aggregator.dialects import Dialect, decode_request, encode_answer
from aggregator.dialects.answering import Neutral
from aggregator.dialects.receiving import Request as Decoded

BODY_S = 10.0
KEYS_REMEMBERED = 65_536
# Refusals that cost us more than they cost whoever asks for them.
_COUNTED = frozenset({"malformed", "too_slow", "too_large"})
_NO_COMMAND = Command("")


class Desk(Protocol):
    """Who does the work: ``aggregator.actions``."""

    async def carry_out(
        self, key: str | None, command: Command, request_id: str | None, address: str
    ) -> Neutral:
        """Raises ClientError for what the reseller did wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reload may change. ``faces``: path -> dialect; a slash at its end is
    neither here nor there. ``trusted_proxies``: where they connect from."""

    faces: Mapping[str, Dialect]
    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[Network, ...] = ()


@dataclass(slots=True)
class _Call:
    """What the log line of a request will say."""

    face: str
    address: str
    action: str = "none"
    answer: str = "ok"
    error: str | None = None
    order: str | None = None


class Api:
    """``monotonic`` gives seconds; ``body_s`` bounds how long a body may take to
    arrive, ``idle_s`` a request's headers, ``grace_s`` a last request when we stop."""

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        metrics: telemetry.Metrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        body_s: float = BODY_S,
        idle_s: float = IDLE_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._desk = desk
        self._metrics = metrics
        self._monotonic = monotonic
        self._body_s = body_s
        self._log = telemetry.logger("api")
        self._call_ids = map(f"{secrets.token_hex(3)}-{{}}".format, itertools.count(1))
        self._per_key = Limiter(None, monotonic)
        self._per_address = Limiter(None, monotonic)
        self._failed_auth = Limiter(None, monotonic)
        self._good_keys = Remembered(KEYS_REMEMBERED)
        self._warned = False
        self._listener = Listener(self._answer, idle_s=idle_s, linger_s=body_s, grace_s=grace_s)
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        """New settings for every request from now on. What was counted stays counted."""
        faces = {path.rstrip("/"): dialect for path, dialect in settings.faces.items()}
        self._faces = faces | {f"{path}/": dialect for path, dialect in faces.items()}
        self._addresses = Addresses(settings.trusted_proxies)
        self._per_key.limit = settings.limits.per_key
        self._per_address.limit = settings.limits.per_address
        self._failed_auth.limit = settings.limits.failed_auth

    async def start(self, listen: str, inherited: Inherited | None = None) -> str:
        """See ``Listener.start``. A unix socket is open to all: so is this API."""
        return await self._listener.start(listen, inherited, socket_mode=0o666)

    def drain(self) -> None:
        self._listener.drain()

    async def close(self, within_s: float = 0) -> None:
        await self._listener.close(within_s)

    async def _answer(self, request: Request) -> Answer:
        path = request.path
        dialect = self._faces.get(path)
        if dialect is None:  # its path may be anything, and stays unlogged
            self._metrics.request("none", "not_found", 0)
            return error(404, "Not found")
        began = self._monotonic()
        call_id = next(self._call_ids)
        telemetry.CALL.set(call_id)
        call = _Call(path, self._address_of(request))
        answer = await self._refusing(request, dialect, call)
        self._record(call, answer.status, self._monotonic() - began)
        answer.headers += b"X-Request-Id: %b\r\n" % call_id.encode()
        return answer

    def _address_of(self, request: Request) -> str:
        forwarded = request.headers.getall(hdrs.X_FORWARDED_FOR, None)
        if forwarded is None:
            return self._addresses.client(request.peer)
        if not self._warned:
            self._warn_of_proxy(request.peer)
        if not self._addresses.trusts_any:
            return self._addresses.client(request.peer)
        return self._addresses.client(request.peer, ",".join(forwarded))

    def _warn_of_proxy(self, peer: str) -> None:
        """All its clients would share one address, and its limits."""
        if self._addresses.is_untrusted_loopback(peer):
            self._warned = True
            self._log.warning(
                "a proxy on this machine is not trusted", hint="name it in trusted_proxies"
            )

    def _record(self, call: _Call, status: int, seconds: float) -> None:
        self._metrics.request(call.action, call.answer, seconds)
        told = {}
        if call.error is not None:
            told["error"] = call.error
        if call.order is not None:
            told["order"] = call.order
        self._log.info(
            "request",
            face=call.face,
            action=call.action,
            answer=call.answer,
            status=status,
            address=call.address,
            ms=round(seconds * 1000, 1),
            **told,
        )

    async def _refusing(self, request: Request, dialect: Dialect, call: _Call) -> Answer:
        """The answer, or the refusal in the face's spelling."""
        try:
            return Answer(await self._serve(request, dialect, call))
        except Refusal as refusal:
            call.answer, call.error = refusal.kind, refusal.text
            if refusal.kind in _COUNTED:
                self._failed_auth.take(network(call.address))
            body = encode_answer(dialect, _NO_COMMAND, Refused(refusal.text))
            return Answer(body, refusal.status.value, lines(refusal.headers), refusal.closes)
        except HungUp:
            call.answer = "hung_up"
            return error(400, "Nobody reads this")
        except Exception:
            call.answer = "failed"
            self._log.exception("bug")
            return Answer(encode_answer(dialect, _NO_COMMAND, Refused(UNAVAILABLE)))

    async def _serve(self, request: Request, dialect: Dialect, call: _Call) -> bytes:
        if request.method != hdrs.METH_POST:
            raise wrong_method(hdrs.METH_POST)
        self._hold_to_limits(call.address)
        decoded = _decoded(request, dialect, await read_body(request, self._body_s))
        command = decoded.command
        call.action = command.action if command.action in ACTIONS else "unknown"
        answer = await self._carried_out(request, decoded, call)
        if isinstance(answer, Added):
            call.order = answer.order
        elif (refused := _refused(answer)) is not None:
            call.answer, call.error = "refused", refused
        if isinstance(answer, ServiceList):
            return _listed(dialect, command, answer)
        return encode_answer(dialect, command, answer)

    def _hold_to_limits(self, address: str) -> None:
        """Before anything is read or looked up."""
        wait_s = self._per_address.take(network(address))
        if wait_s:
            raise too_many(wait_s)

    def _hold_guessers(self, address: str, key: int) -> None:
        """Before the key is looked up, so that guessing is slow. A key that has been
        good before is no guess: its owner may share his address with one who guesses."""
        wait_s = 0 if key in self._good_keys else self._failed_auth.wait_s(network(address))
        if wait_s:
            raise too_many(wait_s)

    async def _carried_out(self, request: Request, decoded: Decoded, call: _Call) -> Neutral:
        key = decoded.key
        # hash() is salted per process: no key stays in memory for having been used.
        salted = hash(key)
        self._hold_guessers(call.address, salted)
        wait_s = self._per_key.take(salted) if key else 0
        if wait_s:
            raise too_many(wait_s)
        try:
            request_id = one_request_id(request.headers, decoded)
            answer = await self._desk.carry_out(key, decoded.command, request_id, call.address)
            self._good_keys.add(salted)
            return answer
        except ClientError as wrong:
            call.answer, call.error = "error", str(wrong)
            if call.error == UNAUTHENTICATED:
                call.answer = "unauthenticated"
                self._good_keys.discard(salted)
                self._failed_auth.take(network(call.address))
            return Refused(call.error)


def _decoded(request: Request, dialect: Dialect, body: bytes) -> Decoded:
    fields = read_fields(body, request.query, request.headers.get(hdrs.CONTENT_TYPE, ""))
    token = bearer(request.headers)
    telemetry.conceal(token or "", *filter(_is_telling, fields.values()))
    return decode_request(dialect, fields, token)


def _listed(dialect: Dialect, command: Command, answer: ServiceList) -> bytes:
    """Spelled once for all who are told the same in the same dialect."""
    spelled_by, body = answer.spelled.get(dialect.name, (None, b""))
    if spelled_by is not dialect:  # a reload may have given another one the name
        body = encode_answer(dialect, command, answer)
        answer.spelled[dialect.name] = dialect, body
    return body


def _refused(answer: Neutral) -> str | None:
    """Why nothing of what was asked for could be had: the first of the reasons."""
    reason = None
    for one in answer.values() if isinstance(answer, dict) else ():
        if not isinstance(one, Refused):
            return None
        reason = reason or one.text
    return reason


def _is_telling(text: str) -> bool:
    """Whether a log is better off without it; plain numbers are what it is about."""
    if not text.isascii():
        return True
    return text not in ACTIONS and text.encode().translate(None, b"0123456789,") != b""


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of ``Authorization: Bearer``; None if there is none."""
    shown = headers.get(hdrs.AUTHORIZATION)
    if shown is None:
        return None
    scheme, _, token = shown.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def one_request_id(headers: Mapping[str, str], decoded: Decoded) -> str | None:
    """The request ID of header or field; ClientError where they contradict each other."""
    header = headers.get("Idempotency-Key", "").strip() or None
    if header and decoded.request_id and header != decoded.request_id:
        raise ClientError(REQUEST_ID_REUSED)
    return decoded.request_id or header
