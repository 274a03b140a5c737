"""What the house earned: what resellers paid, less what providers took for it.

Sums go by the day of the movement in the ledger: a sale on the day it was made final,
a refund on the day it was given, a loss on the day it was booked. What an order cost
belongs to the day of its sale, and is what is known of it by now: the provider's own
word where it gave one, else what its price made us expect, less the share that was
refunded. Costs are theirs until they are summed, and ours, at today's exchange rate,
after that.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from aggregator.core import pricing
from aggregator.core.ledger import TransferKind


@dataclass(frozen=True, slots=True)
class Taking:
    """A movement of the house's money. ``cost_micros``: of a sale, in the provider's
    currency; None where nobody knows."""

    kind: TransferKind
    at_ms: int
    micros: int
    provider: str | None
    service_id: int | None
    cost_micros: int | None = None


@dataclass(slots=True)
class Profit:
    """Sums of one group, in our micros. ``unknown``: orders whose cost nobody knows."""

    orders: int = 0
    charged_micros: int = 0
    refunded_micros: int = 0
    cost_micros: int = 0
    loss_micros: int = 0
    unknown: int = 0
    _theirs: Counter[str] = field(default_factory=Counter, repr=False)

    @property
    def micros(self) -> int:
        gone = self.refunded_micros + self.cost_micros + self.loss_micros
        return self.charged_micros - gone


def cost(
    told_micros: int | None, expected_micros: int | None, charge_micros: int, refunded_micros: int
) -> int | None:
    """What an order cost, in the provider's currency."""
    if told_micros is not None:
        return told_micros
    if expected_micros is None or not charge_micros:
        return expected_micros
    return -(-expected_micros * (charge_micros - refunded_micros) // charge_micros)


def tally(
    takings: Iterable[Taking],
    group: Callable[[Taking], Hashable],
    exchange_rates: Mapping[str, Decimal],
) -> dict[Hashable, Profit]:
    """Group -> its sums. ``exchange_rates``: by provider; of one that is not among them
    no cost is known."""
    found: defaultdict[Hashable, Profit] = defaultdict(Profit)
    for one in takings:
        _add(found[group(one)], one, exchange_rates)
    for profit in found.values():
        profit.cost_micros = sum(
            pricing.converted(micros, exchange_rates[provider])
            for provider, micros in profit._theirs.items()
        )
    return dict(found)


def _add(profit: Profit, one: Taking, known: Mapping[str, Decimal]) -> None:
    if one.kind is TransferKind.REFUND:
        profit.refunded_micros += one.micros
    elif one.kind is TransferKind.LOSS:
        profit.loss_micros += one.micros
    else:
        profit.orders += 1
        profit.charged_micros += one.micros
        if one.cost_micros is None or one.provider is None or one.provider not in known:
            profit.unknown += 1
        else:
            profit._theirs[one.provider] += one.cost_micros


def total(profits: Iterable[Profit]) -> Profit:
    whole = Profit()
    for one in profits:
        whole.orders += one.orders
        whole.charged_micros += one.charged_micros
        whole.refunded_micros += one.refunded_micros
        whole.cost_micros += one.cost_micros
        whole.loss_micros += one.loss_micros
        whole.unknown += one.unknown
    return whole
