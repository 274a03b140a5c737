"""The providers, as the actions and the background see them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aggregator.core.halving import Limit
from aggregator.core.health import Health
from aggregator.core.messages import (
    Balance,
    CancelAnswers,
    RefillAnswers,
    Refused,
    ServiceRow,
    StatusAnswers,
    Unreadable,
)
from aggregator.core.model import (
    Kind,
    Purchase,
)
from aggregator.core.outcome import Outcome
from aggregator.core.scanning import Heard


class Upstream(Protocol):
    """The providers. No method raises on anything a provider does.

    ``timeout_s`` bounds the whole call with its retries.
    """

    async def add(
        self, provider: str, service: str, purchase: Purchase, *, timeout_s: float
    ) -> Outcome:
        """Sends once, or not at all. Never retried in here."""

    async def status(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> StatusAnswers:
        """Any number of IDs: split into the dialect's batches, asked in parallel."""

    async def probe(
        self, provider: str, ids: Sequence[str], kind: Kind, *, timeout_s: float
    ) -> Heard:
        """The status of so many IDs as one call takes: asked once, whatever comes of it."""

    async def refill(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> RefillAnswers: ...

    async def refill_status(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> RefillAnswers: ...

    async def cancel(
        self, provider: str, ids: Sequence[str], *, timeout_s: float
    ) -> CancelAnswers: ...

    async def balance(
        self, provider: str, *, timeout_s: float
    ) -> Balance | Refused | Unreadable: ...

    async def services(
        self, provider: str, *, timeout_s: float
    ) -> list[ServiceRow] | Refused | Unreadable: ...

    def batch_size(self, provider: str, action: str) -> int:
        """How many IDs one call takes, by the dialect and by what was found out."""

    def limits(self) -> Mapping[str, Mapping[str, Limit]]:
        """provider -> action -> what was found out about its batches."""

    def restore_limits(self, limits: Mapping[str, Mapping[str, Limit]]) -> None:
        """What was found out before a restart."""

    def health(self, provider: str) -> Health:
        """As it stands; ``core.health`` says what it means."""
