"""Resellers, what they pay, and their money by hand. Their keys are in ``keys.py``."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aggregator.core import ledger, pricing
from aggregator.core.model import PriceTerms, Scope
from aggregator.store import keys, money, rows
from aggregator.store.exceptions import NameTaken, NoSuchReseller, NotEnough
from aggregator.store.tx import Row, Tx

ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Account:
    """A reseller as operators see him."""

    id: int
    name: str
    disabled: bool
    created_at_ms: int
    available_micros: int
    held_micros: int
    terms: PriceTerms


def add(
    tx: Tx,
    name: str,
    now_ms: int,
    scopes: Iterable[Scope] = ALL_SCOPES,
    discount_ppm: int = 0,
    key: str | None = None,
) -> str:
    """A new reseller without money; returns his key, which cannot be shown again.

    ``key``: one that he has already. NameTaken, KeyTaken.
    """
    row = tx.one("insert_reseller", name=name, discount_ppm=discount_ppm, now_ms=now_ms)
    if row is None:
        raise NameTaken(name=name)
    tx.run("insert_account", reseller_id=row["id"])
    return keys.add(tx, row["id"], {"scopes": ",".join(sorted(scopes))}, now_ms, key)


def _account(row: Row, prices: Sequence[Row]) -> Account:
    return Account(
        row["id"],
        row["name"],
        bool(row["disabled"]),
        row["created_at_ms"],
        row["available_micros"],
        row["held_micros"],
        rows.price_terms(row["discount_ppm"], prices),
    )


def get(tx: Tx, name: str) -> Account:
    """NoSuchReseller where there is none."""
    row = tx.one("reseller", name=name)
    if row is None:
        raise NoSuchReseller(name=name)
    return _account(row, tx.all("prices_of_reseller", reseller_id=row["id"]))


def listed(tx: Tx) -> list[Account]:
    prices = defaultdict(list)
    for row in tx.all("prices"):
        prices[row["reseller_id"]].append(row)
    return [_account(row, prices[row["id"]]) for row in tx.all("resellers")]


def set_discount(tx: Tx, name: str, discount_ppm: int) -> Account:
    """Off every rate from his next order on. Returns the account as it stands then."""
    tx.run("set_discount", reseller_id=get(tx, name).id, discount_ppm=discount_ppm)
    return get(tx, name)


def set_price(tx: Tx, name: str, service_id: int, rate: str | None) -> Account:
    """His own rate of a service, as written; None: the list's again."""
    reseller_id = get(tx, name).id
    if rate is None:
        tx.run("drop_price", reseller_id=reseller_id, service_id=service_id)
    else:
        tx.run("set_price", reseller_id=reseller_id, service_id=service_id, rate=rate)
    return get(tx, name)


def set_disabled(tx: Tx, name: str, disabled: bool) -> None:
    """A disabled reseller's keys stop working at once; his orders go on."""
    tx.run("set_disabled", reseller_id=get(tx, name).id, disabled=int(disabled))


def credit(tx: Tx, name: str, micros: int, note: str | None, now_ms: int) -> Account:
    """Money came in. Returns the account as it stands then."""
    account = get(tx, name)
    money.move(tx, ledger.credit(account.id, micros), account.id, now_ms, note=note)
    return get(tx, name)


def debit(tx: Tx, name: str, micros: int, note: str, now_ms: int) -> Account:
    """Money went out. NotEnough where less than that is available."""
    account = get(tx, name)
    if account.available_micros < micros:
        available = pricing.exact(account.available_micros)
        raise NotEnough(name=name, available=available, wanted=pricing.exact(micros))
    money.move(tx, ledger.debit(account.id, micros), account.id, now_ms, note=note)
    return get(tx, name)
