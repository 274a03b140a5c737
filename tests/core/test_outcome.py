"""What follows each outcome of a call that buys: the table of the design."""

import pytest

from aggregator.core import errors
from aggregator.core.errors import ErrorClass as E
from aggregator.core.outcome import (
    SAME_ROUTE_TRIES,
    Following,
    InDoubt,
    NotSent,
    Outcome,
    Placed,
    Rejected,
    Step,
    following,
)

END = errors.UNAVAILABLE

# outcome: step, error where it ends, may wait in the queue, alert
TABLE: list[tuple[Outcome, Step, str, bool, bool]] = [
    (Placed("1"), Step.PLACED, END, False, False),
    (InDoubt("cut"), Step.DOUBT, END, False, False),
    (Rejected(E.LINK), Step.END, "Incorrect link", False, False),
    (Rejected(E.DUPLICATE), Step.END, "You have active order with this link", False, False),
    (Rejected(E.QUANTITY), Step.NEXT_ROUTE, END, False, True),
    (Rejected(E.SERVICE), Step.NEXT_ROUTE, END, False, True),
    (Rejected(E.PARAMS), Step.NEXT_ROUTE, END, False, True),
    (Rejected(E.ACTION), Step.NEXT_ROUTE, END, False, True),
    (Rejected(E.FUNDS), Step.NEXT_ROUTE, END, True, True),
    (Rejected(E.AUTH), Step.NEXT_ROUTE, END, True, True),
    (Rejected(E.RATE), Step.NEXT_ROUTE, END, True, False),
    (Rejected(E.DOWN), Step.NEXT_ROUTE, END, True, False),
    (Rejected(E.UNKNOWN), Step.END, END, False, True),
    (Rejected(E.ORDER), Step.END, END, False, True),
    (Rejected(E.REFILL), Step.END, END, False, True),
    (Rejected(E.CANCEL), Step.END, END, False, True),
    (Rejected(E.UNKNOWN_OUTCOME), Step.END, END, False, True),
]


@pytest.mark.parametrize(("outcome", "step", "error", "queueable", "alert"), TABLE)
@pytest.mark.parametrize("tries", [1, 2, 99])
def test_following(
    outcome: Outcome, tries: int, step: Step, error: str, queueable: bool, alert: bool
) -> None:
    """What was answered decides alone, however often the route was tried."""
    assert following(outcome, tries) == Following(step, error, queueable, alert)


def test_every_class_is_tested() -> None:
    """The table above knows every class of refusal."""
    assert {outcome.error_class for outcome, *_ in TABLE if isinstance(outcome, Rejected)} == set(E)


@pytest.mark.parametrize("tries", range(1, SAME_ROUTE_TRIES + 3))
def test_not_sent(tries: int) -> None:
    """What never left is tried again on the same route, a bounded number of times."""
    again = tries < SAME_ROUTE_TRIES
    step = Step.SAME_ROUTE if again else Step.NEXT_ROUTE
    assert following(NotSent("refused"), tries) == Following(step, queueable=True)
