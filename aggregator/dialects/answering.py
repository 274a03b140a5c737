"""As a panel: our answer, as a client of such a panel expects it.

An answer about one ID and an answer about several have different shapes, and which
one is wanted is told by the command: ``order`` is one, ``orders`` several, even if
it lists only one.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from aggregator.core.errors import UNAVAILABLE
from aggregator.core.messages import (
    Added,
    Balance,
    CancelAnswers,
    Command,
    OrderStatus,
    RefillAnswers,
    Refused,
    ServiceRow,
    StatusAnswers,
    StatusPage,
    Unreadable,
)
from aggregator.core.model import Kind
from aggregator.dialects.form import ID_PARAMS, Dialect
from aggregator.dialects.rows import VALUE, asked_ids

Document = list[ServiceRow] | StatusAnswers | RefillAnswers | CancelAnswers | Balance | Refused
Neutral = Added | Document

_encode = json.JSONEncoder(separators=(",", ":")).encode  # dumps() makes one a call
_spelled = lru_cache(_encode)  # names of fields: there are few
_UNAVAILABLE = Unreadable("no answer")
_ID = re.compile(r"[1-9][0-9]{0,63}")
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,63}")


def encode_answer(dialect: Dialect, command: Command, answer: Neutral) -> bytes:
    """JSON, ASCII only. IDs come in the order in which they were asked for.

    An ID that is Unreadable, or not in the answer, gets "Service temporarily
    unavailable". Numbers keep the digits they have; no exponents.
    """
    if isinstance(answer, StatusPage):
        return _page(dialect, command, answer)
    if isinstance(answer, Added):
        return _added(dialect, answer).encode()
    if command.action == "status" and isinstance(answer, Mapping):
        return _statuses(dialect, command, answer).encode()
    return _encode(_document(dialect, command, answer)).encode()


def _added(dialect: Dialect, added: Added) -> str:
    """The commonest answer of all: put together from what hardly differs."""
    order = added.order if _ID.fullmatch(added.order) else _encode(added.order)
    shown = dialect.shown("add")
    told = {"order": order}
    if len(shown) > 1:
        told["type"] = _encode(_kind_told(added.kind))
    return f"{{{','.join([f'{_spelled(theirs)}:{told[ours]}' for ours, theirs in shown])}}}"


def _page(dialect: Dialect, command: Command, page: StatusPage) -> bytes:
    several, written = ID_PARAMS["status"][1] in command.params, page.written
    if written is None or written[0] is not dialect or written[1] is not several:
        body = _statuses(dialect, command, page).encode()
        written = page.written = dialect, several, body
    return written[2]


def _statuses(dialect: Dialect, command: Command, answer: Mapping[str, object]) -> str:
    ids = asked_ids(command)
    if ID_PARAMS["status"][1] not in command.params:
        return _status_text(dialect, "", answer.get(ids[0]))
    rows = [_status_text(dialect, asked, answer.get(asked)) for asked in ids]
    return f"{{{','.join(rows)}}}"


def _status_text(dialect: Dialect, asked: str, status: object) -> str:
    """Most of what is ever written: what is shown again is not written anew. ``asked``: the
    ID that goes before it; blank where it stands alone."""
    if type(status) is not OrderStatus:
        return _status_row(dialect, asked, status)
    kept = status.texts.get(asked)
    if kept is None or kept[0] is not dialect:
        kept = status.texts[asked] = dialect, _status_row(dialect, asked, status)
    return kept[1]


def _status_row(dialect: Dialect, asked: str, status: object) -> str:
    if not asked:
        return _encode(_status(dialect, "status", status))
    return f"{_encode(asked)}:{_encode(_status(dialect, 'statuses', status))}"


def _document(dialect: Dialect, command: Command, answer: Document) -> object:
    match answer:
        case Refused():
            return _error(dialect, answer)
        case list():
            shown = dialect.shown("services")
            return [_fields(shown, _service(dialect, row)) for row in answer]
        case Balance(balance, currency):
            told = {"balance": f"{balance:f}", "currency": currency}
            return _fields(dialect.shown("balance"), told)
    return _by_id(dialect, command, answer)


def _by_id(dialect: Dialect, command: Command, answer: Mapping[str, object]) -> object:
    ids = asked_ids(command)
    several = ID_PARAMS[command.action][1] in command.params
    if several:
        return [_row(dialect, command.action, asked, answer) for asked in ids]
    value = _value(command.action, ids[0], answer)
    if isinstance(value, Refused):
        return _error(dialect, value)
    if command.action == "refill" and "refill" not in dialect.integers:
        value = str(value)
    return {dialect.their_field(command.action, VALUE[command.action]): value}


def _row(dialect: Dialect, action: str, asked: str, answer: Mapping[str, object]) -> object:
    value = _value(action, asked, answer)
    return {
        dialect.their_field(action, ID_PARAMS[action][0]): _id(asked),
        dialect.their_field(action, VALUE[action]): (
            _row_error(dialect, value) if isinstance(value, Refused) else value
        ),
    }


def _value(action: str, asked: str, answer: Mapping[str, object]) -> object:
    """What was answered for one ID, as JSON has it; else Refused."""
    value = answer.get(asked, _UNAVAILABLE)
    if isinstance(value, Unreadable):
        return Refused(UNAVAILABLE)
    if isinstance(value, Refused):
        return value
    if action == "cancel":
        return 1
    return _id(str(value)) if action == "refill" else value


def _status(dialect: Dialect, part: str, status: object) -> object:
    if not isinstance(status, OrderStatus):
        refusal = status if isinstance(status, Refused) else Refused(UNAVAILABLE)
        return (_error if part == "status" else _row_error)(dialect, refusal)
    told = {
        "charge": None if status.charge is None else f"{status.charge:f}",
        "start_count": _number(dialect, "start_count", status.start_count),
        "status": status.word,
        "remains": _number(dialect, "remains", status.remains),
        "currency": status.currency,
    }
    if status.kind is Kind.NORMAL:
        return _fields(dialect.shown(part), told)
    return _fields(dialect.shown(part, status.kind), {**told, **_of_children(dialect, status)})


def _of_children(dialect: Dialect, status: OrderStatus) -> Mapping[str, object]:
    """What is said of an order delivered in parts, beside what is said of all."""
    orders = None if status.children is None else [_id(child) for child in status.children]
    if status.kind is Kind.DRIPFEED:
        return {"runs": _number(dialect, "runs", status.runs), "orders": orders}
    posts = _number(dialect, "posts", status.posts)
    expiry = _text(dialect, "expiry", status.expiry)
    return {"posts": posts, "expiry": expiry, "orders": orders}


def _service(dialect: Dialect, row: ServiceRow) -> Mapping[str, object]:
    return {
        "service": _id(row.service),
        "name": row.name,
        "type": row.type,
        "category": row.category,
        "rate": row.rate,
        "min": _number(dialect, "min", row.min),
        "max": _number(dialect, "max", row.max),
        "refill": row.refill,
        "cancel": row.cancel,
        "dripfeed": row.dripfeed,
        "description": _text(dialect, "description", row.description),
    }


def _fields(shown: Sequence[tuple[str, str]], told: Mapping[str, object]) -> Mapping[str, object]:
    """The shown fields under their names; what is not known is left out."""
    return {theirs: told[ours] for ours, theirs in shown if told.get(ours) is not None}


def _error(dialect: Dialect, refusal: Refused) -> object:
    return {"error": dialect.their_texts.get(refusal.text, refusal.text)}


def _row_error(dialect: Dialect, refusal: Refused) -> object:
    text = dialect.their_texts.get(refusal.text, refusal.text)
    return {"error": [text] if dialect.row_errors_as_list else text}


def _id(text: str) -> int | str:
    return int(text) if _ID.fullmatch(text) else text


def _number(dialect: Dialect, name: str, value: str | int | None) -> int | str | None:
    if value is None:
        return None
    text = str(value)
    return int(text) if name in dialect.integers and _NUMBER.fullmatch(text) else text


def _text(dialect: Dialect, name: str, value: str | None) -> str | None:
    return "" if value is None and name in dialect.blank else value


def _kind_told(kind: Kind) -> str:
    """They know two kinds: a subscription is a normal order to them."""
    return str(Kind.DRIPFEED if kind is Kind.DRIPFEED else Kind.NORMAL)
