"""The desk: who is asking, whether he may, and which action carries it out."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aggregator import telemetry
from aggregator.actions import add, balance, cancel, refill, refill_status, services, status
from aggregator.actions.world import World
from aggregator.core import errors
from aggregator.core.errors import ClientError
from aggregator.core.messages import (
    Added,
    Balance,
    CancelAnswers,
    Command,
    RefillAnswers,
    ServiceList,
    StatusAnswers,
)
from aggregator.core.model import Reseller, Scope

KEYS_REMEMBERED = 10_000
KEY_BELIEVED_S = 60.0  # a retiring key ends at its time, give or take this
UNASKED_S = 5.0  # as long keys are believed while nobody can ask what others have written

Answer = ServiceList | Added | StatusAnswers | RefillAnswers | CancelAnswers | Balance
Action = Callable[[World, Reseller, Command, str | None], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Counter:
    scope: Scope
    action: Action


COUNTERS: Mapping[str, Counter] = {
    "services": Counter(Scope.READ, services.services),
    "add": Counter(Scope.ORDER, add.add),
    "status": Counter(Scope.READ, status.status),
    "refill": Counter(Scope.REFILL, refill.refill),
    "refill_status": Counter(Scope.READ, refill_status.refill_status),
    "cancel": Counter(Scope.CANCEL, cancel.cancel),
    "balance": Counter(Scope.READ, balance.balance),
}


class Desk:
    """Serves any number of requests at a time; remembers keys it has seen proved."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[bytes, tuple[Reseller, float]] = {}  # and believed until
        self._asked_s = world.clock.monotonic()

    async def carry_out(
        self, key: str | None, command: Command, request_id: str | None, address: str
    ) -> Answer:
        """The answer to one command. ClientError carries the text for the reseller.

        ``address``: where it came from. A key that may not be used from there is answered
        like one that does not exist, so that nobody learns that he has found one.
        """
        key_hash = _hashed(key)
        reseller = self._remembered(key_hash) or await self._proved(key_hash)
        if not reseller.may_call_from(address):
            raise ClientError(errors.UNAUTHENTICATED)
        telemetry.RESELLER.set(reseller.name)
        counter = COUNTERS.get(command.action)
        if counter is None:
            raise ClientError(errors.UNKNOWN_ACTION)
        if counter.scope not in reseller.scopes:
            raise ClientError(errors.NO_PERMISSION)
        return await counter.action(self._world, reseller, command, request_id)

    def _remembered(self, key_hash: bytes) -> Reseller | None:
        """Who holds this key, while that is believed without asking."""
        known = self._known.get(key_hash)
        if known is None:
            return None
        now_s = self._world.clock.monotonic()
        return known[0] if now_s < known[1] and now_s - self._asked_s <= UNASKED_S else None

    async def _proved(self, key_hash: bytes) -> Reseller:
        """The same by the store, which is always asked about a key that is not known here."""
        now_s, remembered = self._world.clock.monotonic(), self._known
        reseller = await self._world.store.authenticate(key_hash)
        if reseller is None:
            raise ClientError(errors.UNAUTHENTICATED)
        if len(remembered) >= KEYS_REMEMBERED:
            remembered.clear()
        remembered[key_hash] = reseller, now_s + KEY_BELIEVED_S
        return reseller

    def asked(self, *, changed: bool) -> None:
        """What others have written was asked after: a key may have been withdrawn."""
        self._asked_s = self._world.clock.monotonic()
        if changed:
            self.forget()

    def forget(self) -> None:
        """Also what is being read just now, which goes into the memory that it began with."""
        self._known = {}


def _hashed(key: str | None) -> bytes:
    if not key:
        raise ClientError(errors.UNAUTHENTICATED)
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
