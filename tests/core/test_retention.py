"""What is forgotten, and of which orders."""

import pytest

from aggregator.core import retention
from aggregator.core.model import Policy, Retention
from aggregator.core.order_types import TYPES
from aggregator.core.retention import Rule, ended_before_ms, kept

DAY_S = 86_400
# Figures and choices: they name nobody and quote nothing.
HARMLESS = {
    *("quantity", "runs", "interval", "min", "max", "posts", "old_posts", "delay", "expiry"),
    *("answer_number", "country", "device", "type_of_traffic"),
}


def test_every_parameter_is_somebody_s() -> None:
    """Each parameter of each type falls under one rule, or is harmless."""
    known = {name for one in TYPES.values() for name in (*one.required, *one.optional)}
    assert known == HARMLESS | retention.LINKS | retention.COMMENTS
    assert not retention.LINKS & retention.COMMENTS


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (Rule.LINKS, {"quantity": "5", "comments": "wow"}),
        (Rule.COMMENTS, {"quantity": "5", "link": "l", "username": "u"}),
        (Rule.EVENTS, {"quantity": "5", "link": "l", "username": "u", "comments": "wow"}),
    ],
)
def test_what_is_kept(rule: Rule, left: dict[str, str]) -> None:
    """A rule drops what it is about, and nothing else."""
    params = {"quantity": "5", "link": "l", "username": "u", "comments": "wow"}
    assert kept(params, rule) == left


def test_when() -> None:
    """A rule without an age never applies; none applies while an order is watched."""
    policy = Policy(watch_ended_s=3 * DAY_S, retention=Retention(90 * DAY_S, DAY_S, None))
    now_ms = 1_000 * DAY_S * 1000
    assert ended_before_ms(policy, Rule.LINKS, now_ms) == 910 * DAY_S * 1000
    assert ended_before_ms(policy, Rule.COMMENTS, now_ms) == 997 * DAY_S * 1000
    assert ended_before_ms(policy, Rule.EVENTS, now_ms) is None
