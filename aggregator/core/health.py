"""Whether a provider may be given orders now: one small value, one step function.

A Rejected link is no illness. What is: no connection, a doubt, "too many
requests", "panel is down", an empty purse, a refused key. FUNDS and AUTH pause a
provider until a ``balance`` read shows it cured. The rest backs off, which ends by
itself when the time is up; but whoever has been ill three times in a row is paused
as DOWN, so that a read finds out whether he is well, never a reseller's order.

What arrives during a backoff belongs to a call that was sent before it: it is one
spell of bad weather with the rest, neither another strike nor a proof that the
spell is over.
"""

from dataclasses import dataclass, replace

from aggregator.core import pricing
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.outcome import InDoubt, NotSent, Outcome, Placed, Rejected

BACKOFF_MS = (1_000, 2_000, 5_000, 15_000, 30_000, 60_000)
TRIPS = 3  # times ill in a row
CURE_MS = (5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000)

PAUSES = frozenset({ErrorClass.FUNDS, ErrorClass.AUTH})
BACKS_OFF = frozenset({ErrorClass.RATE, ErrorClass.DOWN})


@dataclass(frozen=True, slots=True)
class Health:
    """``paused_for`` is FUNDS, AUTH or DOWN; ``until_ms`` ends a backoff, or is the
    moment of the next ``balance`` read while paused. Since something was last
    placed, ``strikes`` counts the backoffs and pauses, ``cures_tried`` the balance
    reads of pauses. ``balance_micros`` is the last balance read, theirs, as it was
    answered at ``balance_at_ms``."""

    strikes: int = 0
    until_ms: int = 0
    paused_for: ErrorClass | None = None
    cause: str = ""
    balance_micros: int | None = None
    balance_at_ms: int = 0
    cures_tried: int = 0

    def usable(self, now_ms: int) -> bool:
        return self.paused_for is None and now_ms >= self.until_ms

    @property
    def why(self) -> str:
        """Of one that is not usable."""
        return self.cause or str(self.paused_for)

    def wants_balance(self, now_ms: int) -> bool:
        """Whether a paused provider should be asked for its balance now."""
        return self.paused_for is not None and now_ms >= self.until_ms


def _step(steps: tuple[int, ...], count: int) -> int:
    return steps[min(count, len(steps) - 1)]


def _backed_off(health: Health, cause: str, now_ms: int) -> Health:
    if not health.usable(now_ms):
        return health
    until_ms = now_ms + _step(BACKOFF_MS, health.strikes)
    return replace(health, strikes=health.strikes + 1, until_ms=until_ms, cause=cause)


def _ill(health: Health, cause: str, now_ms: int) -> Health:
    health = _backed_off(health, cause, now_ms)
    tripped = health.usable(health.until_ms) and health.strikes >= TRIPS
    return replace(health, paused_for=ErrorClass.DOWN) if tripped else health


def _paused(health: Health, why: ErrorClass, now_ms: int) -> Health:
    if health.paused_for is not None:
        return health
    return replace(
        health,
        strikes=health.strikes + 1,
        until_ms=now_ms + _step(CURE_MS, health.cures_tried),
        paused_for=why,
        cause=f"refused: {why}",
    )


def _well(health: Health, now_ms: int) -> Health:
    was_ill = health.strikes or health.cures_tried
    if not was_ill or not health.usable(now_ms):
        return health
    return replace(health, strikes=0, until_ms=0, cause="", cures_tried=0)


def after(health: Health, outcome: Outcome, now_ms: int) -> Health:
    """The health after one call that buys. A pause is lifted by a balance only."""
    match outcome:
        case Placed():
            return _well(health, now_ms)
        case Rejected(error_class) if error_class in PAUSES:
            return _paused(health, error_class, now_ms)
        case Rejected(ErrorClass.RATE):  # busy with us, which is not ill
            return _backed_off(health, ErrorClass.RATE.value, now_ms)
        case Rejected(ErrorClass.DOWN):
            return _ill(health, ErrorClass.DOWN.value, now_ms)
        case NotSent(ours=True):  # our congestion is not his illness
            return health
        case NotSent(cause) | InDoubt(cause):
            return _ill(health, cause, now_ms)
    return health


def _cured(health: Health, answer: Balance | Refused | Unreadable, micros: int | None) -> bool:
    if health.paused_for is ErrorClass.DOWN and isinstance(answer, Refused):
        return answer.error_class not in BACKS_OFF
    return micros is not None and (health.paused_for is not ErrorClass.FUNDS or micros > 0)


def after_balance(health: Health, answer: Balance | Refused | Unreadable, now_ms: int) -> Health:
    """The health after a ``balance`` read, asked to see whether a pause is over.

    A key that works again cures, and any money does: the next order may be a
    smaller one. Whoever was down is well if he answers at all. The reads are
    counted until something is placed, so a purse that is never full enough is tried
    ever more rarely.
    """
    micros = pricing.nearest_micros(answer.balance) if isinstance(answer, Balance) else None
    if micros is not None:
        health = replace(health, balance_micros=micros, balance_at_ms=now_ms)
    if health.paused_for is None:
        return health
    health = replace(health, cures_tried=health.cures_tried + 1)
    if _cured(health, answer, micros):
        return replace(health, until_ms=0, paused_for=None, cause="")
    return replace(health, until_ms=now_ms + _step(CURE_MS, health.cures_tried))
