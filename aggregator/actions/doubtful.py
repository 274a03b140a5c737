"""What placing an order leaves behind, and heeds, for the settling of doubts.

A doubt is bracketed by orders of ours, so whatever is placed is noted here at once,
in memory: the next attempt's row takes the low anchor from it. ``cautions`` come
back from the settling (``background.doubts``), a second old at most.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from aggregator.core import evidence
from aggregator.core.evidence import Answered
from aggregator.core.incident import Fingerprint
from aggregator.core.model import Kind, Provider, Purchase
from aggregator.core.rivals import Admission, Caution
from aggregator.core.routing import Weighed, heeded
from aggregator.dialects import Dialect

LEAVING = "a reload is about to change its panel"

_NO_CAUTION = Caution()


def sequence_of(dialect: Dialect, kind: Kind) -> Kind:
    """The ID sequence in which an order of that kind stands at such a panel.

    Drip-feeds are counted apart where the question after one has to be marked.
    """
    apart = dialect.dripfeed is not None and bool(dialect.dripfeed.status)
    return kind if apart and kind is Kind.DRIPFEED else Kind.NORMAL


class Flight:
    """A block in which an add is on its way. (A generator would take three times as long.)"""

    __slots__ = ("_flying", "_provider")

    def __init__(self, flying: Counter[str], provider: str) -> None:
        self._flying = flying
        self._provider = provider

    def __enter__(self) -> None:
        self._flying[self._provider] += 1

    def __exit__(self, *_: object) -> None:
        self._flying[self._provider] -= 1


@dataclass(slots=True)
class Doubtful:
    """``answered``: our last upstream IDs as they were answered, by provider and sequence.
    ``cautions``: by provider, where doubts are open that the bracket can settle.
    ``closed`` after a restore, ``leaving`` while a reload changes their panel, and
    ``elsewhere`` when another server's has: by provider, why nothing may be bought there at
    all for now."""

    answered: dict[tuple[str, Kind], Answered] = field(default_factory=dict)
    cautions: Mapping[str, Caution] = field(default_factory=dict)
    closed: Mapping[str, str] = field(default_factory=dict)
    leaving: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    flying: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def placed(self, provider: str, sequence: Kind, upstream_order_id: str) -> None:
        number = evidence.number(upstream_order_id)
        if number is not None:
            known = self.answered.get((provider, sequence))
            if known is None:
                known = self.answered[provider, sequence] = Answered()
            known.note(number)

    def anchor(self, provider: str, sequence: Kind) -> int | None:
        """The low anchor of an add that begins now."""
        known = self.answered.get((provider, sequence))
        return None if known is None else known.anchor

    def flight(self, provider: str) -> "Flight":
        """An add is on its way to this provider."""
        return Flight(self.flying, provider)

    @contextmanager
    def none_to(self, providers: Iterable[str]) -> Iterator[None]:
        """No add leaves for any of these meanwhile; what is flying goes on."""
        self.leaving = dict.fromkeys(providers, LEAVING)
        try:
            yield
        finally:
            self.leaving = {}

    @property
    def untroubled(self) -> bool:
        """Nothing is closed and no doubt is open: ``heeded`` changes nothing."""
        return not (self.cautions or self.closed or self.leaving or self.elsewhere)

    def why_closed(self, provider: str) -> str | None:
        """None: it is open."""
        if not (self.closed or self.leaving or self.elsewhere):
            return None
        found = (said.get(provider) for said in (self.closed, self.leaving, self.elsewhere))
        return next((why for why in found if why is not None), None)

    def token(self, provider: Provider, boot_id: str) -> str | None:
        """The idempotency parameter of a new attempt, ``name=value``; None where the
        provider has none. No other attempt has this value, in this process or another."""
        if provider.idempotency_param is None:
            return None
        return f"{provider.idempotency_param}={boot_id}-{next(self._numbers)}"

    def heeded(self, choice: Weighed, purchase: Purchase, sequence: Kind) -> Weighed:
        """``choice``, with what the doubts open at its provider say against it."""
        name = choice.facts.provider.name
        if why := self.why_closed(name):
            return heeded(choice, Admission.NOT_NOW, why)
        caution = self.cautions.get(name, _NO_CAUTION)
        if not caution.open:
            return choice
        step = max(one.step_micros for one in caution.open)
        new = Fingerprint(sequence, expected(purchase, choice.cost_micros), purchase.units, step)
        return heeded(choice, *caution.admits(new, self.flying[name]))


def expected(purchase: Purchase, cost_micros: int | None) -> int | None:
    """What the provider will show as the charge: of a subscription nobody knows."""
    return None if purchase.kind is Kind.SUBSCRIPTION else cost_micros
