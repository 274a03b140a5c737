"""Any sequence of acts, against a model plain enough to be believed."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import hypothesis.strategies as some
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from aggregator.core import errors, pricing
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.model import State
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from aggregator.ports import Closed, Opened
from aggregator.store import attempts, by_hand, keys, orders, resellers, statuses
from aggregator.store.exceptions import ActRefused, NotEnough
from aggregator.store.verify import verify
from tests.store.builders import (
    HOUR,
    NOW,
    POLICY,
    attempt,
    closing,
    draft,
    queued,
    reading,
    reseller,
)
from tests.store.conftest import Scratch, sqlite_scratch

UNITS = 1000
ENDED = (State.COMPLETED, State.PARTIAL, State.CANCELED)
FOLLOWS = {
    State.PLACED: ENDED,
    State.COMPLETED: (State.PARTIAL, State.CANCELED),
    State.PARTIAL: (State.PARTIAL, State.CANCELED),
}
money = some.integers(0, 30).map(lambda cents: cents * 10_000)


@dataclass
class Sold:
    """The model of an order: what a careful clerk would note on paper."""

    charge: int
    state: State
    attempt: int | None
    open: bool = False
    upstream: str | None = None
    posted: bool = False
    refunded: int = 0
    capped: bool = False

    @property
    def spent(self) -> int:
        """What it takes of its day's cap."""
        came_to_nothing = self.state in (State.CANCELED, State.REJECTED) and not self.posted
        return self.charge if self.capped and not came_to_nothing else 0


