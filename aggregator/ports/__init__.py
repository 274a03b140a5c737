"""What the actions need from the world: a store, the upstream, a clock.

These Protocols are the walls between rooms. ``store`` and ``upstream`` fulfil
them over real disks and sockets; the tests fulfil them in memory. The values
that cross a wall are frozen dataclasses, here or in ``core``.
"""

from aggregator.ports.clock import Clock
from aggregator.ports.records import (
    AttemptDraft,
    Closed,
    Closing,
    Event,
    Opened,
    OrderDraft,
    Reading,
    RefillReading,
    Remembered,
    RequestId,
    Saved,
)
from aggregator.ports.setup import Setup
from aggregator.ports.store import Store, StoreUnavailable
from aggregator.ports.upstream import Upstream

__all__ = [
    "AttemptDraft",
    "Clock",
    "Closed",
    "Closing",
    "Event",
    "Opened",
    "OrderDraft",
    "Reading",
    "RefillReading",
    "Remembered",
    "RequestId",
    "Saved",
    "Setup",
    "Store",
    "StoreUnavailable",
    "Upstream",
]
