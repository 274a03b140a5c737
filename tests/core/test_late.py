"""Whether the cancel of a late orphan took."""

from decimal import Decimal

import pytest

from aggregator.core.late import CANCEL_TAKES_MS, Ended, ended
from aggregator.core.messages import OrderStatus

GONE = OrderStatus("Canceled", Decimal(0))
KEPT = OrderStatus("Canceled", Decimal("0.5"))
RUNNING = OrderStatus("In progress", Decimal("0.5"))
THEN = CANCEL_TAKES_MS


@pytest.mark.parametrize("said", [GONE, OrderStatus("Canceled")])
def test_a_cancel_that_took(said: OrderStatus) -> None:
    """Canceled, and nothing is charged for it: nothing was lost."""
    assert ended(said, 0, 1) == Ended(0, "canceled there, and nothing is charged")


@pytest.mark.parametrize("said", [KEPT, RUNNING, OrderStatus("???"), None])
def test_a_cancel_that_may_still_take(said: OrderStatus | None) -> None:
    """Until a day has passed, an order that is not gone is asked after again."""
    assert ended(said, 0, THEN - 1) is None


@pytest.mark.parametrize("word", ["Completed", "Partial"])
def test_a_cancel_that_came_too_late(word: str) -> None:
    """What was delivered is charged: that is known at once."""
    end = ended(OrderStatus(word, Decimal("0.5")), 0, 1)
    assert end is not None
    assert end.charge_micros == 500_000


@pytest.mark.parametrize(("said", "charge"), [(KEPT, 500_000), (RUNNING, 500_000), (None, None)])
def test_a_cancel_that_never_took(said: OrderStatus | None, charge: int | None) -> None:
    """After a day it is lost, whatever the provider keeps for it."""
    end = ended(said, 0, THEN)
    assert end is not None
    assert end.charge_micros == charge
