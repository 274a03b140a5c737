"""Whether a provider may be given orders now: one small value, one step function.

A Rejected link is no illness. What is: no connection, a doubt, "too many
requests", "panel is down", an empty purse, a refused key. FUNDS and AUTH pause a
provider until a ``balance`` read shows it cured; the rest backs off and ends by
itself when the time is up.
"""

from dataclasses import dataclass, replace

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Balance, Refused, Unreadable
from aggregator.core.outcome import InDoubt, NotSent, Outcome, Placed, Rejected

BACKOFF_MS = (1_000, 2_000, 5_000, 15_000, 30_000, 60_000)
CURE_MS = (5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000)

PAUSES = frozenset({ErrorClass.FUNDS, ErrorClass.AUTH})
BACKS_OFF = frozenset({ErrorClass.RATE, ErrorClass.DOWN})


@dataclass(frozen=True, slots=True)
class Health:
    """``paused_for`` is FUNDS or AUTH; ``until_ms`` ends a backoff, or is the
    moment of the next ``balance`` read while paused. ``strikes`` counts the bad
    outcomes in a row; ``balance_micros`` is the last balance read, theirs."""

    strikes: int = 0
    until_ms: int = 0
    paused_for: ErrorClass | None = None
    cause: str = ""
    balance_micros: int | None = None

    def usable(self, now_ms: int) -> bool:
        return self.paused_for is None and now_ms >= self.until_ms

    def wants_balance(self, now_ms: int) -> bool:
        """Whether a paused provider should be asked for its balance now."""
        return self.paused_for is not None and now_ms >= self.until_ms


def _step(steps: tuple[int, ...], strikes: int) -> int:
    return steps[min(strikes, len(steps) - 1)]


def _backed_off(health: Health, cause: str, now_ms: int) -> Health:
    until_ms = max(health.until_ms, now_ms + _step(BACKOFF_MS, health.strikes))
    return replace(health, strikes=health.strikes + 1, until_ms=until_ms, cause=cause)


def _paused(health: Health, why: ErrorClass, now_ms: int) -> Health:
    if health.paused_for is not None:
        return health
    until_ms = now_ms + _step(CURE_MS, health.strikes)
    return replace(health, paused_for=why, until_ms=until_ms, cause=f"refused: {why}")


def after(health: Health, outcome: Outcome, now_ms: int) -> Health:
    """The health after one call that buys. A pause is lifted by a balance only."""
    match outcome:
        case Placed():
            return health if health.paused_for else replace(health, strikes=0, until_ms=0, cause="")
        case Rejected(error_class) if error_class in PAUSES:
            return _paused(health, error_class, now_ms)
        case Rejected(error_class) if error_class in BACKS_OFF:
            return health if health.paused_for else _backed_off(health, error_class.value, now_ms)
        case NotSent(cause) | InDoubt(cause):
            return health if health.paused_for else _backed_off(health, cause, now_ms)
    return health


def after_balance(health: Health, answer: Balance | Refused | Unreadable, now_ms: int) -> Health:
    """The health after a ``balance`` read, asked to see whether a pause is over.

    A key that works again cures, and any money does: the next order may be a
    smaller one. The strikes stay until something is placed, so a purse that is
    never full enough is tried ever more rarely.
    """
    if health.paused_for is None:
        return health
    if isinstance(answer, Balance) and (health.paused_for is ErrorClass.AUTH or answer.balance > 0):
        return replace(health, strikes=health.strikes + 1, until_ms=0, paused_for=None, cause="")
    strikes = health.strikes + 1
    return replace(health, strikes=strikes, until_ms=now_ms + _step(CURE_MS, strikes))
