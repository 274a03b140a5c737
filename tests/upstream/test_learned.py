"""What asking has shown of a panel."""

import pytest

from aggregator.core.halving import GIVE_UP_MS, GROW_MS, Limit, Search
from aggregator.dialects import Dialect
from aggregator.upstream.learned import LONERS, Learned

NOW = 1_800_000_000_000
DIALECT = Dialect()


def ids(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def searched(count: int, bad: frozenset[str]) -> Search:
    search = Search(ids(count))
    while (part := search.next()) is not None:
        search.answered(sound=not bad & set(part))
    return search


@pytest.mark.parametrize(
    ("took", "left"), [(10, Limit(25, NOW)), (50, Limit(50, NOW + GROW_MS)), (100, None)]
)
def test_a_limit_grows_with_what_fits(took: int, left: Limit | None) -> None:
    """A bigger batch that went well is the new measure; a full one ends the limit."""
    learned = Learned({"status": Limit(25, NOW)})
    learned.took("status", ids(took), DIALECT, NOW + GROW_MS)
    assert learned.limits.get("status") == left


def test_loners_are_bounded_and_forgiven() -> None:
    """So many are remembered; one that is answered is asked with the others again."""
    learned = Learned()
    for number in range(LONERS + 100):
        search = Search((str(number), "good"))
        while (part := search.next()) is not None:
            search.answered(sound=str(number) not in part)
        learned.found("status", search, NOW)
    assert len(learned.loners("status")) == LONERS
    last = str(LONERS + 99)
    assert last in learned.loners("status")
    learned.took("status", (last,), DIALECT, NOW)
    assert last not in learned.loners("status")
    assert learned.loners("refill_status") == ()


def test_a_search_in_vain_is_not_repeated_at_once() -> None:
    """For ten minutes none begins."""
    learned = Learned()
    assert learned.may_search("status", 0)
    learned.found("status", searched(8, frozenset(ids(8))), NOW)
    assert not learned.may_search("status", NOW + GIVE_UP_MS - 1)
    assert learned.may_search("status", NOW + GIVE_UP_MS)
    assert learned.may_search("refill_status", NOW)
