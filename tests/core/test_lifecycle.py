"""States as a table, the providers' vocabulary, and what a reseller sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import lifecycle
from aggregator.core.lifecycle import ENDED, HELD, TRANSITIONS, Word, read_word, shown
from aggregator.core.model import State

WRITTEN = """
    sending: placed in_doubt queued rejected canceled
    queued: sending canceled
    in_doubt: placed queued canceled
    placed: completed partial canceled
    completed: partial canceled
    partial: canceled
    canceled:
    rejected:
"""
TABLE = {
    State(now): {State(then) for then in followers.split()}
    for now, _, followers in (line.strip().partition(":") for line in WRITTEN.strip().splitlines())
}


@pytest.mark.parametrize("now", State)
@pytest.mark.parametrize("then", State)
def test_transitions(now: State, then: State) -> None:
    """A state is followed by those of the table and by no other."""
    assert lifecycle.may_follow(now, then) == (then in TABLE[now])


def test_every_state_is_reachable() -> None:
    """From an order's two beginnings every state can come about."""
    reached: set[State] = set()
    ahead = {State.SENDING, State.QUEUED}
    while ahead:
        reached |= ahead
        ahead = {then for now in ahead for then in TRANSITIONS[now]} - reached
    assert reached == set(State)


def test_ends_stay_ends() -> None:
    """Every state is held, placed or ended; an end is followed only by ends that cost less."""
    assert HELD | {State.PLACED} | ENDED == set(State)
    assert not HELD & ENDED
    price = [State.COMPLETED, State.PARTIAL, State.CANCELED, State.REJECTED]
    for state in ENDED:
        assert TRANSITIONS[state] <= set(price[price.index(state) + 1 :])


def test_diagram() -> None:
    """The diagram names every transition, every beginning and every last end, and nothing else."""
    arrows = {f"{now} --> {then}" for now, followers in TABLE.items() for then in followers}
    arrows |= {"[*] --> sending", "[*] --> queued", "canceled --> [*]", "rejected --> [*]"}
    first, *lines = lifecycle.diagram().splitlines()
    assert first == "stateDiagram-v2"
    assert sorted(line.strip() for line in lines) == sorted(arrows)


SPELLED = {
    Word.PENDING: ["Pending", "Awaiting", "Queue", "Queued", "", "  "],
    Word.PROCESSING: ["Processing", "Process", "Processing order", "Started", "Processed"],
    Word.IN_PROGRESS: ["In progress", "Inprogress", "in-progress", "IN_PROGRESS", "In progess"],
    Word.ACTIVE: ["Active"],
    Word.PAUSED: ["Paused"],
    Word.COMPLETED: ["Completed", "Complete", "Success", "Done", " completed\n"],
    Word.PARTIAL: ["Partial", "Partially Completed", "PARTIAL"],
    Word.CANCELED: ["Canceled", "Cancelled", "Cancel", "canscelled"],
    Word.EXPIRED: ["Expired"],
    Word.REFUNDED: ["Refunded", "Refund", "Refunds"],
    Word.FAILED: ["Fail", "Failed", "Error", "Rejected"],
}


def test_every_word_is_tested() -> None:
    """The table above spells every word."""
    assert set(SPELLED) == set(Word)


@pytest.mark.parametrize(
    ("text", "word"), [(text, word) for word, texts in SPELLED.items() for text in texts]
)
def test_words(text: str, word: Word) -> None:
    """Every spelling that panels use is read, in any case."""
    assert read_word(text) is word
    assert read_word(text.swapcase()) is word


@pytest.mark.parametrize("text", ["0", "5", "Completed?", "Завершен", "True", "not completed"])
def test_unknown_words(text: str) -> None:
    """A word that nobody knows, or a number, is not guessed at."""
    assert read_word(text) is None
    assert lifecycle.read_refill_word(text) is None


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    """Whatever a provider says is read as a word or as none."""
    assert read_word(text) in {None, *Word}
    assert lifecycle.read_refill_word(text) in {
        None,
        "Pending",
        "In progress",
        *lifecycle.REFILL_ENDED,
    }


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        (None, "Processing"),
        (Word.PENDING, "Pending"),
        (Word.PROCESSING, "Processing"),
        (Word.IN_PROGRESS, "In progress"),
        (Word.ACTIVE, "Active"),
        (Word.PAUSED, "Paused"),
        (Word.FAILED, "In progress"),
        (Word.REFUNDED, "In progress"),
        (Word.COMPLETED, "In progress"),
        (Word.PARTIAL, "In progress"),
        (Word.CANCELED, "In progress"),
        (Word.EXPIRED, "In progress"),
    ],
)
def test_shown_while_placed(word: Word | None, seen: str) -> None:
    """A placed order shows the provider's word, and never an end that it has not taken."""
    assert shown(State.PLACED, word) == seen


def test_shown_before_anything_is_known() -> None:
    """A placed order of which the provider told nothing yet is pending."""
    assert shown(State.PLACED, None, heard=False) == "Pending"
    assert shown(State.PLACED, Word.ACTIVE, heard=False) == "Active"


@pytest.mark.parametrize("word", [None, *Word])
def test_shown_otherwise(word: Word | None) -> None:
    """In every other state the provider's word makes no difference."""
    for state in HELD:
        assert shown(state, word) == "Pending"
    assert shown(State.COMPLETED, word) == "Completed"
    assert shown(State.PARTIAL, word) == "Partial"
    assert shown(State.CANCELED, word) == "Canceled"
    assert shown(State.REJECTED, word) == "Canceled"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "Pending"),
        ("Pending", "Pending"),
        ("In progress", "In progress"),
        ("In progess", "In progress"),
        ("COMPLETED", "Completed"),
        ("Rejected", "Rejected"),
        ("Cancelled", "Canceled"),
        ("Fail", "Rejected"),
        ("Error", "Rejected"),
    ],
)
def test_refill_words(text: str, seen: str) -> None:
    """A refill's status is shown in our spelling."""
    assert lifecycle.read_refill_word(text) == seen
