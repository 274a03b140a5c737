"""How a panel speaks, found out by asking: the questions, and what is seen in the answers.

How it works
============

``listen`` is a conversation without a wire: a generator that yields a ``Question`` and
is sent the ``WireReply``, or Unreadable where none came. Whoever drives it carries the
bytes. It ends with ``Seen``, of which ``concluding`` makes a dialect, or raises
``Unlearned`` with a sentence for the operator.

Every question is one that changes nothing. There is no ``add``, no ``refill`` and no
``cancel`` among them, not even of an order that cannot exist, for some engines look at
an ID only after they have done something. What these need to be told is concluded from
what stands beside them, or said not to be known.

The first question carries the key in every way at once: a wrong key costs two calls,
not six, and no panel takes us for somebody who guesses. An action that nobody has is
asked for as well: a panel that answers ``refill_status`` with the same words does not
have it.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Balance, Command, OrderStatus, Refused, Unreadable
from aggregator.dialects import seen
from aggregator.dialects.asking import encode_command
from aggregator.dialects.catalogue import decode_balance, decode_services
from aggregator.dialects.form import Dialect
from aggregator.dialects.opening import open_reply
from aggregator.dialects.reading import decode_refill_status, decode_status
from aggregator.dialects.seen import Listing, Seen
from aggregator.dialects.values import is_list, is_object
from aggregator.dialects.wire import WireReply, WireRequest

T = TypeVar("T")

# No panel has sold so many; enough of them to fill a whole batch.
IMPOSSIBLE = tuple(str(10**18 - 1 - number) for number in range(100))
NO_ACTION = "no_such_action"
HIDDEN = "…"
WAYS: Mapping[str, Dialect] = {
    "key": Dialect(param="key"),
    "api_token": Dialect(param="api_token"),
    "bearer": Dialect(param=None, bearer=True),
}


class Unlearned(Exception):
    """There is nothing to be learned there; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """``large``: the answer may be a whole list of services."""

    about: str
    request: WireRequest = field(repr=False)
    large: bool = False


Talk: TypeAlias = Generator[Question, WireReply | Unreadable, T]


def listen(key: str, order: str | None = None) -> Talk[Seen]:
    """The conversation. ``order``: an order that this account has there, if any."""
    json, balance, renamed = yield from _door(key)
    ways = yield from _ways(json, key)
    dialect = replace(next(one for way, one in WAYS.items() if way in ways), json=json)
    listing = yield from _listing(dialect, key)
    nothing = yield from _refusal(dialect, key)
    missing = yield from _status(dialect, key, IMPOSSIBLE[0], "an order that cannot exist")
    status_batch = yield from _batch(dialect, key, "status", "orders")
    refills, refill_batch = yield from _refills(dialect, key, nothing)
    told, of_order = (yield from _order(dialect, key, order)) if order else (None, {})
    names = {"balance": renamed, "services": listing.renamed, "status": of_order}
    return Seen(
        ways=ways,
        json=json,
        balance=balance,
        renamed={action: found for action, found in names.items() if found},
        listing=listing,
        nothing=nothing,
        missing=missing,
        status_batch=status_batch,
        refill_status=refills,
        refill_batch=refill_batch,
        order=told,
    )


def _ask(
    about: str, dialect: Dialect, command: Command, key: str, *, large: bool = False
) -> Talk[WireReply]:
    """The reply. Unlearned where none came, or where we are told to ask less often."""
    reply = yield Question(about, encode_command(dialect, command, key), large)
    if isinstance(reply, Unreadable):
        raise Unlearned(f"The panel does not answer: {reply.cause} (asked for {about})")
    opened = open_reply(dialect, reply)
    if isinstance(opened, Refused) and opened.error_class is ErrorClass.RATE:
        raise Unlearned("The panel wants to be asked less often: try again in some minutes")
    return reply


# -- the key


def _door(key: str) -> Talk[tuple[bool, Balance, Mapping[str, str]]]:
    """How to get in at all: whether as JSON, because not as a form."""
    refusals: list[tuple[int, str]] = []
    for json in (False, True):
        every = Dialect(param="key", bearer=True, json=json)
        about = "the balance, the key in every way" + (", in JSON" if json else "")
        reply = yield from _ask(about, every, Command("balance", {"api_token": key}), key)
        told, renamed = _balance(every, reply)
        if isinstance(told, Balance):
            return json, told, renamed
        refusals.append(_why(reply, told, key))
    raise Unlearned(min(refusals)[1])


def _balance(
    dialect: Dialect, reply: WireReply
) -> tuple[Balance | Refused | Unreadable, Mapping[str, str]]:
    renamed = seen.renamed_in("balance", [seen.document_of(reply)])
    return decode_balance(replace(dialect, fields={"balance": renamed}), reply), renamed


