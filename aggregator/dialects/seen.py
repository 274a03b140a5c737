"""What a panel's answers show of how it speaks: names of fields, columns, kinds of numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aggregator.core.messages import Balance, OrderStatus, Refused, ServiceRow, Unreadable
from aggregator.dialects.catalogue import MAX_OBJECTS, MAX_VALUES
from aggregator.dialects.scale import is_larger_than
from aggregator.dialects.values import flag, is_list, is_object
from aggregator.dialects.wire import Garbled, Num, WireReply, parse

# Other engines' names for the fields of answers, by action and our name.
_SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "balance": {"balance": ("funds", "credit", "amount"), "currency": ("currency_code",)},
    "services": {
        "service": ("service_id", "package", "package_id", "id"),
        "name": ("service_name", "package_name", "title"),
        "type": ("service_type",),
        "category": ("category_name", "group"),
        "rate": ("price", "cost", "price_per_1000"),
        "min": ("minimum", "min_order", "min_quantity"),
        "max": ("maximum", "max_order", "max_quantity"),
        "refill": ("refill_available", "refill_is_available"),
        "cancel": ("cancel_available", "canceling_is_available", "cancelling_is_available"),
        "dripfeed": ("drip_feed", "dripfeed_available"),
        "description": ("desc", "details"),
    },
    "status": {
        "status": ("order_status", "state"),
        "charge": ("price", "cost", "amount"),
        "start_count": ("start_counter", "count_start", "start"),
        "remains": ("remain", "remaining", "count_remain"),
        "currency": ("currency_code",),
    },
}
_PROMISES = ("refill", "cancel", "dripfeed")
_COUNTED = ("service", "rate", "min", "max")


@dataclass(frozen=True, slots=True)
class Listing:
    """The list of services. ``action``: what it is asked for with; None: it was not to be
    had. ``columns``: ours that its rows have; ``numbers``: those written as JSON numbers;
    ``promised``: of refill, cancel and dripfeed, what any service has."""

    action: str | None = None
    rows: tuple[ServiceRow, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    promised: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the answers showed. ``ways``: which of WAYS works alone; ``renamed``: by action,
    ours -> theirs. ``nothing``: the words for an action that nobody has; ``missing``: the
    answer about an order that cannot exist. ``order``: the answer about one that exists, if
    there was one to ask after."""

    ways: frozenset[str]
    json: bool
    balance: Balance
    renamed: Mapping[str, Mapping[str, str]]
    listing: Listing
    nothing: str | None
    missing: OrderStatus | Refused | Unreadable
    status_batch: bool
    refill_status: bool
    refill_batch: bool
    order: OrderStatus | Refused | Unreadable | None = None


def listed(
    action: str,
    rows: list[ServiceRow],
    raw: list[dict[str, object]],
    renamed: Mapping[str, str],
) -> Listing:
    names = {ours: renamed.get(ours, ours) for ours in _SYNONYMS["services"]}
    return Listing(
        action=action,
        rows=tuple(rows),
        renamed=renamed,
        columns=frozenset(one for one in names if any(names[one] in row for row in raw)),
        numbers=frozenset(
            one for one in _COUNTED if any(isinstance(row.get(names[one]), Num) for row in raw)
        ),
        promised=frozenset(
            one for one in _PROMISES if any(flag(row.get(names[one])) for row in raw)
        ),
    )


def raw_rows(reply: WireReply) -> list[dict[str, object]]:
    document = document_of(reply)
    if is_object(document):
        document = document.get("data")
    return [row for row in document if is_object(row)] if is_list(document) else []


def document_of(reply: WireReply) -> object:
    """What was answered; None where that is no document, or larger than any list may be."""
    if is_larger_than(reply.body, MAX_OBJECTS, MAX_VALUES):
        return None
    try:
        return parse(reply.body)
    except Garbled:
        return None


def renamed_in(action: str, rows: Iterable[object]) -> dict[str, str]:
    """ours -> theirs, of the fields that these rows have under another name only."""
    present = {name for row in rows if is_object(row) for name in row}
    found: dict[str, str] = {}
    for ours, others in _SYNONYMS[action].items():
        theirs = next((name for name in others if name in present), None)
        if ours not in present and theirs is not None:
            found[ours] = theirs
    return found
