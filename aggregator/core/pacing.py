"""When an order is asked after again, and when a provider is left alone for a while.

An order is asked after soon and often while it is young, ever more rarely as it ages:
each wait is a share of the age it has then. Where a service is known to take its time
(``learned``, from orders of it that were delivered), the first waits are longer. An
order that its reseller asks after is asked after twice as often. Everything here is a
function of times, so a restart forgets nothing of it.
"""

from aggregator.core.lifecycle import REFILL_ENDED, Word, read_word
from aggregator.core.messages import OrderStatus
from aggregator.core.model import Order, Policy, Refill, State
from aggregator.core.nouns import noun

SOONEST_MS = 10_000
LATEST_MS = 1_800_000
ENDED_MS = 6 * 3_600_000
AHEAD_MS = 5_000  # a batch that leaves anyway takes along what is due so soon

_OF_AGE = 8  # a wait is this part of the age,
_OF_TYPICAL = 32  # but never less than this part of what its service takes,
_OF_OLD_AGE = 96  # and never more than LATEST_MS, or this part of the age
_HALF_OF_WANTED = 2
_NEW_COUNTS = 8  # an order's part in the typical duration: one of so many

_REST_MS = (0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000)
_BATCHES_PER_S = 10
_SHARE = 2  # of a provider's rate, the poller takes one part of so many

_DELIVERED = frozenset({Word.COMPLETED, Word.PARTIAL})


@noun(frozen=True, slots=True)
class Pace:
    """What is known of an order beside its row. ``typical_ms``: how long its service
    takes, 0 where nobody knows; ``wanted``: its reseller has just asked after it."""

    typical_ms: int = 0
    wanted: bool = False


UNHURRIED = Pace()


def next_check(order: Order, now_ms: int, policy: Policy, pace: Pace = UNHURRIED) -> int | None:
    """When to ask again: often while young, sparsely once ended, then never.

    An ended order that is said to have failed is watched until that is settled.
    """
    if order.ended_at_ms is None:
        return now_ms + _wait_ms(now_ms - order.created_at_ms, pace)
    due_ms = now_ms + ENDED_MS
    watched = due_ms <= order.ended_at_ms + policy.watch_ended_s * 1000
    return due_ms if watched or order.failed_since_ms is not None else None


def next_refill_check(refill: Refill, status: str, now_ms: int, *, wanted: bool) -> int | None:
    """Like an order; one that has ended stays so, and is never asked after again."""
    if status in REFILL_ENDED:
        return None
    return now_ms + _wait_ms(now_ms - refill.created_at_ms, Pace(wanted=wanted))


def _wait_ms(age_ms: int, pace: Pace) -> int:
    wait_ms = max(age_ms // _OF_AGE, pace.typical_ms // _OF_TYPICAL)
    wait_ms = min(wait_ms, max(LATEST_MS, age_ms // _OF_OLD_AGE))
    return max(wait_ms // (_HALF_OF_WANTED if pace.wanted else 1), SOONEST_MS)


def took_ms(order: Order, answer: OrderStatus, asked_at_ms: int) -> int | None:
    """How long an order took that this answer ends; None where it tells nothing of that."""
    alone = order.state is State.PLACED and order.parent_id is None
    if not alone or order.kind.has_children or read_word(answer.word) not in _DELIVERED:
        return None
    return max(asked_at_ms - order.created_at_ms, 0)


def learned(typical_ms: int, took: int) -> int:
    """What a service typically takes, after one more of its orders."""
    return took if typical_ms == 0 else typical_ms + (took - typical_ms) // _NEW_COUNTS


def is_fresh(at_ms: int | None, now_ms: int, policy: Policy) -> bool:
    """Whether what was asked then need not be asked again."""
    return at_ms is not None and now_ms - at_ms < policy.status_ttl_s * 1000


@noun(frozen=True, slots=True)
class Rest:
    """A provider that does not answer is left alone, the longer the more often in a row.

    ``until_ms``: until then nobody asks it; ``silences``: questions lost since it last
    said anything.
    """

    silences: int = 0
    until_ms: int = 0

    def after(self, now_ms: int, *, spoke: bool) -> "Rest":
        if spoke:
            return _RESTED
        if now_ms < self.until_ms:  # asked before the rest began: one spell with the others
            return self
        silences = self.silences + 1
        return Rest(silences, now_ms + _REST_MS[min(silences, len(_REST_MS) - 1)])


_RESTED = Rest()


def gap_s(rate_limit_per_minute: int | None) -> float:
    """Seconds between two batches of the poller at one provider: a share of its rate, so
    that adds and resellers' questions find room; and no storm after a long stop."""
    least = 1 / _BATCHES_PER_S
    if rate_limit_per_minute is None:
        return least
    return max(least, _SHARE * 60 / rate_limit_per_minute)
