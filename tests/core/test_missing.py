"""Orders that their provider says it does not know."""

from aggregator.core.missing import APART_MS, Missed
from tests.core.make import NOW


def test_it_must_last() -> None:
    """Three times, far enough apart, each while the provider knows others."""
    missed, now_ms = Missed(), NOW
    for times in (1, 2, 3):
        missed = missed.again(now_ms, now_ms)
        assert (missed.times, missed.is_lasting) == (times, times == 3)
        assert missed.again(now_ms + APART_MS - 1, now_ms + APART_MS - 1) == missed
        now_ms += APART_MS


def test_one_who_knows_nothing_proves_nothing() -> None:
    """A provider that has told of no other order since counts for nothing."""
    assert Missed().again(NOW, 0) == Missed()
    missed = Missed().again(NOW, NOW)
    assert missed.again(NOW + APART_MS, NOW) == missed
