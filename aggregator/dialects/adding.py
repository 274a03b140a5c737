"""The answer to an ``add``: the one place where a misreading costs money.

How it works
============

An ``add`` has no idempotency key, so its answer is the only proof of what
happened. Each way of misreading it has a price: a Placed that was none sells the
reseller nothing, a Rejected that was none lets the order be bought again at the
next route. So both must be *proved*, and whatever is not proved is InDoubt: the
hold stays, nothing is sent again, and the order is settled by other means.

The proof is read in two steps. ``_said`` looks only at the body and says what the
panel said, if it said one thing: it named an order, it refused, or neither.
``decode_added`` then sets that against the HTTP status:

=====================  =============  ==============================  ==============
HTTP status            named          refused                         said neither
=====================  =============  ==============================  ==============
2xx, other 4xx         Placed         Rejected by its class           InDoubt
401, 403, 429          Placed         by its class, else the status   the status
521 523 525 526 530    InDoubt        by its class, else DOWN         DOWN
301, 307, 308          InDoubt        by its class, else DOWN         DOWN
other 5xx              InDoubt        Rejected if the class is known  InDoubt
anything else          InDoubt        InDoubt                         InDoubt
=====================  =============  ==============================  ==============

Cutting through the table, whatever the status: duplicate keys, an order beside
an error or beside a plain word of failure, and the texts that leave the outcome
open ("Something went wrong") are InDoubt, for there the panel contradicts itself
or says that it does not know. Where it named an order the cause holds its ID, the
first thing that a person will want to look up. The statuses of the third and fourth
rows come from a proxy that could not reach the panel, or from a server that moved.

What must change together: this table, the one in the design's section on the
walk of an ``add``, and the samples of hostile replies in the tests.
"""

import re
from collections.abc import Collection

from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind
from aggregator.core.outcome import InDoubt, Outcome, Placed, Rejected
from aggregator.dialects.form import Dialect
from aggregator.dialects.quoting import class_of
from aggregator.dialects.values import clean, error_in, failed, is_object, sound_id
from aggregator.dialects.wire import DUPLICATE_KEYS, Garbled, WireReply, parse

# Statuses that say by themselves that the panel did not process the request.
_NOT_PROCESSED = {
    429: ErrorClass.RATE,
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    521: ErrorClass.DOWN,  # Cloudflare: no connection to the origin
    523: ErrorClass.DOWN,
    525: ErrorClass.DOWN,
    526: ErrorClass.DOWN,
    530: ErrorClass.DOWN,
    301: ErrorClass.DOWN,  # moved: the operator must correct the URL
    307: ErrorClass.DOWN,
    308: ErrorClass.DOWN,
}
# Nearly all of them: nothing but an order, named by a number. No reading of it can differ.
_PLAINEST = re.compile(rb'\{"order":("?)([1-9][0-9]{0,63})\1\}')
_NO_ORDER: tuple[object, ...] = (None, False, "", "0", [], {})


def decode_added(
    dialect: Dialect, reply: WireReply, *, said_by_us: Collection[str] = ()
) -> Outcome:
    """Placed, Rejected or InDoubt, by the table above; never NotSent, never raises.

    ``said_by_us``: what the panel may quote of the order. It does not class a refusal.
    """
    by_status = _NOT_PROCESSED.get(reply.status)
    listens = 200 <= reply.status < 300 or 400 <= reply.status < 500
    http = f"http {reply.status}"
    match _said(dialect, reply.body, said_by_us):
        case Placed() as placed:
            return placed if listens else InDoubt(f"{http} with order {placed.upstream_order_id}")
        case InDoubt() as contradiction:
            return contradiction
        case Rejected(ErrorClass.UNKNOWN, text) if listens or by_status:
            return Rejected(by_status or ErrorClass.UNKNOWN, text)
        case Rejected(error_class) as rejected if error_class is not ErrorClass.UNKNOWN:
            clear = listens or by_status or reply.status >= 500
            return rejected if clear else InDoubt(http)
        case str() as cause if listens and not by_status:
            return InDoubt(cause)
    return Rejected(by_status, http) if by_status else InDoubt(http)


def _said(
    dialect: Dialect, body: bytes, said_by_us: Collection[str]
) -> Placed | Rejected | InDoubt | str:
    """What the body says. InDoubt: it contradicts itself. Text: why it says neither."""
    plain = _PLAINEST.fullmatch(body)
    if plain is not None and dialect.their_field("add", "order") == "order":
        return Placed(plain[2].decode())
    try:
        document = parse(body)
    except Garbled as garbled:
        cause = str(garbled)
        return InDoubt(cause) if cause == DUPLICATE_KEYS else cause
    if not is_object(document):
        return "not a JSON object"
    order = document.get(dialect.their_field("add", "order"))
    error = error_in(document)
    if error is None:
        return _named(dialect, document, order)
    if order not in _NO_ORDER:
        return InDoubt(f"order {sound_id(order) or '?'} beside an error")
    error_class = class_of(dialect, error, said_by_us)
    if error_class is ErrorClass.UNKNOWN_OUTCOME:
        return InDoubt("the panel does not know")
    return Rejected(error_class, clean(error))


def _named(dialect: Dialect, document: dict[str, object], order: object) -> Placed | InDoubt | str:
    upstream_order_id = sound_id(order)
    if upstream_order_id is None:
        return "neither an order nor an error"
    if failed(document):
        return InDoubt(f"order {upstream_order_id} beside a failure")
    return Placed(upstream_order_id, _kind(dialect, document))


def _kind(dialect: Dialect, document: dict[str, object]) -> Kind | None:
    """What they call the order, where their answer has a field for it."""
    if not any(ours == "type" for ours, _ in dialect.shown("add")):
        return None
    told = document.get(dialect.their_field("add", "type"))
    return next((kind for kind in Kind if kind == told), None)
