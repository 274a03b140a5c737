"""An account with an order in doubt: a test names only what it is about.

Our own orders stand at 1000, 1010 ... one a minute before NOW; the doubt began at NOW
and its connection died DIED later. Orders cost one unit (1_000_000 micros) each.
"""

from collections.abc import Mapping
from decimal import Decimal

from aggregator.core.errors import ErrorClass
from aggregator.core.incident import (
    SETTLE_MS,
    Brood,
    Doubt,
    Fingerprint,
    Habits,
    Incident,
    OwnAdd,
    Watched,
)
from aggregator.core.messages import OrderStatus, Refused
from aggregator.core.model import Kind, Provider
from aggregator.core.scanning import Heard, Probe, Scan, Sweep
from tests.core.make import NOW, provider

DIED = NOW + 10_000
SETTLED = DIED + SETTLE_MS
LOW = 1_000  # our last ID answered before the doubt began
SLACK = 20
UNIT = 1_000_000
NO_SUCH = Refused("Incorrect order ID", ErrorClass.ORDER)

LIKE_IT = Fingerprint(Kind.NORMAL, UNIT, 1000)
UNLIKE_IT = Fingerprint(Kind.NORMAL, 3 * UNIT, 3000)


def panel(**changes: object) -> Provider:
    return provider("gulf", **{"exclusive_account": True, "slack": SLACK} | changes)


def doubt(attempt: int = 1, **changes: object) -> Doubt:
    values: dict[str, object] = {
        "attempt_id": attempt,
        "order_id": 100 + attempt,
        "fingerprint": LIKE_IT,
        "service": "77",
        "low_anchor": LOW,
        "began_at_ms": NOW,
        "died_at_ms": DIED,
        "ordered_at_ms": NOW,
    }
    return Doubt(**(values | changes))  # type: ignore[arg-type]


def brood(**changes: object) -> Brood:
    values: dict[str, object] = {
        "order_id": 500,
        "service": "78",
        "low_micros": UNIT,
        "high_micros": UNIT,
    }
    return Brood(**(values | changes))  # type: ignore[arg-type]


def watched(closed_at_ms: int = SETTLED, **changes: object) -> Watched:
    return Watched(doubt(**{"attempt": 9} | changes), closed_at_ms)  # type: ignore[arg-type]


def own(upstream_id: int | None, began_at_ms: int, **changes: object) -> OwnAdd:
    """An add of ours, answered after half a second."""
    values: dict[str, object] = {
        "sequence": Kind.NORMAL,
        "began_at_ms": began_at_ms,
        "answered_at_ms": began_at_ms + 500,
        "upstream_id": upstream_id,
    }
    return OwnAdd(**(values | changes))  # type: ignore[arg-type]


def flying(began_at_ms: int) -> OwnAdd:
    return OwnAdd(Kind.NORMAL, began_at_ms)


def said(units: str | None = "1", word: str = "In progress", **changes: object) -> OrderStatus:
    """A status row; ``units`` is its charge."""
    charge = None if units is None else Decimal(units)
    return OrderStatus(word, charge, **changes)  # type: ignore[arg-type]


def sweep(since_ms: int, unknown: Mapping[int, OrderStatus] | None = None, **more: int) -> Sweep:
    """A finished one that speaks for ``since_ms``, over the doubt's whole window."""
    values: dict[str, int] = {
        "low": LOW - SLACK,
        "high": LOW + 100 + SLACK,
        "head": LOW + 100,
        "head_began_at_ms": since_ms,
        "began_at_ms": since_ms + 1_000,
        "next_id": LOW + 121,
        "ended_at_ms": since_ms + 10_000,
    }
    return Sweep(**(values | more), unknown=unknown or {})


HABITS = Habits(
    batch=100, first_own=500, rose=True, errs_each=True, charge_shown=True, pace_per_hour=60
)


def incident(*doubts: Doubt, **changes: object) -> Incident:
    """``sweeps`` are finished ones; ``mapped`` holds the IDs of ``adds`` unless given."""
    sweeps = changes.pop("sweeps", ())
    adds: tuple[OwnAdd, ...] = changes.get("adds", ())  # type: ignore[assignment]
    values: dict[str, object] = {
        "provider": panel(),
        "sequence": Kind.NORMAL,
        "habits": HABITS,
        "doubts": doubts,
        "mapped": {LOW, *(one.upstream_id for one in adds)},
        "scan": Scan(tuple(sweeps)),  # type: ignore[arg-type]
    }
    return Incident(**(values | changes))  # type: ignore[arg-type]


def answer(probe: Probe, found: Mapping[int, OrderStatus], at_ms: int, **changes: object) -> Heard:
    """What a sound panel says to a probe: our control, what is there, errors for the rest."""
    answers: dict[str, object] = dict.fromkeys(probe.asked, NO_SUCH)
    answers[str(probe.sweep.head)] = said()
    answers |= {str(number): row for number, row in found.items() if number in probe.ids}
    return Heard(answers, at_ms, at_ms + 400, **changes)  # type: ignore[arg-type]
