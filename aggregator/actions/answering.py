"""The one answer that an ``add`` gives, however many ask for it.

Two may want to decide it: the order's own task, when an outcome is in, and the
clock, when ``answer_within`` is over. Whoever claims it first decides, and the
other must live with that: once the ID is given an order can no longer be
``rejected``, only ``canceled``; once an error is claimed, the ID is not given.
Repeats of a request ID wait for the same answer.
"""

import asyncio

from aggregator.core.errors import ClientError
from aggregator.core.messages import Added
from aggregator.core.model import Kind


class Answering:
    """Belongs to one event loop; ``fingerprint`` is of the first request's parameters."""

    def __init__(self, fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        self._claimed = False
        self._answer: asyncio.Future[Added | Exception] = asyncio.get_running_loop().create_future()

    @property
    def given(self) -> bool:
        return self._answer.done()

    def claim_error(self) -> bool:
        """Whether the order may still end with an error; then it must, or ``release``."""
        if self._claimed or self.given:
            return False
        self._claimed = True
        return True

    def give_id(self, order_id: int, kind: Kind) -> None:
        if not self._claimed and not self.given:
            self._answer.set_result(Added(str(order_id), kind))

    def give_error(self, text: str) -> None:
        self.fail(ClientError(text))

    def fail(self, bug: Exception) -> None:
        """Nothing was written: whoever waits gets the exception that says so."""
        if not self.given:
            self._answer.set_result(bug)

    def release_id(self, order_id: int, kind: Kind) -> None:
        """The claimed error did not come to be: the ID is the answer after all."""
        self._claimed = False
        self.give_id(order_id, kind)

    async def wait(self) -> Added:
        """The answer; raises the error that was given. Safe to cancel."""
        answer = await asyncio.shield(self._answer)
        if isinstance(answer, Exception):
            raise answer
        return answer
