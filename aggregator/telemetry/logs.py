"""Log lines: structlog's and the libraries', without a secret in them (see ``redaction``)."""

import json
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor, WrappedLogger

from aggregator.telemetry.redaction import Redactor, conceal, concealed
from aggregator.telemetry.sink import Sink

CALL: ContextVar[str] = ContextVar("call")
"""Which of our requests a line belongs to; goes into every line as ``call``."""

RESELLER: ContextVar[str] = ContextVar("reseller", default="")
"""Whose request that is, once it is known; into every line as well."""


def forget() -> None:
    """What this task does from now on is for another request, of which nothing is known."""
    CALL.set("")
    RESELLER.set("")
    conceal()


def _traceback(exc_info: ExcInfo) -> str:
    """A traceback. Where nobody said what to conceal, in work without a request behind it,
    exceptions may quote a link that nobody could cut out: then their texts stay here."""
    kind, error, places = exc_info
    if concealed():
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


def _stamped(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Whose line it is, how bad and when, and the traceback where there is one: at once, for
    there are two lines to an order."""
    if call := CALL.get(None):
        event["call"] = call
    if reseller := RESELLER.get():
        event["reseller"] = reseller
    event["level"] = method
    event["at"] = datetime.now(UTC)
    return _TRACED(logger, method, event) if "exc_info" in event else event


def _spelled(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The time as orjson spells it."""
    event["at"] = f"{event['at'].isoformat()[:-6]}Z"
    return event


def _json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z).decode()
    except TypeError:  # half of a surrogate pair, an integer of more than 64 bits
        return json.dumps(_spelled(logger, method, event), default=repr)


_TRACED = structlog.processors.ExceptionRenderer(_traceback)
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
    human = stream.isatty() if human is None else human
    renderers: list[Processor] = [_spelled, _HUMAN] if human else [_json]
    chain: list[Processor] = [_stamped, redactor, *renderers]
    sink = Sink(stream)
    structlog.configure(
        processors=chain,
        wrapper_class=_lean(number),
        logger_factory=lambda *_: sink,
    )
    _catch_libraries(number, sink, chain)
    return redactor


def _lean(number: int) -> type[FilteringBoundLogger]:
    """structlog's class for this level, where ``info``, of which every request has one or
    two, takes a single call and a single copy of what is bound."""
    filtering = structlog.make_filtering_bound_logger(number)
    if number > logging.INFO:
        return filtering

    def info(self: Any, event: str, *args: Any, **fields: Any) -> None:
        if args:
            filtering.info(self, event, *args, **fields)
            return
        line: Any = {**self._context, **fields, "event": event}
        try:
            for step in self._processors:
                line = step(self._logger, "info", line)
        except structlog.DropEvent:
            return
        self._logger.info(line)

    return type(filtering.__name__, (filtering,), {"info": info})


def _catch_libraries(level: int, sink: Sink, processors: list[Processor]) -> None:
    """Libraries log with the standard library; their lines pass the same nets."""
    own = structlog.stdlib.ProcessorFormatter
    handler = logging.StreamHandler(cast(TextIO, sink))  # all it asks of it is write and flush
    name = [structlog.stdlib.add_logger_name]
    nets = [own.remove_processors_meta, *processors]
    handler.setFormatter(own(processors=nets, foreign_pre_chain=name))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))  # their debug lines quote what they read


def logger(room: str) -> FilteringBoundLogger:
    """The logger of one room; call it after ``set_up``, for it is bound at once."""
    return cast(FilteringBoundLogger, structlog.get_logger().bind(room=room))
