"""A second opinion on the answer to an ``add``, as simple as it can be made.

Nothing here is shared with the codec, and nothing is clever: bytes are taken for
strict JSON or for nothing, and an ``add`` has exactly one right outcome. The opinion on
reads (``hostile_reads``) is built from the same few functions.
"""

import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from aggregator.core.outcome import InDoubt, Outcome, Placed, Rejected

NOTHING = object()  # not one document
TWINS = object()  # a key twice in one object

NOT_PROCESSED = {301, 307, 308, 401, 403, 429, 521, 523, 525, 526, 530}
OPEN_ENDED = (
    "something went wrong",
    "error while creating your order",
    "internal server error",
    "failed to create order",
)
REFUSALS = (
    *("not enough funds", "not_enough_funds", "insufficient", "incorrect", "quantity less than"),
    *("active order with this link", "refill not", "invalid api key", "too many requests"),
    *("ordering is disabled", "unknown action", "cannot cancel", "is required", "keyword"),
    "bad link",
)
NO_IDS = re.compile(
    r"[-_0]*|-[0-9]*|(?i:null|none|nil|nan|undefined|true|false|error|fail|failed|success|ok"
    r"|pending|requested|completed)"
)

FAILURES = ("fail", "failed", "error", "false")

UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # for a log or a database


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


class _Twins(ValueError):
    pass


def strictly(body: bytes) -> Any:
    """The document, NOTHING or TWINS."""
    try:
        return json.loads(
            body.decode("utf-8").removeprefix("\ufeff"),
            object_pairs_hook=_single,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refuse,
        )
    except _Twins:
        return TWINS
    except (ValueError, RecursionError):
        return NOTHING


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Twins
    return dict(pairs)


def _refuse(_text: str) -> NoReturn:
    raise ValueError


def sound(value: Any) -> str | None:
    """The ID that a value is, if it is one."""
    if isinstance(value, Number):
        return str(value) if re.fullmatch("[1-9][0-9]{0,63}", value) else None
    named = isinstance(value, str) and re.fullmatch("[A-Za-z0-9_-]{1,64}", value)
    return value if named and not NO_IDS.fullmatch(value) else None


def said(value: Any) -> bool:
    """Whether an ``error`` field is there at all."""
    return bool(value) and not (isinstance(value, Number) and not value.strip("-0."))


def erring(document: Any) -> bool:
    return isinstance(document, dict) and (
        said(document.get("error")) or said(document.get("errors"))
    )


def texts(value: Any) -> Iterator[str]:
    """All texts within, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def plain(values: Sequence[Any]) -> str:
    joined = "; ".join(text for value in values for text in texts(value))
    joined = html.unescape(re.sub("&#[0-9]{30,};?", "\ufffd", joined))  # Python cannot count so far
    return " ".join(UNFIT.sub(" ", joined).casefold().split())


def mentions(text: str, phrases: Sequence[str]) -> bool:
    return any(phrase in text for phrase in phrases)


# -- add


def right_add(field: str, status: int, body: bytes) -> str:
    """The one right outcome: "placed ID", "rejected" or "in doubt"."""
    document = strictly(body)
    heard = 200 <= status < 300 or 400 <= status < 500
    if document is TWINS:
        return "in doubt"
    if not isinstance(document, dict):
        return "rejected" if status in NOT_PROCESSED else "in doubt"
    order = document.get(field)
    if erring(document):
        return _right_refusal(document, order, status, heard)
    upstream_order_id = sound(order)
    if upstream_order_id is None:
        return "rejected" if status in NOT_PROCESSED else "in doubt"
    return f"placed {upstream_order_id}" if heard and not fails(document) else "in doubt"


def _right_refusal(document: dict[str, Any], order: Any, status: int, heard: bool) -> str:
    text = plain([document.get(name) for name in ("error", "errors", "message", "msg")])
    nothing_named = order in (None, False, "", "0") or order == [] or order == {}
    if not nothing_named or mentions(text, OPEN_ENDED):
        return "in doubt"
    clear = heard or status in NOT_PROCESSED or (status >= 500 and mentions(text, REFUSALS))
    return "rejected" if clear else "in doubt"


def fails(document: dict[str, Any]) -> bool:
    """Whether it says in so many words that the call went wrong."""
    status, success = (_word(document.get(name)) for name in ("status", "success"))
    return status in FAILURES or success in (*FAILURES, "0", "no")


def _word(value: Any) -> str:
    return "false" if value is False else value.strip().lower() if isinstance(value, str) else ""


def judge_add(field: str, status: int, body: bytes, outcome: Outcome) -> str:
    """What is wrong with an outcome; empty where nothing is."""
    right = right_add(field, status, body)
    match outcome:
        case Placed(upstream_order_id):
            found = f"placed {upstream_order_id}"
        case Rejected():
            found = "rejected"
        case InDoubt():
            found = "in doubt"
        case _:
            found = repr(outcome)
    return "" if found == right else f"{found} instead of {right}"
