"""Which part of an answer is about which ID.

How it works
============

Four actions ask about IDs, one or several, and every panel has its own idea of
the answer: one object; a map by ID; a list of rows with the ID inside, in any
order; a map even for a single ID; a list of one row without an ID. ``answers``
brings them together: it opens the reply, finds the row of each ID asked for, and
has it read by a function that is the only thing to differ by action.

A row is never matched by its position. Rows that nobody asked for are not looked
at (some engines leak them), and an ID without a row is Unreadable. The result has
exactly the IDs asked for as its keys. A refusal of the whole call is one of each
ID, with one exception: "Incorrect order ID" in answer to several says nothing
about any one of them.

``error`` speaks before everything else, for some engines put a code beside it
that looks like a status: ``{"error": "...", "status": "104"}``. And ``status`` at
the top may speak of the call (``{"status": "success"}``), which completes no order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from aggregator.core.errors import ErrorClass
from aggregator.core.lifecycle import squash
from aggregator.core.messages import Command, Refused, Unreadable
from aggregator.dialects.form import FIELDS, ID_PARAMS, Dialect
from aggregator.dialects.opening import open_reply
from aggregator.dialects.values import (
    error_in,
    failed,
    is_list,
    is_object,
    message_in,
    refused,
    sound_id,
    text_in,
)
from aggregator.dialects.wire import WireReply

T = TypeVar("T")
Answer: TypeAlias = T | Refused | Unreadable
Document = dict[str, object]

# The field that an action's row answers with.
VALUE = {"status": "status", "refill": "refill", "refill_status": "status", "cancel": "cancel"}

_FACTS = tuple(name for name in FIELDS["status"] if name != "status")
_LEFT_OUT = Unreadable("left out of the answer")
_TWICE = Unreadable("answered twice")
_OTHER = Unreadable("answered for another ID")
_OF_THE_CALL = Unreadable("a status of the call")
NOT_A_ROW = Unreadable("not an answer")


def asked_ids(command: Command) -> tuple[str, ...]:
    """The distinct IDs that a command asks about, in its order."""
    single, many = ID_PARAMS[command.action]
    text = command.params.get(many) or command.params.get(single, "")
    return tuple(dict.fromkeys(text.split(",")))


def answers(
    dialect: Dialect,
    command: Command,
    reply: WireReply,
    read: Callable[[object], Answer[T]],
) -> Mapping[str, Answer[T]]:
    ids = asked_ids(command)
    document = open_reply(dialect, reply)
    if is_object(document) and not any(asked in document for asked in ids):
        document = _complaint(dialect, command.action, document) or document
    if isinstance(document, Refused) and len(ids) > 1 and _names_an_id(command, document):
        document = Unreadable("refused for an ID it does not name")
    if isinstance(document, Refused | Unreadable):
        return dict.fromkeys(ids, document)
    rows = _rows(dialect, command.action, ids, document)
    return {asked: _read_row(dialect, rows.get(asked, _LEFT_OUT), read) for asked in ids}


def _names_an_id(command: Command, refusal: Refused) -> bool:
    about = {ErrorClass.ORDER}
    if command.action == "refill_status":
        about.add(ErrorClass.REFILL)
    return refusal.error_class in about


def _read_row(dialect: Dialect, row: object, read: Callable[[object], Answer[T]]) -> Answer[T]:
    if isinstance(row, Unreadable):
        return row
    if is_object(row) and (error := error_in(row)) is not None:
        return refused(dialect, error)
    return read(row)


def _rows(
    dialect: Dialect, action: str, ids: Sequence[str], document: object
) -> Mapping[str, object]:
    """The row of each ID, as far as the document has one."""
    id_field = dialect.their_field(action, ID_PARAMS[action][0])
    if is_list(document):
        return _rows_of_list(id_field, ids, document)
    if not is_object(document):
        return dict.fromkeys(ids, NOT_A_ROW)
    if any(asked in document for asked in ids):
        return document
    if len(ids) > 1:
        return {}
    if sound_id(document.get(id_field)) not in (None, *ids):
        return {ids[0]: _OTHER}
    return {ids[0]: _OF_THE_CALL if _is_of_the_call(dialect, action, document) else document}


def _rows_of_list(
    id_field: str, ids: Sequence[str], document: list[object]
) -> Mapping[str, object]:
    rows: dict[str, object] = {}
    for row in filter(is_object, document):
        named = next((row[name] for name in (id_field, "id", "order_id") if name in row), None)
        # The only row of an answer about one ID need not name it.
        alone = named is None and len(ids) == len(document) == 1
        row_id = ids[0] if alone else sound_id(named)
        if row_id is not None:
            rows[row_id] = _TWICE if row_id in rows else row
    return rows


def _complaint(dialect: Dialect, action: str, document: Document) -> Refused | Unreadable | None:
    """``message`` where nothing was answered: ``{"success": false, "message": "..."}``."""
    message = message_in(document)
    if message is None:
        return None
    answered = dialect.their_field(action, VALUE[action]) in document
    if answered and not (failed(document) and not _has_facts(dialect, document)):
        return None
    return refused(dialect, message)


def _is_of_the_call(dialect: Dialect, action: str, document: Document) -> bool:
    """Whether ``status`` speaks of the call: ``{"status": "success"}`` completes no order."""
    if dialect.their_field(action, VALUE[action]) != "status":
        return False
    word = squash(text_in(document.get("status")) or "")
    if word in dialect.statuses:
        return False
    if word in ("success", "ok"):
        return True
    return action == "status" and failed(document) and not _has_facts(dialect, document)


def _has_facts(dialect: Dialect, document: Document) -> bool:
    return any(dialect.their_field("status", name) in document for name in _FACTS)
