"""From what a panel's answers showed to the lines of a dialect, each with its reason.

A dialect that comes with the program is named only where there is no doubt: by the
panel's own host, or by what no other engine does. What harmless questions cannot show
(how a drip-feed is asked for, above all) differs between dialects that answer alike, and
to guess it would be to guess with orders. So what no answer showed is left off, or left
as in the standard where that is safe, and is said not to be known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from aggregator.core import pricing
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused
from aggregator.dialects.form import BATCHES, Dialect
from aggregator.dialects.learning import HIDDEN, IMPOSSIBLE
from aggregator.dialects.seen import Seen

HOSTS: Mapping[str, str] = {
    "smmxcel.shop": "smmxcel",
    "smmowner.shop": "smmowner",
    "socialmediapanels.com": "socialmediapanels",
    "smmgulf.com": "smmgulf",
    "cheapsmmpanel.com": "cheapsmmpanel",
}
STANDARD = "standard"

Value: TypeAlias = "str | int | bool | Mapping[str, Value] | None"
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}")
_SHORTEST_ERROR = 8  # a shorter text would be found in others


@dataclass(frozen=True, slots=True)
class Line:
    """A key of the dialect, and what its value was concluded from."""

    key: str
    value: Value
    because: str


@dataclass(frozen=True, slots=True)
class Learned:
    """``base``: the dialect to name, or to extend where there are ``lines``. ``fits``: the
    others of ours that the answers do not contradict. ``currency`` None: not told."""

    base: str
    because: str
    lines: tuple[Line, ...]
    currency: str | None
    observed: tuple[str, ...]
    unknown: tuple[str, ...]
    fits: tuple[str, ...]

    @property
    def form(self) -> dict[str, Value]:
        """The dialect's file, empty where ``base`` says it all."""
        if not self.lines:
            return {}
        return {"extends": self.base, **{line.key: line.value for line in self.lines}}


def conclude(seen: Seen, host: str, builtin: Mapping[str, Dialect]) -> Learned:
    """``builtin``: the dialects that come with the program, by name."""
    base, because = _base(seen, host)
    lines = tuple(_lines(seen, builtin[base], known=base != STANDARD))
    told = (seen.balance.currency or "").upper()
    others = (name for name in builtin if name not in (base, STANDARD))
    return Learned(
        base=base,
        because=because,
        lines=lines,
        currency=told if _CURRENCY.fullmatch(told) else None,
        observed=tuple(_observed(seen)),
        unknown=tuple(_unknown(seen, known=base != STANDARD)),
        fits=tuple(name for name in others if base == STANDARD and _fits(seen, builtin[name])),
    )


def _base(seen: Seen, host: str) -> tuple[str, str]:
    for known, name in HOSTS.items():
        if host == known or host.endswith(f".{known}"):
            return name, f"{known} is that panel"
    if seen.listing.action == "packages" and "api_token" in seen.ways:
        return "cheapsmmpanel", "packages instead of services, and the key as api_token"
    return STANDARD, "as most panels"


def _lines(seen: Seen, base: Dialect, *, known: bool) -> Iterator[Line]:
    """What differs from ``base``. Of a ``known`` panel nothing is concluded from silence."""
    yield from _auth(seen, base)
    if seen.json and not base.json:
        yield Line("encoding", "json", "the balance was told to JSON, and not to a form")
    yield from _actions(seen, base, known)
    if fields := dict(_fields(seen, base)):
        yield Line("fields", fields, "so they stand in the answers")
    yield from _batch(seen, base)
    if base.dripfeed and not known and _lacks(seen, "dripfeed"):
        because = "their list does not say which services have it, nor how it is asked for"
        yield Line("dripfeed", None, because)
    if text := _new_words(seen):
        because = "their words for an order that does not exist"
        yield Line("errors", {text: ErrorClass.ORDER.value}, because)


def _fields(seen: Seen, base: Dialect) -> Iterator[tuple[str, Mapping[str, Value]]]:
    for action, names in seen.renamed.items():
        new = {our: name for our, name in names.items() if base.their_field(action, our) != name}
        if new:
            yield action, new


def _new_words(seen: Seen) -> str:
    """Their words for an order that does not exist, where nobody knows them yet."""
    told = seen.missing
    if not isinstance(told, Refused) or told.error_class is not ErrorClass.UNKNOWN:
        return ""
    if len(told.text) < _SHORTEST_ERROR or told.text == seen.nothing or HIDDEN in told.text:
        return ""
    return told.text


