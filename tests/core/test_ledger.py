"""Double entry: money only ever moves."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import ledger
from aggregator.core.ledger import Transfer, TransferKind

# what moves it, its kind, from where, to where, and the signs at the reseller
MOVES: list[tuple[Callable[[int, int], Transfer], TransferKind, str, str, int, int]] = [
    (ledger.credit, TransferKind.CREDIT, "cash", "reseller/7/available", 1, 0),
    (ledger.debit, TransferKind.DEBIT, "reseller/7/available", "cash", -1, 0),
    (ledger.hold, TransferKind.HOLD, "reseller/7/available", "reseller/7/held", -1, 1),
    (ledger.post, TransferKind.POST, "reseller/7/held", "sales", 0, -1),
    (ledger.void, TransferKind.VOID, "reseller/7/held", "reseller/7/available", 1, -1),
    (ledger.refund, TransferKind.REFUND, "sales", "reseller/7/available", 1, 0),
]
moves = pytest.mark.parametrize(
    ("move", "kind", "source", "target", "available", "held"),
    MOVES,
    ids=[kind for _, kind, *_ in MOVES],
)


@moves
@given(micros=st.integers(0, 10**15))
def test_moves(
    move: Callable[[int, int], Transfer],
    kind: TransferKind,
    source: str,
    target: str,
    available: int,
    held: int,
    micros: int,
) -> None:
    """What one account loses the other gains, and the reseller's balances follow his entries."""
    transfer = move(7, micros)
    assert transfer.kind is kind
    assert [(one.account, one.amount_micros) for one in transfer.entries] == [
        (source, -micros),
        (target, micros),
    ]
    assert sum(one.amount_micros for one in transfer.entries) == 0
    assert (transfer.available_micros, transfer.held_micros) == (available * micros, held * micros)


@pytest.mark.parametrize("provider", ["gulf", "reseller/7/available", "a/b"])
@given(micros=st.integers(0, 10**15))
def test_loss(provider: str, micros: int) -> None:
    """A loss is the house's own money and touches no reseller, whatever the provider's name."""
    transfer = ledger.book_loss(provider, micros)
    assert transfer.kind is TransferKind.LOSS
    assert sum(one.amount_micros for one in transfer.entries) == 0
    assert transfer.entries[1].account == f"loss/{provider}"
    assert (transfer.available_micros, transfer.held_micros) == (0, 0)


@pytest.mark.parametrize("move", [move for move, *_ in MOVES])
def test_nothing_moves_backwards(move: Callable[[int, int], Transfer]) -> None:
    """An amount below zero would be another movement under a false name."""
    with pytest.raises(ValueError, match="of -1 micros"):
        move(7, -1)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_an_orders_life(charge: int, refund: int) -> None:
    """Held, posted and refunded, an order leaves the reseller short of its net charge only."""
    refund = min(charge, refund)
    walk = [ledger.hold(7, charge), ledger.post(7, charge), ledger.refund(7, refund)]
    assert sum(one.available_micros for one in walk) == refund - charge
    assert sum(one.held_micros for one in walk) == 0
    sales = sum(
        entry.amount_micros
        for one in walk
        for entry in one.entries
        if entry.account == ledger.SALES
    )
    assert sales == charge - refund
