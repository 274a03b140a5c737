"""Double entry: every movement of money is a transfer whose entries sum to zero.

Accounts are named by text. A reseller has two, ``available`` and ``held``, whose
balances are stored and never negative; the house's have no stored balance, they
are what their entries say:

=========================  ===================================================
``reseller/7/available``   what reseller 7 can spend
``reseller/7/held``        what his open holds bind
``cash``                   the world outside: credits come from it (negative)
``sales``                  charges made final, less refunds
``loss/gulf``              what provider ``gulf`` cost us and nobody paid for
=========================  ===================================================

Of one order there is one hold, then one post *or* one void, then refunds with
rising versions; the store's unique ``(order_id, kind, version)`` keeps it so.
"""

from enum import StrEnum

from aggregator.core.nouns import noun

CASH = "cash"
SALES = "sales"


class TransferKind(StrEnum):
    CREDIT = "credit"
    DEBIT = "debit"
    HOLD = "hold"
    POST = "post"
    VOID = "void"
    REFUND = "refund"
    LOSS = "loss"


@noun(frozen=True, slots=True)
class Period:
    """From a moment up to another, which is no more part of it. Milliseconds."""

    from_ms: int = 0
    until_ms: int = 2**62


EVER = Period()


@noun(frozen=True, slots=True)
class Entry:
    account: str
    amount_micros: int


@noun(frozen=True, slots=True)
class Transfer:
    """``micros`` from one account to another."""

    kind: TransferKind
    source: str
    target: str
    micros: int

    @property
    def available_micros(self) -> int:
        """What it adds to what the reseller can spend; held_micros: to what is held."""
        return self._added("/available")

    @property
    def held_micros(self) -> int:
        return self._added("/held")

    def _added(self, account: str) -> int:
        return self.micros * (_is_his(self.target, account) - _is_his(self.source, account))

    @property
    def entries(self) -> tuple[Entry, Entry]:
        return Entry(self.source, -self.micros), Entry(self.target, self.micros)


def available(reseller_id: int) -> str:
    return f"reseller/{reseller_id}/available"


def held(reseller_id: int) -> str:
    return f"reseller/{reseller_id}/held"


def loss(provider: str) -> str:
    return f"loss/{provider}"


def loser(account: str) -> str | None:
    """The provider of such an account; None of any other."""
    return account.removeprefix("loss/") if account.startswith("loss/") else None


def _moved(kind: TransferKind, source: str, target: str, micros: int) -> Transfer:
    if micros < 0:
        raise ValueError(f"a {kind} of {micros} micros")
    return Transfer(kind, source, target, micros)


def _is_his(name: str, account: str) -> bool:
    return name.startswith("reseller/") and name.endswith(account)


def credit(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.CREDIT, CASH, available(reseller_id), micros)


def debit(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.DEBIT, available(reseller_id), CASH, micros)


def hold(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.HOLD, available(reseller_id), held(reseller_id), micros)


def post(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.POST, held(reseller_id), SALES, micros)


def void(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.VOID, held(reseller_id), available(reseller_id), micros)


def refund(reseller_id: int, micros: int) -> Transfer:
    return _moved(TransferKind.REFUND, SALES, available(reseller_id), micros)


def book_loss(provider: str, micros: int) -> Transfer:
    """A provider was paid and nobody paid us: the house's own money is gone."""
    return _moved(TransferKind.LOSS, CASH, loss(provider), micros)
