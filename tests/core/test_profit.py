"""What the house earned, by whatever it is grouped."""

from decimal import Decimal

import pytest

from aggregator.core.ledger import TransferKind, loser
from aggregator.core.profit import Profit, Taking, cost, tally, total

RATES = {"gulf": Decimal(1), "owner": Decimal("1.5")}


def sale(micros: int, provider: str | None, cost_micros: int | None, service_id: int = 1) -> Taking:
    return Taking(TransferKind.POST, 0, micros, provider, service_id, cost_micros)


@pytest.mark.parametrize(
    ("told", "expected", "charge", "refunded", "is_"),
    [
        (7, 100, 1000, 500, 7),  # their word
        (0, 100, 1000, 0, 0),
        (None, 100, 1000, 0, 100),
        (None, 100, 1000, 333, 67),  # the share that was not refunded, rounded up
        (None, 100, 1000, 1000, 0),
        (None, 100, 0, 0, 100),  # given away
        (None, None, 1000, 0, None),
        (None, 10**18, 9 * 10**15, 1, 999_999_999_999_999_889),
    ],
)
def test_cost_of_an_order(
    told: int | None, expected: int | None, charge: int, refunded: int, is_: int | None
) -> None:
    """Their word counts, else their price for what was delivered."""
    assert cost(told, expected, charge, refunded) == is_


def test_sums() -> None:
    """Sales less refunds, costs at the exchange rate, and losses; each in its group."""
    takings = [
        sale(1000, "gulf", 400),
        sale(1000, "owner", 101),
        sale(1000, "owner", 102),
        sale(500, "owner", None),
        sale(500, "gone", 7),
        sale(0, None, 7),
        Taking(TransferKind.REFUND, 0, 250, "owner", 1),
        Taking(TransferKind.LOSS, 0, 70, "gulf", None),
    ]
    found = tally(takings, lambda one: one.provider, RATES)
    assert found.keys() == {"gulf", "owner", "gone", None}
    gulf, owner = found["gulf"], found["owner"]
    assert (gulf.orders, gulf.charged_micros, gulf.micros) == (1, 1000, 530)
    assert (owner.cost_micros, owner.unknown) == (305, 1)  # 203 × 1.5, rounded up once
    assert owner.micros == 2500 - 250 - 305
    assert (found["gone"].unknown, found[None].unknown) == (1, 1)
    whole = total(found.values())
    assert whole.micros == sum(one.micros for one in found.values())
    assert (whole.orders, whole.unknown, whole.loss_micros) == (6, 3, 70)


def test_nothing_earned() -> None:
    """Without takings there is no group, and all of them come to nothing."""
    assert tally([], lambda one: one.provider, RATES) == {}
    assert total([]) == Profit()


def test_whose_loss() -> None:
    """An account of losses names its provider; no other account does."""
    assert loser("loss/gulf") == "gulf"
    assert loser("sales") is None
