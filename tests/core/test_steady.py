"""Deadlines go by a clock without steps."""

import pytest

from aggregator.core.steady import STEP_MS, Steady
from tests.core.make import NOW


@pytest.mark.parametrize("step", [STEP_MS + 1, -STEP_MS - 1, 86_400_000])
def test_a_step_moves_deadlines_along(step: int) -> None:
    """What was due in a minute is due in a minute, wherever the wall clock went."""
    steady, made = Steady(NOW).after(NOW + step, 0)
    assert made == step
    assert steady.now_ms(NOW + step) == NOW
    again, made = steady.after(NOW + step + 5, 5)
    assert (made, again.now_ms(NOW + step + 5)) == (0, NOW + 5)


@pytest.mark.parametrize("step", [0, STEP_MS, -STEP_MS])
def test_small_corrections_are_followed(step: int) -> None:
    """A clock that is being set right little by little is the better one."""
    steady, made = Steady(NOW).after(NOW + step, 0)
    assert (made, steady.now_ms(NOW + step)) == (0, NOW + step)
