"""What we tell about ourselves: log lines, metrics, and words to systemd.

Keys, links and comments must never reach a log. Three nets hold them back, and
every line, ours or a library's, falls through all three (``Redactor``):

1. a value logged under a telling name (``key``, ``link``...) is replaced whole;
2. secrets known from the start (providers' keys) are cut out of every text;
3. what the request at hand brought (``conceal``) is cut out of every text logged
   by its task, or by a task that it started. (Tracebacks show code, no variables.)
"""

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TextIO, TypeVar, cast
from urllib.parse import quote_plus

import orjson
import prometheus_client as prometheus
import structlog
from prometheus_client.metrics import MetricWrapperBase
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

M = TypeVar("M", bound=MetricWrapperBase)

CALL: ContextVar[str] = ContextVar("call")
"""Which of our requests a line belongs to; goes into every line as ``call``."""

_CONCEALED: ContextVar[tuple[str, ...]] = ContextVar("concealed", default=())

REDACTED = "[redacted]"
SHORTEST_SECRET = 4  # cutting out shorter ones would only garble the lines
MOST_CONCEALED = 16_384  # characters; to look for more would take too long
_FRAME = re.compile(r'^ +File "[^"\n]+", line [0-9]+, in [\w<>]+$', re.MULTILINE)

_TELLING = frozenset(
    {
        *("key", "api_key", "api_token", "token", "authorization", "password", "secret"),
        *("link", "comments", "custom_data", "usernames", "username", "hashtags", "hashtag"),
        *("media", "keywords", "groups", "params", "fields", "query", "body", "headers"),
    }
)
# Texts that may hold anything, in any guise. So may all of a line that tells of trouble.
_FREE = frozenset({"error", "exception"})
# Words of ours. A client must not blank them by sending them as a link.
_OURS = frozenset({"at", "level", "call", "room", "face", "action", "answer", "address"})


def conceal(*secrets: str) -> None:
    """From now on, cut these (and no longer any earlier ones) out of all this task logs."""
    long_enough = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    _CONCEALED.set(tuple(sorted(long_enough, key=len, reverse=True)))


def _guises(secrets: Iterable[str]) -> set[str]:
    """The secrets, whole and by lines: plain, quoted, in a repr, in a repr of a repr."""
    lines = {line.strip() for secret in secrets for line in secret.splitlines()}
    plain = lines.union(secrets)
    escaped = {repr(text)[1:-1] for text in plain}
    twice = {repr(text)[1:-1] for text in escaped}
    guises = plain.union(escaped, twice, map(quote_plus, plain))
    return {text for text in guises if len(text) >= SHORTEST_SECRET}


def _frames(name: str, value: object) -> object:
    """Of a traceback only where it went, of other texts nothing."""
    if name in _OURS or isinstance(value, int | float):
        return value
    return "\n".join(_FRAME.findall(str(value))) or REDACTED


