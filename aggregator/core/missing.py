"""An order of ours that its provider says it does not know.

Right after an order was placed, that is a replica that lags; with a wrong key it is
said of every order. It means something where the provider answers otherwise, and says
so again and again.
"""

from dataclasses import dataclass

TIMES = 3
APART_MS = 600_000


@dataclass(frozen=True, slots=True)
class Missed:
    """``times`` the provider did not know it, ``last_ms`` the last of them that counted."""

    times: int = 0
    last_ms: int = 0

    @property
    def is_lasting(self) -> bool:
        return self.times >= TIMES

    def again(self, now_ms: int, heard_ms: int) -> "Missed":
        """``heard_ms``: when the provider last told the status of any order."""
        if now_ms - self.last_ms < APART_MS or heard_ms <= self.last_ms:
            return self
        return Missed(self.times + 1, now_ms)
