"""Rows into the nouns of ``core.model``, and back into parameters."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from ipaddress import ip_network
from operator import itemgetter
from typing import Any

import orjson

from aggregator.core.model import (
    Attempt,
    AttemptState,
    Kind,
    Network,
    Offer,
    Order,
    PriceTerms,
    Refill,
    Reseller,
    Scope,
    State,
)
from aggregator.ports import Remembered
from aggregator.store.tx import Row


def _names(noun: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(noun))


_ORDER = _names(Order)
_of_order: Callable[[Row], tuple[Any, ...]] = itemgetter(*_ORDER)
_KIND, _STATE, _PARAMS, _NEEDS_PERSON = map(
    _ORDER.index, ("kind", "state", "params", "needs_person")
)
_KINDS = {kind.value: kind for kind in Kind}
_STATES = {state.value: state for state in State}
_ATTEMPT = _names(Attempt)
_REFILL = _names(Refill)
_OFFER = _names(Offer)


def as_json(value: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # half of a surrogate pair, an integer of more than 64 bits
        return json.dumps(value, ensure_ascii=False, default=str)


def order(row: Row) -> Order:
    values = list(_of_order(row))
    values[_KIND] = _KINDS[values[_KIND]]
    values[_STATE] = _STATES[values[_STATE]]
    values[_PARAMS] = orjson.loads(values[_PARAMS])
    values[_NEEDS_PERSON] = bool(values[_NEEDS_PERSON])
    return Order(*values)


def order_params(one: Order) -> dict[str, Any]:
    """Every column of an order; plain values, as databases want them."""
    values = {name: getattr(one, name) for name in _ORDER}
    values["kind"] = one.kind.value
    values["state"] = one.state.value
    values["params"] = as_json(one.params)
    values["needs_person"] = int(one.needs_person)
    values["link"] = one.params.get("link")
    return values


def attempt(row: Row) -> Attempt:
    values: dict[str, Any] = {name: row[name] for name in _ATTEMPT}
    values["kind"] = Kind(values["kind"])
    values["state"] = AttemptState(values["state"])
    return Attempt(**values)


def refill(row: Row) -> Refill:
    return Refill(**{name: row[name] for name in _REFILL})


def reseller(found: Sequence[Row]) -> Reseller:
    """From a row for each of his prices, or one without: ``authenticate``."""
    row = found[0]
    prices = found if row["service_id"] is not None else ()
    terms = price_terms(row["discount_ppm"], prices)
    addresses = networks(row["addresses"])
    return Reseller(row["id"], row["name"], scopes(row["scopes"]), terms, addresses)


def networks(text: str) -> tuple[Network, ...]:
    """From a comma list."""
    return tuple(ip_network(one) for one in text.split(",") if one)


def price_terms(discount_ppm: int, prices: Sequence[Row]) -> PriceTerms:
    """``prices`` by rising service ID."""
    return PriceTerms(discount_ppm, tuple((row["service_id"], row["rate"]) for row in prices))


def scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in text.split(",") if word)


def remembered(row: Row) -> Remembered:
    return Remembered(
        row["order_id"], Kind(row["kind"]), State(row["state"]), row["fingerprint"], row["error"]
    )


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def offer(row: Row) -> Offer:
    values: dict[str, Any] = {name: row[name] for name in _OFFER}
    for name in ("refill", "cancel", "dripfeed"):
        values[name] = _flag(values[name])
    return Offer(**values)


def offer_params(one: Offer) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in _OFFER}
    for name in ("refill", "cancel", "dripfeed"):
        values[name] = None if values[name] is None else int(values[name])
    return values
