"""What operators do to orders: guarded, noted, refused with a reason. And what they look at."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.model import AttemptState, State
from aggregator.core.outcome import InDoubt, NotSent, Placed, Rejected
from aggregator.ports import Opened
from aggregator.store import ScriptedStore, attempts, by_hand, lists, orders, resellers
from aggregator.store.exceptions import (
    ActRefused,
    NoSuchOrder,
    NothingPosted,
    TooMuch,
    UpstreamIdTaken,
    WrongState,
)
from aggregator.store.lists import OrderFilter
from aggregator.store.tx import Tx
from aggregator.store.verify import verify
from tests.store.builders import (
    CHARGE,
    HOUR,
    NOW,
    attempt,
    closing,
    draft,
    placed,
    queued,
    reseller,
)


@pytest.fixture
def shop(tx: Tx) -> int:
    return reseller(tx, micros=10 * CHARGE)


def opened(tx: Tx, reseller_id: int, **changes: object) -> Opened:
    made = orders.open_order(tx, draft(reseller_id, **changes))
    assert isinstance(made, Opened)
    return made


def doubtful(tx: Tx, reseller_id: int) -> Opened:
    made = opened(tx, reseller_id)
    attempts.close_attempt(tx, closing(made.order_id, made.attempt_id, InDoubt("cut")))
    return made


def bought(tx: Tx, reseller_id: int, upstream_order_id: str = "9001") -> int:
    made = opened(tx, reseller_id)
    attempts.close_attempt(tx, placed(made.order_id, made.attempt_id, upstream_order_id))
    return made.order_id


def waiting(tx: Tx, reseller_id: int) -> int:
    made = orders.open_order(tx, queued(reseller_id))
    assert isinstance(made, Opened)
    return made.order_id


def notes(tx: Tx, order_id: int) -> list[str | None]:
    return [one.note for one in lists.story(tx, order_id).transfers]


def test_resolve_as_placed(tx: Tx, shop: int) -> None:
    """A doubt resolved as placed is paid for and followed under the ID given."""
    order_id = doubtful(tx, shop).order_id
    by_hand.resolve_placed(tx, order_id, "9001", "seen in the panel", NOW)
    order = orders.get(tx, order_id)
    assert (order.state, order.upstream_order_id, order.provider) == (State.PLACED, "9001", "gulf")
    assert notes(tx, order_id) == [None, "seen in the panel"]
    assert verify(tx) == []


def test_resolve_as_placed_under_a_taken_id(tx: Tx, shop: int) -> None:
    """An upstream order that belongs to another order of ours is refused by its number."""
    owner = bought(tx, shop)
    order_id = doubtful(tx, shop).order_id
    with pytest.raises(UpstreamIdTaken, match=f"9001 of gulf already belongs to our order {owner}"):
        by_hand.resolve_placed(tx, order_id, "9001", "seen", NOW)
    assert orders.get(tx, order_id).state is State.IN_DOUBT


def test_resolve_as_not_placed(tx: Tx, shop: int) -> None:
    """A doubt resolved as not placed is canceled, and its money given back."""
    order_id = doubtful(tx, shop).order_id
    by_hand.resolve_not_placed(tx, order_id, "not in the panel", NOW)
    assert orders.get(tx, order_id).state is State.CANCELED
    assert resellers.get(tx, "shop").available_micros == 10 * CHARGE
    assert notes(tx, order_id) == [None, "not in the panel"]
    assert verify(tx) == []


def test_retry_of_a_doubt_keeps_its_hold(tx: Tx, shop: int) -> None:
    """A doubt that is retried waits in the queue, and may be sent as a new attempt."""
    order_id = doubtful(tx, shop).order_id
    by_hand.retry(tx, order_id, NOW + HOUR, "not bought", NOW)
    assert orders.get(tx, order_id).state is State.QUEUED
    assert resellers.get(tx, "shop").held_micros == CHARGE
    assert orders.start_queued(tx, order_id, attempt("owner"), NOW) is not None
    states = [one.state for one in lists.story(tx, order_id).attempts]
    assert states == [AttemptState.NOT_PLACED, AttemptState.SENDING]
    assert verify(tx) == []


def test_retry_of_a_queued_order_gives_it_time(tx: Tx, shop: int) -> None:
    """A queued order that is retried stays queued until the new deadline."""
    order_id = waiting(tx, shop)
    by_hand.retry(tx, order_id, NOW + 9 * HOUR, "wait for them", NOW)
    assert orders.get(tx, order_id).queued_until_ms == NOW + 9 * HOUR


def test_cancel_a_queued_order(tx: Tx, shop: int) -> None:
    """A queued order can be canceled; one that is placed cannot."""
    order_id = waiting(tx, shop)
    by_hand.cancel(tx, order_id, "asked by phone", NOW)
    assert orders.get(tx, order_id).state is State.CANCELED
    with pytest.raises(WrongState, match="is placed; this can only be done to one that is queued"):
        by_hand.cancel(tx, bought(tx, shop), "asked by phone", NOW)


def test_refund_in_parts(tx: Tx, shop: int) -> None:
    """Refunds add up to the charge at most; without a figure the rest is given back."""
    order_id = bought(tx, shop)
    assert by_hand.refund(tx, order_id, 100_000, "slow", NOW) == 100_000
    with pytest.raises(TooMuch, match=r"at most 0\.15 can still be refunded, not 0\.25"):
        by_hand.refund(tx, order_id, CHARGE, "all of it", NOW)
    assert by_hand.refund(tx, order_id, None, "the rest", NOW) == CHARGE - 100_000
    with pytest.raises(NothingPosted):
        by_hand.refund(tx, order_id, None, "again", NOW)
    assert resellers.get(tx, "shop").available_micros == 10 * CHARGE
    assert verify(tx) == []


def test_only_what_was_charged_is_refunded(tx: Tx, shop: int) -> None:
    """An order whose money is still held, or was given back, has nothing to refund."""
    canceled = waiting(tx, shop)
    by_hand.cancel(tx, canceled, "asked", NOW)
    for order_id in (doubtful(tx, shop).order_id, canceled):
        with pytest.raises(NothingPosted):
            by_hand.refund(tx, order_id, 1, "sorry", NOW)


@pytest.mark.parametrize("micros", [0, -1])
def test_refund_must_be_positive(tx: Tx, shop: int, micros: int) -> None:
    """Nothing and less than nothing cannot be refunded."""
    with pytest.raises(TooMuch):
        by_hand.refund(tx, bought(tx, shop), micros, "sorry", NOW)


def test_absent_order(tx: Tx) -> None:
    """An order that does not exist is named in the refusal."""
    with pytest.raises(NoSuchOrder, match="There is no order 4711"):
        by_hand.cancel(tx, 4711, "asked", NOW)


# -- races -----------------------------------------------------------------------

Act = Callable[[Tx, Opened], bool]


def _late(outcome: Placed | Rejected | NotSent) -> Act:
    def act(tx: Tx, made: Opened) -> bool:
        return attempts.close_attempt(tx, closing(made.order_id, made.attempt_id, outcome)).won

    return act


def _by_hand(act: Callable[[Tx, int], None]) -> Act:
    def tried(tx: Tx, made: Opened) -> bool:
        try:
            act(tx, made.order_id)
        except ActRefused:
            return False
        return True

    return tried


ACTS: dict[str, Act] = {
    "late yes": _late(Placed("9001")),
    "late no": _late(Rejected(ErrorClass.LINK)),
    "resolve placed": _by_hand(lambda tx, one: by_hand.resolve_placed(tx, one, "9002", "n", NOW)),
    "not placed": _by_hand(lambda tx, one: by_hand.resolve_not_placed(tx, one, "n", NOW)),
    "cancel": _by_hand(lambda tx, one: by_hand.cancel(tx, one, "n", NOW)),
}


@pytest.mark.parametrize("names", list(itertools.permutations(ACTS, 3)), ids=" > ".join)
def test_one_of_the_racers_wins(tx: Tx, shop: int, names: tuple[str, ...]) -> None:
    """Whatever hands reach for an order in doubt, in any order, one at most closes it."""
    made = doubtful(tx, shop)
    won = [name for name in names if ACTS[name](tx, made)]
    contenders = [name for name in names if name not in ("late no", "cancel")]
    assert won == contenders[:1]
    assert verify(tx) == []


def _on(made: Opened, act: Act) -> Callable[[Tx], bool]:
    return lambda tx: act(tx, made)


@pytest.mark.parametrize("names", list(itertools.permutations(ACTS, 2)), ids=" > ".join)
async def test_racers_at_the_store(store: ScriptedStore, names: tuple[str, ...]) -> None:
    """Racers that reach the store at once, and may share a commit, are as apart as any."""
    shop = await store.write(lambda tx: reseller(tx, micros=CHARGE))
    made = await store.write(lambda tx: doubtful(tx, shop))
    acts = [_on(made, ACTS[name]) for name in names]
    won = await asyncio.gather(*(store.write(act) for act in acts))
    contenders = [name not in ("late no", "cancel") for name in names]
    assert sum(won) == min(sum(contenders), 1)


# -- lists -----------------------------------------------------------------------


def ids(tx: Tx, **wanted: object) -> list[int]:
    return [row["id"] for row in lists.listed(tx, OrderFilter(**wanted))]  # type: ignore[arg-type]


def test_list_filters(tx: Tx, shop: int) -> None:
    """Orders are listed newest first, by state, provider, reseller and link."""
    other = reseller(tx, "other", 10 * CHARGE)
    one = bought(tx, shop)
    two = doubtful(tx, shop).order_id
    three = opened(tx, other, first=attempt("owner")).order_id
    four = waiting(tx, other)
    assert ids(tx) == [four, three, two, one]
    assert ids(tx, limit=2) == [four, three]
    assert ids(tx, state=State.QUEUED) == [four]
    assert ids(tx, provider="gulf") == [two, one]
    assert ids(tx, provider="owner", state=State.SENDING) == [three]
    assert ids(tx, reseller="other") == [four, three]
    assert ids(tx, reseller="nobody") == []
    assert ids(tx, link="https://example.org/p/1", limit=1) == [four]
    assert ids(tx, link="https://example.org/other") == []


def test_a_link_is_found_however_long_ago(tx: Tx, shop: int) -> None:
    """Orders on one link are found over all there are, gaps among the IDs included."""
    first = waiting(tx, shop)
    columns = "reseller_id, service_id, service_type, kind, quantity, units, rate_micros, "
    columns += "charge_micros, params, config_revision, created_at_ms, state, link"
    more = [first + 1, 1_023, 1_024, 5_000, 2**20 - 1, 2**20, 10**12, 10**12 + 1_024]
    for order_id in more:
        tx.run(
            f"INSERT INTO orders (id, {columns}) SELECT {order_id}, {columns} FROM orders"
            f" WHERE id = {first}"
        )
    found = ids(tx, link="https://example.org/p/1")
    assert found == sorted([first, *more], reverse=True)
    assert ids(tx, link="https://example.org/p/1", state=State.QUEUED) == found
    assert ids(tx, link="https://example.org/other") == []


def test_list_knows_where_a_doubt_is(tx: Tx, shop: int) -> None:
    """A listed order in doubt shows the provider it is in doubt at."""
    doubtful(tx, shop)
    (row,) = lists.listed(tx, OrderFilter())
    assert (row["provider"], row["reseller"], row["upstream_order_id"]) == ("gulf", "shop", None)


def test_list_in_pages(tx: Tx, shop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages join without a gap or a repetition."""
    made = [waiting(tx, shop) for _ in range(5)]
    assert ids(tx) == made[::-1]
    assert ids(tx, limit=3) == made[:1:-1]
    assert ids(tx, limit=4) == made[:0:-1]


def test_what_was_sold_since(tx: Tx, shop: int) -> None:
    """Orders since a moment, newest first, over any number of pages."""
    for hour in range(5):
        orders.open_order(tx, draft(shop, now_ms=NOW + hour * HOUR))
    found = [one.created_at_ms for one in lists.sold_since(tx, NOW + HOUR, page=2)]
    assert found == [NOW + hour * HOUR for hour in (4, 3, 2, 1)]
    assert len(list(lists.sold_since(tx, 0, page=2))) == 5
    assert list(lists.sold_since(tx, NOW + 9 * HOUR)) == []
