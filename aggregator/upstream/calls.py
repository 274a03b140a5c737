"""One call: through the provider's gate, over the wire, and told to whoever watches."""

from collections.abc import Callable
from typing import NamedTuple

from aggregator.core.messages import Command
from aggregator.dialects import WireReply, encode_command
from aggregator.ports import Clock
from aggregator.upstream.gate import NoSlot
from aggregator.upstream.providers import Known, is_safe
from aggregator.upstream.wire import SMALL_REPLY, Lost, Wire


class Call(NamedTuple):
    """One call as it went, for logs and metrics; holds nothing secret.

    ``status`` is the HTTP status of a whole reply, else None and ``cause`` says
    why; ``sent`` whether its writing had begun.
    """

    provider: str
    action: str
    status: int | None
    cause: str
    sent: bool
    seconds: float


class Caller:
    """``on_call`` hears of every call. ``slot_s``: seconds after which a call that
    buys gives its place in the gate back, and reads on without it."""

    def __init__(
        self, wire: Wire, clock: Clock, on_call: Callable[[Call], None], slot_s: float
    ) -> None:
        self._wire = wire
        self._clock = clock
        self._on_call = on_call
        self.slot_s = slot_s

    async def call(
        self,
        known: Known,
        command: Command,
        *,
        deadline: float,
        buying: bool = False,
        cap: int = SMALL_REPLY,
    ) -> WireReply | Lost:
        """Sends ``command`` once, or not at all. ``deadline``: by the clock's monotonic()."""
        began = self._clock.monotonic()
        reply = await self._through_gate(known, command, deadline, buying, cap)
        self._report(known, command, reply, self._clock.monotonic() - began)
        return reply

    async def _through_gate(
        self, known: Known, command: Command, deadline: float, buying: bool, cap: int
    ) -> WireReply | Lost:
        url = known.provider.url
        if not is_safe(url):
            return Lost("neither TLS nor loopback", sent=False)
        try:
            request = encode_command(known.dialect, command, known.provider.key)
        except Exception as error:  # a fault of ours, but nothing has left
            return Lost(f"internal: {type(error).__name__}", sent=False, ours=True)
        slot_s = self.slot_s if buying else None
        try:
            async with known.gate.slot(self._left(deadline), buying=buying, slot_s=slot_s):
                left_s = self._left(deadline)
                return await self._wire.post(url, request, timeout_s=left_s, buying=buying, cap=cap)
        except NoSlot:
            return Lost("no free slot in time", sent=False, ours=True)

    def _left(self, deadline: float) -> float:
        return deadline - self._clock.monotonic()

    def _report(
        self, known: Known, command: Command, reply: WireReply | Lost, seconds: float
    ) -> None:
        name, action = known.provider.name, command.action
        if isinstance(reply, Lost):
            call = Call(name, action, None, reply.cause, reply.sent, seconds)
        else:
            call = Call(name, action, reply.status, "", True, seconds)
        try:
            self._on_call(call)
        except Exception:  # a watcher that fails must not turn an answer into a doubt
            return