def _auth(seen: Seen, base: Dialect) -> Iterator[Line]:
    if base.param in seen.ways or (base.bearer and "bearer" in seen.ways):
        return
    param = next((way for way in ("key", "api_token") if way in seen.ways), None)
    value: Mapping[str, Value] = {"bearer": True} if param is None else {"param": param}
    yield Line("auth", value, "the balance was told to the key given so, and not otherwise")


def _actions(seen: Seen, base: Dialect, known: bool) -> Iterator[Line]:
    found: dict[str, str | None] = {}
    reasons: list[str] = []
    if seen.listing.action != base.actions.get("services"):
        found["services"] = seen.listing.action
        reasons.append("the list is asked for so" if seen.listing.action else "no list was told")
    if seen.refill_status and not base.offers("refill_status"):
        found |= {"refill": "refill", "refill_status": "refill_status"}
        reasons.append("refills can be asked after")
    if not seen.refill_status and base.offers("refill_status") and not known:
        found["refill_status"] = None
        if "refill" not in seen.listing.promised:
            found["refill"] = None
        reasons.append("refills cannot be asked after")
    if base.offers("cancel") and not known and _lacks(seen, "cancel"):
        found["cancel"] = None
        reasons.append("their list does not say what can be canceled")
    if found:
        yield Line("actions", found, "; ".join(reasons))


def _batch(seen: Seen, base: Dialect) -> Iterator[Line]:
    if base.batch_size("status") and not seen.status_batch:
        because = f"{len(IMPOSSIBLE)} orders at once were not answered one by one"
        yield Line("batch", dict.fromkeys(BATCHES, 0), because)
    elif base.batch_size("refill_status") and seen.refill_status and not seen.refill_batch:
        because = f"{len(IMPOSSIBLE)} refills at once were not answered one by one"
        yield Line("batch", {"refill": 0, "refill_status": 0}, because)


def _lacks(seen: Seen, column: str) -> bool:
    """Whether there is a list of services, and it has no such column."""
    return bool(seen.listing.rows) and column not in seen.listing.columns


def _fits(seen: Seen, one: Dialect) -> bool:
    """Whether nothing that was seen speaks against a dialect."""
    omitted = one.omit.get("services", frozenset())
    columns = seen.listing.columns & {"refill", "cancel", "dripfeed"}
    return (
        one.param in seen.ways
        and one.bearer == ("bearer" in seen.ways)
        and one.json == seen.json
        and one.actions.get("services") == seen.listing.action
        and one.offers("refill_status") == seen.refill_status
        and bool(one.batch_size("status")) == seen.status_batch
        and not columns & omitted
        and columns >= {"refill", "cancel", "dripfeed"} - omitted
        and not seen.renamed
    )


def _observed(seen: Seen) -> Iterator[str]:
    rows = seen.listing.rows
    ways, encoding = " or ".join(sorted(seen.ways)), "JSON" if seen.json else "a form"
    yield f"the key is taken as {ways}, in {encoding}"
    categories = len({row.category for row in rows})
    micros = pricing.nearest_micros(seen.balance.balance)
    balance = "astronomic" if micros is None else pricing.exact(micros)
    yield f"services: {len(rows)}, categories: {categories}; balance: {balance}"
    if rows:
        numbers = ", ".join(sorted(seen.listing.numbers)) or "none, all is text"
        yield f"numbers in the list: {numbers} (both are read)"
    many = "each was answered" if seen.status_batch else "they were not answered each"
    yield f"{len(IMPOSSIBLE)} orders asked after at once: {many}"
    if isinstance(seen.missing, Refused):
        yield f"an order that does not exist: {seen.missing.text!r}"
    if isinstance(seen.order, OrderStatus):
        yield f"your order is {seen.order.word!r} there"


def _unknown(seen: Seen, *, known: bool) -> Iterator[str]:
    """What the panel's documents, or an order there, would have to tell."""
    if not known:
        yield "add: its parameters, and which types want a quantity beside comments"
        yield "dripfeed: how the interval is called (interval, in most panels)"
        yield "cancel_by, and refills and cancels of several at once: they would have to be made"
        yield "statuses: words for states that no order is in now"
    if not isinstance(seen.order, OrderStatus):
        yield "fields of an order's status: give --order ID with an order you have there"
    if isinstance(seen.missing, OrderStatus):
        yield "orders that do not exist: the panel answers for them as if they did"
    if not isinstance(seen.missing, Refused | OrderStatus):
        yield f"status: asked after an order that cannot exist, it answered: {seen.missing.cause}"
    if not seen.listing.rows:
        yield "fields of services: the list was empty, or not to be had"
    if seen.balance.currency is None:
        yield "currency: the balance was told without one"
