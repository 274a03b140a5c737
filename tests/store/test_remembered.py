"""What the database remembers of the accounts that orders were placed with."""

import json
from dataclasses import replace

from aggregator import bootstrap
from aggregator.config import Account, check_against_memory, fingerprint
from aggregator.core.model import Provider
from aggregator.core.outcome import NotSent
from aggregator.ports import Opened, Setup
from aggregator.store import attempts, meta, orders
from aggregator.store.tx import Tx
from tests.fakes import provider, service, setup
from tests.store.builders import HOUR, NOW, closing, draft, placed, reseller

FIRST = provider("gulf", url="https://one.example/api", key="one")
MOVED = replace(FIRST, url="https://two.example/api")
RENEWED = replace(MOVED, key="two")


def using(one: Provider) -> Setup:
    return setup(service(1, "gulf"), providers=[one])


def account(one: Provider) -> Account:
    return Account(fingerprint(one.url), fingerprint(one.key))


def sold(tx: Tx, now_ms: int, upstream_order_id: str) -> int:
    made = orders.open_order(tx, draft(1, now_ms=now_ms))
    assert isinstance(made, Opened)
    attempts.close_attempt(tx, placed(made.order_id, made.attempt_id, upstream_order_id))
    return made.order_id


def ended(tx: Tx, order_id: int) -> None:
    state = "state = 'canceled', ended_at_ms = 1, next_check_at_ms = NULL"
    tx.run(f"UPDATE orders SET {state} WHERE id = :id", id=order_id)


def accounts(tx: Tx, now_ms: int = NOW) -> tuple[Account, ...]:
    return bootstrap.memory(tx, now_ms).providers["gulf"].accounts


def is_mistaken(tx: Tx, one: Provider, now_ms: int = NOW) -> bool:
    return bool(check_against_memory(using(one), bootstrap.memory(tx, now_ms)))


def test_accounts_bind(tx: Tx) -> None:
    """A panel cannot be swapped, at once or step by step, once it has named an order: also
    when that has ended, and when the provider was gone in between. It may move back."""
    reseller(tx, micros=10**9)
    bootstrap.remember(tx, using(FIRST), NOW)
    ended(tx, sold(tx, NOW + HOUR, "1"))
    assert is_mistaken(tx, RENEWED)
    bootstrap.remember(tx, using(MOVED), NOW + 2 * HOUR)
    assert accounts(tx) == (account(FIRST), account(MOVED))
    assert is_mistaken(tx, RENEWED)
    assert not is_mistaken(tx, FIRST)
    bootstrap.remember(tx, using(replace(FIRST, name="other")), NOW + 3 * HOUR)
    assert is_mistaken(tx, RENEWED)
    bootstrap.remember(tx, using(FIRST), NOW + 4 * HOUR)
    assert accounts(tx) == (account(MOVED), account(FIRST))


def test_what_was_replaced_binds_for_a_month(tx: Tx) -> None:
    """A panel may move this year and renew its key the next; the one in use binds for good."""
    reseller(tx, micros=10**9)
    bootstrap.remember(tx, using(FIRST), NOW)
    sold(tx, NOW + HOUR, "1")
    bootstrap.remember(tx, using(MOVED), NOW + HOUR)
    later = NOW + 31 * 24 * HOUR
    assert is_mistaken(tx, RENEWED, later - 3 * 24 * HOUR)
    assert not is_mistaken(tx, RENEWED, later)
    another = replace(RENEWED, url="https://three.example/api")
    assert is_mistaken(tx, another, 100 * later)
    bootstrap.remember(tx, using(RENEWED), later)
    assert accounts(tx, later) == (account(MOVED), account(RENEWED))


def test_an_order_on_its_way_binds_too(tx: Tx) -> None:
    """What may still get an ID keeps the panel; what ends without one sets the name free."""
    reseller(tx, micros=10**9)
    bootstrap.remember(tx, using(FIRST), NOW)
    made = orders.open_order(tx, draft(1))
    assert isinstance(made, Opened)
    assert is_mistaken(tx, RENEWED)
    attempts.close_attempt(tx, closing(made.order_id, made.attempt_id, NotSent("refused")))
    assert not is_mistaken(tx, RENEWED)


def test_what_older_versions_remembered(tx: Tx) -> None:
    """Accounts with the time from which they were in use are read as they are."""
    reseller(tx, micros=10**9)
    sold(tx, NOW, "1")
    one = account(FIRST)
    told = [{"since_ms": NOW, "url": one.url, "key": one.key}]
    meta.put(tx, "provider/gulf/accounts", json.dumps(told))
    assert accounts(tx) == (one,)


def test_without_orders_nothing_is_kept(tx: Tx) -> None:
    """Then a name may be given to another panel, of which alone is remembered."""
    reseller(tx, micros=10**9)
    for number, one in enumerate((FIRST, MOVED, RENEWED)):
        bootstrap.remember(tx, using(one), NOW + number)
    sold(tx, NOW, "1")
    assert accounts(tx) == (account(RENEWED),)