class Ledger(RuleBasedStateMachine):
    """One reseller, many orders, every act that moves money or might."""

    sold = Bundle("sold")

    def __init__(self, scratch: Scratch) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.tx = self._stack.enter_context(scratch())
        self.shop = reseller(self.tx)
        self.available = 0
        self.orders: dict[int, Sold] = {}
        self.upstream_ids: set[str] = set()
        self.asked = NOW

    def teardown(self) -> None:
        self._stack.close()

    # -- money by hand

    @rule(micros=money)
    def credit(self, micros: int) -> None:
        resellers.credit(self.tx, "shop", micros, "bank", NOW)
        self.available += micros

    @rule(micros=money)
    def debit(self, micros: int) -> None:
        if micros > self.available:
            with pytest.raises(NotEnough):
                resellers.debit(self.tx, "shop", micros, "payout", NOW)
            return
        resellers.debit(self.tx, "shop", micros, "payout", NOW)
        self.available -= micros

    # -- placing

    @rule(target=sold, charge=money, waits=some.booleans(), cap=some.none() | money)
    def open(self, charge: int, waits: bool, cap: int | None) -> int:
        made = queued(self.shop) if waits else draft(self.shop)
        made = replace(made, charge_micros=charge)
        keys.set_daily_cap(self.tx, self.shop, cap, NOW)
        for one in self.orders.values():  # a cap looks at the whole day
            one.capped = one.capped or cap is not None
        spent = sum(one.spent for one in self.orders.values())
        if charge > self.available or (cap is not None and spent + charge > cap):
            with pytest.raises(ClientError, match=errors.INSUFFICIENT_BALANCE):
                orders.open_order(self.tx, made)
            return 0
        opened = orders.open_order(self.tx, made)
        assert isinstance(opened, Opened)
        state = State.QUEUED if waits else State.SENDING
        self.orders[opened.order_id] = Sold(
            charge, state, opened.attempt_id, not waits, capped=cap is not None
        )
        self.available -= charge
        return opened.order_id

    @rule(order_id=sold, upstream=some.integers(1, 8).map(str))
    def placed(self, order_id: int, upstream: str) -> None:
        one = self.orders.get(order_id)
        if one is None or one.attempt is None:
            return
        closed = self._close(order_id, Placed(upstream))
        assert closed.won is one.open
        if one.open and upstream in self.upstream_ids:
            one.state = State.IN_DOUBT
        elif one.open:
            self._bought(one, upstream)
        assert closed.state is one.state

    def _bought(self, one: Sold, upstream: str) -> None:
        self.upstream_ids.add(upstream)
        one.state, one.open, one.posted, one.upstream = State.PLACED, False, True, upstream

    @rule(order_id=sold)
    def in_doubt(self, order_id: int) -> None:
        one = self.orders.get(order_id)
        if one is None or one.attempt is None:
            return
        closed = self._close(order_id, InDoubt("cut"))
        assert closed.won is (one.state is State.SENDING and one.open)
        if closed.won:
            one.state = State.IN_DOUBT
        assert closed.state is one.state

    @rule(
        order_id=sold,
        outcome=some.sampled_from([Rejected(ErrorClass.LINK), NotSent("no route")]),
        goes_on=some.sampled_from(["next", "queue", "answered", "refused"]),
    )
    def refused(self, order_id: int, outcome: Rejected | NotSent, goes_on: str) -> None:
        one = self.orders.get(order_id)
        if one is None or one.attempt is None:
            return
        won = one.state is State.SENDING and one.open
        closed = self._close(
            order_id,
            outcome,
            next=attempt("owner") if goes_on == "next" else None,
            queued_until_ms=NOW + HOUR if goes_on == "queue" else None,
            answered=goes_on != "refused",
        )
        assert closed.won is won
        if not won:
            return
        if goes_on == "next":
            one.attempt = closed.attempt_id
            return
        one.open = False
        one.state = {"queue": State.QUEUED, "answered": State.CANCELED}.get(goes_on, State.REJECTED)
        if goes_on != "queue":
            self.available += one.charge

    def _close(self, order_id: int, outcome: object, **more: object) -> Closed:
        one = closing(order_id, self.orders[order_id].attempt, outcome, **more)  # type: ignore[arg-type]
        return attempts.close_attempt(self.tx, one)

    # -- the queue

    @rule(order_id=sold)
    def start(self, order_id: int) -> None:
        one = self.orders.get(order_id)
        made = orders.start_queued(self.tx, order_id, attempt(), NOW)
        assert (made is not None) is (one is not None and one.state is State.QUEUED)
        if one is not None and made is not None:
            one.state, one.attempt, one.open = State.SENDING, made, True

    @rule(order_id=sold)
    def cancel(self, order_id: int) -> None:
        one = self.orders.get(order_id)
        done = orders.cancel_queued(self.tx, order_id, "asked", NOW)
        assert done is (one is not None and one.state is State.QUEUED)
        if one is not None and done:
            one.state = State.CANCELED
            self.available += one.charge

    # -- by hand

    @rule(order_id=sold, upstream=some.integers(1, 8).map(str))
    def resolve_placed(self, order_id: int, upstream: str) -> None:
        one = self.orders.get(order_id)
        if one is None or one.state is not State.IN_DOUBT or upstream in self.upstream_ids:
            with pytest.raises(ActRefused):
                by_hand.resolve_placed(self.tx, order_id, upstream, "seen", NOW)
            return
        by_hand.resolve_placed(self.tx, order_id, upstream, "seen", NOW)
        self._bought(one, upstream)

    @rule(order_id=sold, again=some.booleans())
    def not_placed(self, order_id: int, again: bool) -> None:
        one = self.orders.get(order_id)
        if one is None or one.state is not State.IN_DOUBT:
            return
        one.open = False
        if again:
            by_hand.retry(self.tx, order_id, NOW + HOUR, "not seen", NOW)
            one.state = State.QUEUED
            return
        by_hand.resolve_not_placed(self.tx, order_id, "not seen", NOW)
        one.state = State.CANCELED
        self.available += one.charge

    @rule(order_id=sold, micros=some.none() | money)
    def refund(self, order_id: int, micros: int | None) -> None:
        one = self.orders.get(order_id)
        left = one.charge - one.refunded if one is not None and one.posted else 0
        wanted = left if micros is None else micros
        if one is None or not 0 < wanted <= left:
            with pytest.raises(ActRefused):
                by_hand.refund(self.tx, order_id, micros, "sorry", NOW)
            return
        assert by_hand.refund(self.tx, order_id, micros, "sorry", NOW) == wanted
        one.refunded += wanted
        self.available += wanted

    # -- what the provider says

    @rule(order_id=sold, state=some.sampled_from(ENDED), remains=some.integers(-5, 1005))
    def told(self, order_id: int, state: State, remains: int) -> None:
        self.asked += 1
        told = reading(order_id, state.value, self.asked, remains=remains)
        statuses.apply_status(self.tx, told, POLICY, self.asked)
        one = self.orders.get(order_id)
        if one is None or state not in FOLLOWS.get(one.state, ()) or not one.posted:
            return
        one.state = state
        due = one.charge - self._cost(one, min(max(remains, 0), UNITS))
        if due > one.refunded:
            self.available += due - one.refunded
            one.refunded = due

    def _cost(self, one: Sold, remains: int) -> int:
        if one.state is State.CANCELED:
            return 0
        if one.state is State.PARTIAL:
            return pricing.share(one.charge, UNITS - remains, UNITS)
        return one.charge

    @rule(order_id=consumes(sold))
    def left_alone(self, order_id: int) -> None:
        """Keeps the machine busy with younger orders."""

    # -- what must always hold

    @invariant()
    def balances_are_the_models(self) -> None:
        account = resellers.get(self.tx, "shop")
        held = sum(
            one.charge
            for one in self.orders.values()
            if one.state in (State.SENDING, State.QUEUED, State.IN_DOUBT)
        )
        assert (account.available_micros, account.held_micros) == (self.available, held)

    @invariant()
    def orders_are_the_models(self) -> None:
        for order_id, one in self.orders.items():
            order = orders.get(self.tx, order_id)
            assert (order.state, order.refunded_micros, order.upstream_order_id) == (
                one.state,
                one.refunded,
                one.upstream,
            )

    @invariant()
    def ledger_is_sound(self) -> None:
        assert verify(self.tx) == []


def test_any_acts_in_any_order(scratch: Scratch) -> None:
    """After any acts in any order, all balances are the model's and verify."""
    examples = 40 if scratch is sqlite_scratch else 5  # each costs a hundred times as much there
    limits = settings(max_examples=examples, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(partial(Ledger, scratch), settings=limits)
