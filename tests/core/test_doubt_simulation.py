"""The bracket in model worlds: benchmarks/doubts.py in its short form."""

from benchmarks import doubts
from benchmarks.doubts_world import Broken


def test_nothing_is_decided_wrongly_while_the_assumptions_hold() -> None:
    """Of 500 doubts none is adopted wrongly or given away, and most need nobody."""
    told = doubts.simulate(500, seed=1, watch=0.2).told()
    assert told["wrong"] == 0
    assert told["alarms"] == 0
    assert told["late_mistaken"] == 0
    decided = int(str(told["placed"])) + int(str(told["not placed"]))
    assert decided > 350


def test_every_doubt_ends() -> None:
    """A doubt is placed, not placed, left to a person or refunded at its deadline."""
    figures = doubts.simulate(60, seed=2)
    ends = ("right: placed", "right: placed, swapped", "right: not placed", "person", "deadline")
    assert sum(figures.tally[end] for end in ends) == figures.doubts


def test_a_broken_assumption_is_what_makes_mistakes() -> None:
    """The model can tell a wrong decision: late requests are given away."""
    assert doubts.simulate(150, seed=1, broken=Broken.SETTLING).wrong > 0


def test_another_user_of_the_account_is_caught() -> None:
    """Foreign orders on the account stop the adopting there."""
    assert doubts.simulate(60, seed=1, broken=Broken.EXCLUSIVE).tally["alarms"] > 0


def test_the_same_seed_draws_the_same_worlds() -> None:
    """A run can be repeated."""
    first, second = (doubts.simulate(20, seed=3).tally for _ in range(2))
    assert first == second


def test_every_scenario_has_its_line() -> None:
    """A line names what is broken and holds every column."""
    for broken in Broken:
        cells = doubts.line(doubts.Figures(broken).told())
        assert cells.startswith(broken.value)
        assert len(cells.removeprefix(broken.value).split()) == len(doubts.COLUMNS)
