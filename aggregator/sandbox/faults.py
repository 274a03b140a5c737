"""Faults on demand: which request goes wrong, and how.

A ``Rule`` applies to an action (or all), to requests that carry its marker (or
all), with a probability, for so many requests (or for good). The first rule that
applies wins. What each fault does at the socket is in ``server``.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from aggregator.core.messages import Command


class Fault(StrEnum):
    DROP_BEFORE = "drop_before"  # closed with nothing done
    DROP_AFTER = "drop_after"  # done, and closed without an answer
    HANG = "hang"  # no answer for ``seconds``, then closed
    SLOW = "slow"  # the right answer after ``seconds``
    CUT_BODY = "cut_body"  # half of the right answer, then closed
    SERVER_ERROR = "server_error"  # ``status`` (500), with JSON if there is ``text``
    HTML = "html"
    WRONG_JSON = "wrong_json"
    REFUSE = "refuse"  # 200 and ``text`` as the error
    RATE_LIMIT = "rate_limit"  # 429
    REDIRECT = "redirect"  # ``status`` (307) to ourselves


_DONE_FIRST = frozenset(
    {Fault.DROP_AFTER, Fault.HANG, Fault.SLOW, Fault.CUT_BODY, Fault.HTML, Fault.WRONG_JSON}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault and when it strikes.

    ``times``: how often, None for ever. ``marker``: text within any parameter.
    ``processed``: whether the panel does what it was asked before the fault; None
    for what the fault suggests. ``content_length``: whether a cut body says how
    long it should have been.
    """

    fault: Fault
    action: str | None = None
    probability: float = 1.0
    times: int | None = None
    marker: str | None = None
    processed: bool | None = None
    seconds: float = 1.0
    status: int | None = None
    text: str | None = None
    content_length: bool = True

    @property
    def does_it(self) -> bool:
        return self.fault in _DONE_FIRST if self.processed is None else self.processed

    @classmethod
    def from_json(cls, given: Mapping[str, object]) -> "Rule":
        """ValueError or TypeError for what is no rule."""
        names = {each.name for each in fields(cls)}
        if unknown := given.keys() - names:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        values = dict(given)
        return cls(Fault(values.pop("fault")), **values)  # type: ignore[arg-type]


class Faults:
    """The rules in force, and how often each may still strike."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._rules: list[tuple[Rule, list[int]]] = []

    def set(self, *rules: Rule) -> None:
        """These, and no others."""
        self._rules = []
        self.add(*rules)

    def add(self, *rules: Rule) -> None:
        self._rules += [(rule, [rule.times] if rule.times is not None else []) for rule in rules]

    def strike(self, command: Command) -> Rule | None:
        """The rule that this request falls under, counted as struck."""
        for rule, left in self._rules:
            if left != [0] and self._applies(rule, command):
                if left:
                    left[0] -= 1
                return rule
        return None

    def _applies(self, rule: Rule, command: Command) -> bool:
        if rule.action not in (None, command.action):
            return False
        if rule.marker is not None and not any(rule.marker in v for v in command.params.values()):
            return False
        return rule.probability >= 1 or self._dice.random() < rule.probability