class Redactor:
    """A structlog processor that lets no secret through, however deep it lies."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Cut these out too, from now on: say, the keys of newly configured providers."""
        self._known |= {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        longest_first = sorted(map(re.escape, self._known), key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first)) if self._known else None

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        concealed: Sequence[str] = _CONCEALED.get()
        if concealed and (method not in ("debug", "info") or not _FREE.isdisjoint(event)):
            if sum(map(len, concealed)) > MOST_CONCEALED:
                event = {name: _frames(name, value) for name, value in event.items()}
            else:
                concealed = sorted(_guises(concealed), key=len, reverse=True)
        for name, value in event.items():
            if name not in _OURS:
                event[name] = self._clean(name, value, concealed)
        return event

    def _clean(self, name: object, value: object, concealed: Sequence[str]) -> object:
        if isinstance(name, str) and name.lower() in _TELLING and value is not None:
            return REDACTED
        if isinstance(value, str):
            return self._cut(value, concealed)
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {
                self._cut(str(inner), concealed): self._clean(inner, item, concealed)
                for inner, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", item, concealed) for item in value]
        return self._cut(repr(value), concealed)

    def _cut(self, text: str, concealed: Sequence[str]) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(REDACTED, text)
        for secret in concealed:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text


def _add_call(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if call := CALL.get(None):
        event["call"] = call
    return event


class _Sink:
    """Where lines go. A full disk or a closed pipe must not fail an order."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _json(event: EventDict, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:  # half of a surrogate pair, an integer of more than 64 bits
        return json.dumps(event, default=repr)


_HUMAN = ConsoleRenderer(timestamp_key="at", exception_formatter=plain_traceback)
_MACHINE = structlog.processors.JSONRenderer(_json)


def set_up(
    level: str = "info",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    human: bool | None = None,
) -> Redactor:
    """Sends every log line, structlog's and the standard library's, to ``stream``.

    Lines are text if ``human`` (by default on a terminal), else JSON objects. The
    redactor returned may ``learn`` more secrets later. ValueError: no such level.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no such log level: {level!r}")
    redactor = Redactor(secrets)
    stamped: list[Processor] = [
        _add_call,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redactor,
    ]
    renderer = _HUMAN if (stream.isatty() if human is None else human) else _MACHINE
    sink = cast(TextIO, _Sink(stream))  # all that is asked of it is write and flush
    structlog.configure(
        processors=[*stamped, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sink),
    )
    _catch_libraries(number, sink, [*stamped, renderer])
    return redactor


def _catch_libraries(level: int, sink: TextIO, processors: list[Processor]) -> None:
    """Libraries log with the standard library; their lines pass the same nets."""
    own = structlog.stdlib.ProcessorFormatter
    handler = logging.StreamHandler(sink)
    name = [structlog.stdlib.add_logger_name]
    nets = [own.remove_processors_meta, *processors]
    handler.setFormatter(own(processors=nets, foreign_pre_chain=name))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # their debug lines quote what they read


def logger(room: str) -> FilteringBoundLogger:
    """The logger of one room; call it after ``set_up``, for it is bound at once."""
    return cast(FilteringBoundLogger, structlog.get_logger().bind(room=room))


class Metrics:
    """Every number we count, in a registry of its own.

    Label values are words of ours or names from the configuration, never anything
    that a client or a provider wrote: each new value costs memory for ever.
    """

    def __init__(self) -> None:
        # Else each counter is shown twice. (Untyped by its authors.)
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        new, counter, gauge = self._new, prometheus.Counter, prometheus.Gauge
        self._requests = new(counter, "requests", "Of resellers.", "action", "answer")
        self._attempts = new(counter, "attempts", "Calls that buy.", "provider", "outcome")
        self._alerts = new(counter, "alerts", "What an operator should look at.", "kind")
        self._doubts = new(gauge, "doubts_open", "Orders in doubt.")
        self._oldest_doubt = new(gauge, "doubts_oldest_seconds", "Age of the oldest of them.")
        self._queue = new(gauge, "queue_length", "Orders waiting for a route.")
        self._usable = new(gauge, "provider_usable", "1: takes orders now.", "provider")
        self._balance = new(gauge, "provider_balance", "In its own currency.", "provider")
        self._reload_ok = new(gauge, "reload_ok", "1: the last configuration read is in use.")
        self._request_seconds = new(
            prometheus.Histogram, "request_seconds", "From headers to answer.", "action"
        )
        self._call_seconds = new(
            prometheus.Histogram, "upstream_seconds", "Calls to providers.", "provider", "action"
        )

    def _new(self, kind: type[M], name: str, text: str, *labels: str) -> M:
        return kind(f"aggregator_{name}", text, labels, registry=self.registry)

    def request(self, action: str, answer: str, seconds: float) -> None:
        """One request: ``answer`` is "ok" or the kind of refusal."""
        self._requests.labels(action, answer).inc()
        self._request_seconds.labels(action).observe(seconds)

    def attempt(self, provider: str, outcome: str) -> None:
        self._attempts.labels(provider, outcome).inc()

    def upstream_call(self, provider: str, action: str, seconds: float) -> None:
        self._call_seconds.labels(provider, action).observe(seconds)

    def alert(self, kind: str) -> None:
        self._alerts.labels(kind).inc()

    def doubts_open(self, count: int, oldest_s: float = 0.0) -> None:
        self._doubts.set(count)
        self._oldest_doubt.set(oldest_s)

    def queue_length(self, count: int) -> None:
        self._queue.set(count)

    def provider_usable(self, provider: str, usable: bool) -> None:
        self._usable.labels(provider).set(usable)

    def provider_balance(self, provider: str, units: float) -> None:
        """In ``units`` of its currency; a float will do for a picture."""
        self._balance.labels(provider).set(units)

    def reload(self, ok: bool) -> None:
        self._reload_ok.set(ok)

    def render(self) -> bytes:
        """Prometheus' text format, to be served as ``CONTENT_TYPE``."""
        return prometheus.generate_latest(self.registry)

    CONTENT_TYPE = prometheus.CONTENT_TYPE_PLAIN_0_0_4


def sd_notify(state: str) -> bool:
    """Tells systemd ``state`` ("READY=1", "STOPPING=1"...); whether it was told.

    Does nothing where no systemd asked for it, and fails silently.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # Linux' abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.setblocking(False)
        try:
            notify.sendto(state.encode(), address)
        except OSError:
            return False
    return True
