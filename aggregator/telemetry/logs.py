"""Log lines: structlog's and the libraries', without a secret in them.

Keys, links and comments must never reach a log. Three nets hold them back, and
every line, ours or a library's, falls through all three (``Redactor``):

1. a value logged under a telling name (``key``, ``link``...) is replaced whole;
2. secrets known from the start (providers' keys) are cut out of every text;
3. what the request at hand brought (``conceal``) is cut out of every text logged
   by its task, or by a task that it started. (Tracebacks show code, no variables; those
   of work that no request began show no exception's text either.)
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO, cast
from urllib.parse import quote_plus

import orjson
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor, WrappedLogger

from aggregator.telemetry.sink import Sink

CALL: ContextVar[str] = ContextVar("call")
"""Which of our requests a line belongs to; goes into every line as ``call``."""

RESELLER: ContextVar[str] = ContextVar("reseller", default="")
"""Whose request that is, once it is known; into every line as well."""

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
_OURS = frozenset(
    {"at", "level", "call", "room", "face", "action", "answer", "address", "reseller"}
)


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


def _traceback(exc_info: ExcInfo) -> str:
    """A traceback. Where nobody said what to conceal, in work without a request behind it,
    exceptions may quote a link that nobody could cut out: then their texts stay here."""
    kind, error, places = exc_info
    if _CONCEALED.get():
        return "".join(traceback.format_exception(kind, error, places)).rstrip("\n")
    chain = list(_chain(error))
    return "\n".join(
        "".join(traceback.format_tb(one.__traceback__)) + type(one).__name__
        for one in reversed(chain)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what it came from, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _stamped(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Whose line it is, how bad and when: at once, for there are two lines to an order."""
    if call := CALL.get(None):
        event["call"] = call
    if reseller := RESELLER.get():
        event["reseller"] = reseller
    event["level"] = method
    event["at"] = f"{datetime.now(UTC).isoformat()[:-6]}Z"
    return event


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr).decode()
    except TypeError:  # half of a surrogate pair, an integer of more than 64 bits
        return json.dumps(event, default=repr)


_HUMAN = ConsoleRenderer(timestamp_key="at", exception_formatter=plain_traceback)


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
    renderer = _HUMAN if (stream.isatty() if human is None else human) else _json
    traced = structlog.processors.ExceptionRenderer(_traceback)
    chain: list[Processor] = [_stamped, traced, redactor, renderer]
    sink = cast(TextIO, Sink(stream))  # all that is asked of it is write and flush
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sink),
    )
    _catch_libraries(number, sink, chain)
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