def _why(reply: WireReply, told: Refused | Unreadable, key: str) -> tuple[int, str]:
    """Why the balance was not told; the lower the number, the more it says."""
    if isinstance(told, Unreadable):
        if reply.body.lstrip()[:1] == b"<":
            return 2, "This is a web page, not a panel's API: what its URL is says the panel"
        return 3, f"This does not answer like a panel: {told.cause} (http {reply.status})"
    text = _without(key, told.text)
    if told.error_class is ErrorClass.AUTH:
        return 0, f"The panel refuses this key: {text!r}"
    return 1, f"The panel refuses to tell the balance: {text!r}"


def _ways(json: bool, key: str) -> Talk[frozenset[str]]:
    """Which ways of giving the key work alone. Nobody is asked for api_token who takes key."""
    found: set[str] = set()
    for way, alone in WAYS.items():
        if way == "api_token" and "key" in found:
            continue
        about = f"the balance, the key as {way} alone"
        asking = replace(alone, json=json)
        reply = yield from _ask(about, asking, Command("balance"), key)
        if isinstance(_balance(asking, reply)[0], Balance):
            found.add(way)
    if not found:
        raise Unlearned(
            "The panel takes the key in several ways at once, and in none of them alone"
        )
    return frozenset(found)


# -- the list of services


def _listing(dialect: Dialect, key: str) -> Talk[Listing]:
    for action in ("services", "packages"):
        asking = replace(dialect, actions={**dialect.actions, "services": action})
        command = Command("services")
        reply = yield from _ask(f"the list, as {action}", asking, command, key, large=True)
        raw = seen.raw_rows(reply)
        renamed = seen.renamed_in("services", raw)
        rows = decode_services(replace(asking, fields={"services": renamed}), reply)
        if isinstance(rows, list):
            return seen.listed(action, rows, raw, renamed)
    return Listing()


# -- orders and refills


def _refusal(dialect: Dialect, key: str) -> Talk[str | None]:
    """The words for an action that nobody has; None where it is answered otherwise."""
    asking = replace(dialect, actions={**dialect.actions, "balance": NO_ACTION})
    reply = yield from _ask("an action that nobody has", asking, Command("balance"), key)
    opened = open_reply(dialect, reply)
    return _without(key, opened.text) if isinstance(opened, Refused) else None


def _status(
    dialect: Dialect, key: str, order: str, about: str
) -> Talk[OrderStatus | Refused | Unreadable]:
    command = Command("status", {"order": order})
    reply = yield from _ask(f"the status of {about}", dialect, command, key)
    told = decode_status(dialect, command, reply)[order]
    return replace(told, text=_without(key, told.text)) if isinstance(told, Refused) else told


def _batch(dialect: Dialect, key: str, action: str, param: str) -> Talk[bool]:
    """Whether a call with a hundred IDs is answered ID by ID."""
    command = Command(action, {param: ",".join(IMPOSSIBLE)})
    reply = yield from _ask(f"{action} of a hundred at once", dialect, command, key)
    document = seen.document_of(reply)
    if is_object(document):
        return all(order in document for order in IMPOSSIBLE)
    rows = [row for row in document if is_object(row)] if is_list(document) else []
    named = {value for row in rows for value in row.values() if isinstance(value, str)}
    return named.issuperset(IMPOSSIBLE)


def _refills(dialect: Dialect, key: str, nothing: str | None) -> Talk[tuple[bool, bool]]:
    """Whether refills can be asked after, and many at once."""
    command = Command("refill_status", {"refill": IMPOSSIBLE[0]})
    about = "the status of a refill that cannot exist"
    reply = yield from _ask(about, dialect, command, key)
    told = decode_refill_status(dialect, command, reply)[IMPOSSIBLE[0]]
    if isinstance(told, Unreadable):
        return False, False
    if isinstance(told, Refused) and (
        told.error_class is ErrorClass.ACTION or _without(key, told.text) == nothing
    ):
        return False, False
    many = yield from _batch(dialect, key, "refill_status", "refills")
    return True, many


def _order(
    dialect: Dialect, key: str, order: str
) -> Talk[tuple[OrderStatus | Refused | Unreadable, Mapping[str, str]]]:
    """An order that exists shows the names of the fields."""
    command = Command("status", {"order": order})
    reply = yield from _ask("the status of your order", dialect, command, key)
    document = seen.document_of(reply)
    row = document.get(order, document) if is_object(document) else document
    renamed = seen.renamed_in("status", row if is_list(row) else [row])
    speaking = replace(dialect, fields={"status": renamed})
    return decode_status(speaking, command, reply)[order], renamed


# -- reading


def _without(key: str, text: str) -> str:
    """A panel's own words, which may quote the key."""
    return text.replace(key, HIDDEN)
