"""What we refuse for how it was sent, before anybody looks at what it says.

Refusals have an HTTP status of their own; what the API itself answers, errors
included, has 200.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aggregator.core.errors import TOO_MANY_REQUESTS


@dataclass(eq=False)  # not frozen: Python itself writes tracebacks into it
class Refusal(Exception):
    """``kind`` is a word for logs and metrics, ``text`` what the client reads.

    ``closes``: the connection cannot be used further, or should not be.
    """

    status: HTTPStatus
    kind: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False


class HungUp(Exception):
    """The client went away while still sending: there is nobody to answer."""


def malformed(text: str, *, closes: bool = False) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed", text, closes=closes)


def wrong_method(allowed: str) -> Refusal:
    text = f"Method not allowed, use {allowed}"
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "wrong_method", text, {"Allow": allowed})


def encoded() -> Refusal:
    """We do not unpack: a few bytes could become gigabytes."""
    return Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "encoded",
        "Content-Encoding is not supported",
        {"Accept-Encoding": "identity"},
    )


def too_large(limit: int) -> Refusal:
    text = f"Request is larger than {limit} bytes"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", text, closes=True)


def too_slow() -> Refusal:
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "too_slow", "Request timeout", closes=True)


def too_many(wait_s: float) -> Refusal:
    retry_after = {"Retry-After": str(math.ceil(wait_s))}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "limited", TOO_MANY_REQUESTS, retry_after)
