"""As a client of a panel: the answers to ``services`` and ``balance``."""

from aggregator.core.messages import Balance, Refused, ServiceRow, Unreadable
from aggregator.dialects.form import Dialect
from aggregator.dialects.opening import open_reply
from aggregator.dialects.scale import is_larger_than
from aggregator.dialects.values import (
    clean_lines,
    count,
    flag,
    is_list,
    is_object,
    message_in,
    refused,
    signed_amount,
    sound_id,
    text_in,
)
from aggregator.dialects.wire import WireReply

MAX_ROWS = 50_000
# Rows may hold objects, and fields that we know nothing of, but not without end.
MAX_OBJECTS = 4 * MAX_ROWS
MAX_VALUES = 1000
_TOO_LARGE = Unreadable("catalogue too large")


def decode_balance(dialect: Dialect, reply: WireReply) -> Balance | Refused | Unreadable:
    """What the account holds, in the currency that the panel names, if it names one."""
    document = open_reply(dialect, reply)
    if isinstance(document, Refused | Unreadable):
        return document
    if not is_object(document):
        return Unreadable("not a JSON object")
    balance = signed_amount(document.get(dialect.their_field("balance", "balance")))
    if balance is not None:
        currency = text_in(document.get(dialect.their_field("balance", "currency")))
        return Balance(balance, currency or None)
    message = message_in(document)
    return refused(dialect, message) if message else Unreadable("no balance")


def decode_services(dialect: Dialect, reply: WireReply) -> list[ServiceRow] | Refused | Unreadable:
    """The catalogue, each service once. Rows without a sound ID and a name are dropped.

    ``{"status": "success", "data": "Empty Data"}`` and ``[]`` are an empty one. An
    unknown type is kept as it is spelled. One of more than ``MAX_ROWS`` is not read.
    """
    if is_larger_than(reply.body, MAX_OBJECTS, MAX_VALUES):
        return _TOO_LARGE
    document = open_reply(dialect, reply)
    if isinstance(document, Refused | Unreadable):
        return document
    if is_object(document):
        message = message_in(document)
        if message and "data" not in document:
            return refused(dialect, message)
        document = document.get("data")
        document = [] if document == "Empty Data" else document
    if not is_list(document):
        return Unreadable("not a list")
    if len(document) > MAX_ROWS:
        return _TOO_LARGE
    rows: dict[str, ServiceRow] = {}
    for item in document:
        row = _row(dialect, item)
        if row is not None:
            rows.setdefault(row.service, row)
    return list(rows.values())


def _row(dialect: Dialect, item: object) -> ServiceRow | None:
    if not is_object(item):
        return None
    told = dialect.told("services", item)
    service, name = sound_id(told["service"]), text_in(told["name"])
    if service is None or not name:
        return None
    description = told["description"]
    return ServiceRow(
        service=service,
        name=name,
        type=text_in(told["type"]) or "",
        category=text_in(told["category"]) or "",
        rate=text_in(told["rate"]) or "",
        min=count(told["min"]),
        max=count(told["max"]),
        refill=flag(told["refill"]),
        cancel=flag(told["cancel"]),
        dripfeed=flag(told["dripfeed"]),
        description=clean_lines(description) or None if isinstance(description, str) else None,
    )
