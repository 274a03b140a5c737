"""Resellers on every store: what their keys prove about them."""

import hashlib

from aggregator.core.model import PriceTerms
from aggregator.store import keys, resellers
from aggregator.store.tx import Tx
from tests.store import builders
from tests.store.builders import NOW


def proved(tx: Tx, key: str) -> PriceTerms:
    found = keys.authenticate(tx, hashlib.sha256(key.encode()).digest(), NOW)
    assert found is not None
    return found.terms


def test_terms_come_with_the_key(tx: Tx) -> None:
    """Who proves a key is known with his discount and his prices by service, and with
    nobody else's."""
    key = resellers.add(tx, "shop", NOW, discount_ppm=50_000)
    builders.reseller(tx, "other")
    resellers.set_price(tx, "other", 1, "9")
    assert proved(tx, key) == PriceTerms(50_000)
    for service_id, rate in ((10, "0.80"), (9, "2"), (10, "0.800")):
        resellers.set_price(tx, "shop", service_id, rate)
    account = resellers.set_discount(tx, "shop", 0)
    assert proved(tx, key) == account.terms == PriceTerms(0, ((9, "2"), (10, "0.800")))
    assert [one.terms for one in resellers.listed(tx)] == [
        PriceTerms(0, ((1, "9"),)),
        account.terms,
    ]
    resellers.set_price(tx, "shop", 9, None)
    assert proved(tx, key) == PriceTerms(0, ((10, "0.800"),))
