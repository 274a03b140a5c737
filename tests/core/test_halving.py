"""What a panel chokes on, found out by asking in halves."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.halving import GROW_MS, MOST_FAILED, Limit, Search
from tests.core.make import NOW


def ids(count: int) -> tuple[str, ...]:
    return tuple(f"i{number}" for number in range(count))


def searched(
    count: int, *, limit: int = 1000, bad: frozenset[str] = frozenset()
) -> tuple[Search, list[tuple[str, ...]], set[str]]:
    """The search at a panel with such a limit and such IDs; its calls, and who was answered."""
    search, calls, known = Search(ids(count)), [], set()
    while (batch := search.next()) is not None:
        calls.append(batch)
        sound = len(batch) <= limit and not bad & set(batch)
        search.answered(sound=sound)
        known |= set(batch) if sound else set()
    return search, calls, known


def test_one_bad_id_is_found() -> None:
    """In a hundred it takes some fourteen calls; the size is not to blame."""
    search, calls, known = searched(100, bad=frozenset({"i0"}))
    assert (search.fits, search.loners, search.in_vain) == (None, ["i0"], False)
    assert len(known) == 99
    assert len(calls) <= 14


def test_too_many_are_found_out() -> None:
    """What both halves answer and the whole does not was too much."""
    search, calls, known = searched(100, limit=30)
    assert (search.fits, list(search.loners), len(known)) == (25, [], 100)
    assert [len(call) for call in calls] == [50, 25, 25, 25, 25]


def test_one_by_one_is_found_out() -> None:
    """A panel that takes no lists: a few calls show it, the others are for the answers."""
    search, calls, known = searched(100, limit=1)
    assert (search.fits, len(known)) == (1, 100)
    assert len(calls) == 100 + 6


def test_an_ill_panel_is_left_alone() -> None:
    """Nothing it says is about the batch: nine calls at the most."""
    search, calls, known = searched(100, limit=0)
    assert (search.fits, search.loners, search.in_vain, known) == (None, (), True, set())
    assert len(calls) == 8


def test_a_search_is_bounded() -> None:
    """Where half of all IDs are bad, it ends before it has found them."""
    search, calls, _ = searched(400, bad=frozenset(ids(400)[1::2]))
    assert len(calls) <= 4 * MOST_FAILED
    assert search.loners and not search.in_vain


@given(
    st.integers(2, 120),
    st.one_of(st.just(1000), st.integers(1, 120)),
    st.sets(st.integers(0, 119), max_size=3),
)
def test_everybody_who_can_be_answered_is(count: int, limit: int, bad: set[int]) -> None:
    """Whatever the limit and wherever the bad ones are: no ID is asked in vain for their
    sake, none is answered twice, and a limit that is found holds."""
    wrong = frozenset(f"i{number}" for number in bad)
    search, calls, known = searched(count, limit=limit, bad=wrong)
    good = set(ids(count)) - wrong
    if not search.in_vain:
        assert known == good
        assert set(search.loners) <= wrong
    if search.fits is not None:
        assert search.fits <= limit
    sound = [call for call in calls if len(call) <= limit and not wrong & set(call)]
    answered = [one for call in sound for one in call]
    assert len(answered) == len(set(answered))


def test_a_limit_is_tried_again() -> None:
    """After an hour twice as many are asked for; never more than the dialect allows."""
    limit = Limit(25, NOW)
    assert limit.allowed(100, NOW + GROW_MS - 1) == 25
    assert limit.allowed(100, NOW + GROW_MS) == 50
    assert limit.allowed(40, NOW + GROW_MS) == 40
    assert Limit(0, NOW).allowed(100, NOW) == 1
