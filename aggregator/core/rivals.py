"""What placing an order must know of a provider's open doubts.

A doubt is settled by counting orders of its charge, so a new add of the same charge
there would be a rival if it came into doubt too. It takes another route if there is
one. Once several doubts are open, our next adds are what brackets them: they go one
at a time, each unlike every doubt. Where the bracket cannot be used, nothing of
this helps, and doubts do not stop adds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aggregator.core.incident import Fingerprint

ONE_AT_A_TIME_FROM = 3


class Admission(StrEnum):
    GO = "go"
    RATHER_ELSEWHERE = "rather_elsewhere"  # another route if there is one, else this
    NOT_NOW = "not_now"  # another route, else the queue


@dataclass(frozen=True, slots=True)
class Caution:
    """``open``: of every doubt open at a provider, those left to a person included.
    ``settling``: how many of them are being settled by the bracket."""

    open: frozenset[Fingerprint] = frozenset()
    settling: int = 0

    def admits(self, new: Fingerprint, in_flight: int) -> tuple[Admission, str]:
        """Whether an add may go there now, and why not. ``in_flight``: adds of ours
        on their way to this provider."""
        rival = is_rival(new, self.open)
        if self.settling >= ONE_AT_A_TIME_FROM:
            if rival:
                return Admission.NOT_NOW, "like one of several orders in doubt there"
            if in_flight:
                return Admission.NOT_NOW, "one at a time: several orders in doubt there"
        if rival:
            return Admission.RATHER_ELSEWHERE, "like an order in doubt there"
        return Admission.GO, ""


def is_rival(new: Fingerprint, doubts: Iterable[Fingerprint]) -> bool:
    """Whether an order of ``new`` could not be told from one of ``doubts`` by its charge."""
    return any(_alike(new, one) for one in doubts)


def _alike(one: Fingerprint, other: Fingerprint) -> bool:
    if one.sequence is not other.sequence:
        return False
    if one.charge_micros is None or other.charge_micros is None:
        return True
    off_micros = one.step_micros + other.step_micros
    return abs(one.charge_micros - other.charge_micros) <= off_micros
