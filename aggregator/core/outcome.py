"""The four outcomes of a call that buys, and what follows each of them.

::

    Outcome
    ├── Placed      they named the order: it is bought
    ├── Rejected    a clear no: nothing was bought
    ├── NotSent     no connection was ever acquired: nothing left this machine
    └── InDoubt     anything else: it may have been bought, and is never sent again

A caller matches on the type. There is no fifth case and no exception: whatever
a provider does to us is one of these.
"""

from enum import StrEnum

from aggregator.core import errors
from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind
from aggregator.core.nouns import noun

SAME_ROUTE_TRIES = 2  # sends on one route in a row when nothing ever left


@noun(frozen=True, slots=True)
class Placed:
    """``kind`` is what the provider called it, where its dialect tells."""

    upstream_order_id: str
    kind: Kind | None = None


@noun(frozen=True, slots=True)
class Rejected:
    """Never of UNKNOWN_OUTCOME: such an answer is InDoubt."""

    error_class: ErrorClass
    text: str = ""


@noun(frozen=True, slots=True)
class NotSent:
    """``ours``: the reason lies with us, and says nothing about the provider."""

    cause: str
    ours: bool = False


@noun(frozen=True, slots=True)
class InDoubt:
    """``cause`` is one short machine-made phrase, safe to log."""

    cause: str


Outcome = Placed | Rejected | NotSent | InDoubt


class Step(StrEnum):
    """What the order does next."""

    PLACED = "placed"
    DOUBT = "doubt"
    SAME_ROUTE = "same_route"
    NEXT_ROUTE = "next_route"
    END = "end"  # nothing was bought and nothing will be


@noun(frozen=True, slots=True)
class Following:
    """``error`` is the reseller's text where the order ends.

    ``queueable``: with no route left the order waits instead of ending.
    ``alert``: an operator should look.
    """

    step: Step
    error: str = errors.UNAVAILABLE
    queueable: bool = False
    alert: bool = False


_PLACED = Following(Step.PLACED)
_ENDS = {
    ErrorClass.LINK: Following(Step.END, errors.INCORRECT_LINK),
    ErrorClass.DUPLICATE: Following(Step.END, errors.ACTIVE_ORDER),
}
_WAITS = {ErrorClass.FUNDS, ErrorClass.AUTH}
_BACKS_OFF = {ErrorClass.RATE, ErrorClass.DOWN}
_SKIPS = {ErrorClass.QUANTITY, ErrorClass.SERVICE, ErrorClass.PARAMS, ErrorClass.ACTION}


def following(outcome: Outcome, tries_on_route: int) -> Following:
    """What follows ``outcome``, the ``tries_on_route``-th send on its route in a row."""
    match outcome:
        case Placed():
            return _PLACED
        case InDoubt():
            return Following(Step.DOUBT)  # settled by itself, as a rule: see core.doubt
        case NotSent():
            again = tries_on_route < SAME_ROUTE_TRIES
            return Following(Step.SAME_ROUTE if again else Step.NEXT_ROUTE, queueable=True)
    return _after_refusal(outcome.error_class)


def _after_refusal(error_class: ErrorClass) -> Following:
    if error_class in _ENDS:
        return _ENDS[error_class]
    if error_class in _BACKS_OFF:
        return Following(Step.NEXT_ROUTE, queueable=True)
    if error_class in _WAITS:
        return Following(Step.NEXT_ROUTE, queueable=True, alert=True)
    if error_class in _SKIPS:
        return Following(Step.NEXT_ROUTE, alert=True)
    return Following(Step.END, alert=True)
