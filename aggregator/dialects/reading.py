"""As a client of a panel: the answers to ``status``, ``refill`` and ``cancel``.

``rows`` says which part of the answer is about which ID; here is what such a part
means. A decoder's result has exactly the IDs asked for as its keys, and it never
raises. What a panel may write in each field: protocol.md, sections 2 and 4.
"""

from aggregator.core.errors import ErrorClass, classify
from aggregator.core.lifecycle import squash
from aggregator.core.messages import (
    CancelAnswers,
    Command,
    OrderStatus,
    RefillAnswers,
    Refused,
    StatusAnswers,
    Unreadable,
)
from aggregator.core.model import Kind
from aggregator.dialects.form import Dialect
from aggregator.dialects.rows import NOT_A_ROW, VALUE, Answer, answers
from aggregator.dialects.values import (
    amount,
    clean,
    count,
    error_in,
    failed,
    flag,
    is_list,
    is_object,
    refused,
    sound_id,
    text_in,
    whole,
)
from aggregator.dialects.wire import Num, WireReply

CHILDREN_LIMIT = 10_000
_NO_CANCEL = Unreadable("neither a cancel nor an error")
_ASKED_FOR = frozenset(
    {
        "requested",
        "success",
        "ok",
        "canceled",
        "cancelled",
        "cancel",
        "pending",
        "processing",
        "inprogress",
    }
)


def decode_status(dialect: Dialect, command: Command, reply: WireReply) -> StatusAnswers:
    """What the panel says of each order asked after."""
    return answers(dialect, command, reply, lambda row: _status(dialect, command.kind, row))


def decode_refill(dialect: Dialect, command: Command, reply: WireReply) -> RefillAnswers:
    """The ID of each new refill."""
    return answers(dialect, command, reply, lambda row: _refill_id(dialect, row))


def decode_refill_status(dialect: Dialect, command: Command, reply: WireReply) -> RefillAnswers:
    """The word of each refill asked after."""
    return answers(dialect, command, reply, lambda row: _refill_word(dialect, row))


def decode_cancel(dialect: Dialect, command: Command, reply: WireReply) -> CancelAnswers:
    """None for each order whose cancel was asked for."""
    return answers(dialect, command, reply, lambda row: _canceled(dialect, row))


def _status(dialect: Dialect, kind: Kind, row: object) -> Answer[OrderStatus]:
    if not is_object(row):
        text = text_in(row)
        return refused(dialect, text) if text and not isinstance(row, Num) else NOT_A_ROW
    told = dialect.told("status", row)
    word = _word(dialect, told["status"])
    if not isinstance(word, str):
        return word
    runs, posts, children = count(told["runs"]), count(told["posts"]), _children(told["orders"])
    return OrderStatus(
        word=word,
        charge=amount(told["charge"]),
        start_count=text_in(told["start_count"]) or None,
        remains=whole(told["remains"]),
        currency=text_in(told["currency"]) or None,
        runs=runs,
        posts=posts,
        expiry=text_in(told["expiry"]) or None,
        children=children,
        kind=kind if kind is not Kind.NORMAL else _kind_by(runs, posts, children),
    )


def _kind_by(runs: int | None, posts: int | None, children: tuple[str, ...] | None) -> Kind:
    if posts is not None:
        return Kind.SUBSCRIPTION
    return Kind.NORMAL if runs is None and children is None else Kind.DRIPFEED


def _word(dialect: Dialect, value: object) -> Answer[str]:
    """The status as spelled, or canonical where the dialect knows the spelling."""
    if is_object(value) and (error := error_in(value)) is not None:
        return refused(dialect, error)
    text = text_in(value)
    if text is None:
        return NOT_A_ROW
    return dialect.statuses.get(squash(text), text)


def _children(value: object) -> tuple[str, ...] | None:
    """The IDs of the orders made so far; None unless each of them is sound.

    A child left out would be money given back for what was delivered.
    """
    if value is None:
        return None
    if is_object(value):  # a PHP array with a gap becomes an object
        value = list(value.values())
    elif isinstance(value, str) and value:
        value = [part.strip() for part in value.split(",")]
    if not is_list(value) or len(value) > CHILDREN_LIMIT:
        return None
    ids = [sound_id(child) for child in value]
    children = tuple(dict.fromkeys(child for child in ids if child is not None))
    return None if None in ids else children


def _value(dialect: Dialect, action: str, row: object) -> object:
    """What a row answers. A map may give it bare: ``{"1": 1}``, ``{"1": "Cannot cancel"}``.

    An error inside the value, or a text that is a known error, is Refused.
    """
    value = row.get(dialect.their_field(action, VALUE[action])) if is_object(row) else row
    if is_object(value) and (error := error_in(value)) is not None:
        return refused(dialect, error)
    if isinstance(value, str) and classify(value, dialect.errors) is not ErrorClass.UNKNOWN:
        return refused(dialect, clean(value))
    return value


def _refill_id(dialect: Dialect, row: object) -> Answer[str]:
    value = _value(dialect, "refill", row)
    if isinstance(value, Refused | Unreadable):
        return value
    return sound_id(value) or Unreadable("no refill ID")


def _refill_word(dialect: Dialect, row: object) -> Answer[str]:
    value = _value(dialect, "refill_status", row)
    return value if isinstance(value, Refused | Unreadable) else _word(dialect, value)


def _canceled(dialect: Dialect, row: object) -> Answer[None]:
    value = _value(dialect, "cancel", row)
    if isinstance(value, Refused | Unreadable):
        return value
    if value is None and is_object(row):
        success = row.get("success")  # smmserver: nothing but {"success": "some words"}
        words = isinstance(success, str) and success.strip() and flag(success) is None
        return None if words else _asked_for(success)
    if is_object(value):  # paynow: {"cancel": {"status": 1}}
        return (
            Refused("cancel failed", ErrorClass.CANCEL)
            if failed(value)
            else _asked_for(value.get("status"))
        )
    return _asked_for(value)


def _asked_for(value: object) -> Answer[None]:
    if flag(value) is False:
        return Refused("cancel 0", ErrorClass.CANCEL)
    asked_for = flag(value) or (whole(value) or 0) > 0 or squash(text_in(value) or "") in _ASKED_FOR
    return None if asked_for else _NO_CANCEL
