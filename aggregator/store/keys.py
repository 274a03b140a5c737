"""API keys: what they prove, and what an operator lets them do.

Of a reseller one key is current, and one more may be on its way out (``rotate``). What
is set for his keys is set for both, and a new key takes it over from the last.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aggregator.core.model import Network, Reseller, Scope
from aggregator.store import money, rows
from aggregator.store.exceptions import KeyTaken, NoOldKey
from aggregator.store.tx import Param, Row, Tx

_LABEL = 4  # bytes of a key's hash tell a reseller's keys apart


@dataclass(frozen=True, slots=True)
class Key:
    """A key that opens something, as operators see it. ``label``: of its hash."""

    label: str
    scopes: frozenset[Scope]
    addresses: tuple[Network, ...]
    daily_cap_micros: int | None
    created_at_ms: int
    ends_at_ms: int | None


def new_key() -> str:
    """256 random bits."""
    return secrets.token_hex(32)


def hash_key(key: str) -> bytes:
    """All that we keep of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def matched(found: Sequence[Row], key_hash: bytes) -> Reseller | None:
    """The index found the rows by its hash; what counts is compared in constant time."""
    if not found or not hmac.compare_digest(bytes(found[0]["key_hash"]), key_hash):
        return None
    return rows.reseller(found)


def authenticate(tx: Tx, key_hash: bytes, now_ms: int) -> Reseller | None:
    """The reseller of an active key, or None."""
    return matched(tx.all("authenticate", key_hash=key_hash, now_ms=now_ms), key_hash)


def add(
    tx: Tx, reseller_id: int, limits: Mapping[str, Param], now_ms: int, key: str | None = None
) -> str:
    """A key that may do what ``limits`` say: its columns, by their names.

    ``key``: one that he has already. KeyTaken where it is somebody's.
    """
    key = key or new_key()
    given: dict[str, Param] = {"scopes": "", "addresses": "", "daily_cap_micros": None, **limits}
    hashed = hash_key(key)
    if not tx.run("insert_key", key_hash=hashed, reseller_id=reseller_id, now_ms=now_ms, **given):
        raise KeyTaken
    return key


def taken(tx: Tx, key: str | None) -> bool:
    return key is not None and tx.one("key", key_hash=hash_key(key)) is not None


def rotate(tx: Tx, reseller_id: int, old_until_ms: int, now_ms: int) -> str:
    """A new key that may do what the last one may, which works until ``old_until_ms``."""
    last = tx.one("newest_key", reseller_id=reseller_id)
    tx.run("end_retiring_keys", reseller_id=reseller_id, now_ms=now_ms)
    tx.run("retire_keys", reseller_id=reseller_id, expires_at_ms=old_until_ms)
    limits = {name: last[name] for name in last.keys()} if last else {}  # noqa: SIM118 (no dict)
    return add(tx, reseller_id, limits, now_ms)


def end_old(tx: Tx, reseller_id: int, now_ms: int) -> None:
    """The key that is on its way out ends now. NoOldKey where there is none."""
    if not tx.run("end_retiring_keys", reseller_id=reseller_id, now_ms=now_ms):
        raise NoOldKey


def of_reseller(tx: Tx, reseller_id: int, now_ms: int) -> list[Key]:
    """The current one, then the one on its way out."""
    return [_key(row) for row in tx.all("keys_of_reseller", reseller_id=reseller_id, now_ms=now_ms)]


def _key(row: Row) -> Key:
    return Key(
        bytes(row["key_hash"])[:_LABEL].hex(),
        rows.scopes(row["scopes"]),
        rows.networks(row["addresses"]),
        row["daily_cap_micros"],
        row["created_at_ms"],
        row["expires_at_ms"],
    )


def set_addresses(tx: Tx, reseller_id: int, addresses: Sequence[Network], now_ms: int) -> None:
    """Where his keys may be used from; empty: anywhere."""
    text = ",".join(str(one) for one in addresses)
    tx.run("set_addresses", reseller_id=reseller_id, addresses=text, now_ms=now_ms)


def set_daily_cap(tx: Tx, reseller_id: int, cap_micros: int | None, now_ms: int) -> None:
    """What may be spent with his keys on a day, today included; None: all he has.

    The keys share one count, so that rotating them does not begin the day anew.
    """
    if cap_micros is not None:
        money.count_spent(tx, reseller_id, money.day_of(now_ms))
    tx.run("set_daily_cap", reseller_id=reseller_id, daily_cap_micros=cap_micros, now_ms=now_ms)
