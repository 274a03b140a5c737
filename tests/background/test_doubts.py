"""Doubts are settled by asking, counting, and waiting; and left where that is not possible."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from aggregator.background import polling, queue
from aggregator.bootstrap import watching
from aggregator.core.errors import ClientError, ErrorClass
from aggregator.core.health import Health
from aggregator.core.messages import Refused
from aggregator.core.model import Kind, OnDeadline, State
from aggregator.core.outcome import Placed, Rejected
from aggregator.ports import Closing, Opened
from aggregator.store import doubts as scripts
from tests.actions.conftest import OpenShop
from tests.background.doubting import House
from tests.fakes import settled
from tests.store import builders

DAY = 86_400
NO = Refused("too late", ErrorClass.CANCEL)


async def test_a_lost_order_that_is_there_is_adopted(open_shop: OpenShop) -> None:
    """Placed under the ID that was found, posted, and its story tells why."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=True)
    number = str(house.panel.next_id - 1)
    await house.live(120)
    order = await house.order(order_id)
    assert (order.state, order.upstream_order_id) == (State.PLACED, number)
    kinds = [kind for kind, _ in await house.story(order_id)]
    assert kinds[0] == "opened"
    assert kinds[-1] == "doubt_adopted"
    assert "doubt_waits" in kinds
    assert "doubt_swept" in kinds


async def test_a_lost_order_that_is_not_there_gives_its_hold_back(open_shop: OpenShop) -> None:
    """Canceled, but not before its request can no longer land."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=False)
    await house.live(250)
    assert await house.state(order_id) is State.IN_DOUBT
    await house.live(150)
    assert await house.state(order_id) is State.CANCELED
    assert (await house.shop.balances())[1] == 0


async def test_two_alike_are_counted(open_shop: OpenShop) -> None:
    """As many orders there as doubts here: both are placed, each under an ID of its own."""
    house = await House.open(open_shop)
    first, second = await house.doubt(bought=True), await house.doubt(bought=True)
    await house.live(400)
    ids = {(await house.order(one)).upstream_order_id for one in (first, second)}
    assert len(ids) == 2
    assert None not in ids


async def test_what_cannot_be_counted_needs_a_person(open_shop: OpenShop) -> None:
    """One order there for two doubts of one charge: neither is decided by machine."""
    house = await House.open(open_shop)
    both = [await house.doubt(bought=True), await house.doubt(bought=False)]
    await house.live(500)
    found = [await house.order(one) for one in both]
    assert [one.state for one in found] == [State.IN_DOUBT] * 2
    assert all(one.needs_person for one in found)
    assert "doubt_needs_person" in [kind for kind, _ in await house.story(both[0])]


async def test_a_restart_in_the_middle_asks_anew(open_shop: OpenShop) -> None:
    """What was seen is lost with the process; the anchors and the doubt are not."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=False)
    await house.live(200)
    house.restart()
    await house.doubts.load(house.shop.world.setup)
    assert house.shop.world.doubtful.answered
    await house.live(300)
    assert await house.state(order_id) is State.CANCELED


async def test_without_an_exclusive_account_it_is_left_to_its_deadline(
    open_shop: OpenShop,
) -> None:
    """Nothing is asked, nothing is decided, and an alert comes after 15 minutes, once."""
    house = await House.open(open_shop, exclusive_account=False)
    rung: list[object] = []
    house.shop.world.ring = rung.append
    order_id = await house.doubt(bought=False)
    await house.live(800)
    assert rung == []
    await house.live(300)
    house.restart()
    await house.live(100)
    assert len(rung) == 1
    assert house.panel.probes == []
    assert await house.state(order_id) is State.IN_DOUBT
    assert "not declared exclusive" in await house.reasons(order_id)


async def test_what_a_dead_process_was_sending_alerts_like_any_doubt(open_shop: OpenShop) -> None:
    """Not at the start, for most are settled soon; after 15 minutes, once."""
    house = await House.open(open_shop, exclusive_account=False, past=0)
    rung: list[Any] = []
    house.shop.world.ring = rung.append
    first = builders.attempt("alpha", boot_id="a process that died")
    draft = builders.draft(1, first=first, now_ms=house.shop.clock.now_ms())
    opened = await house.shop.store.open_order(draft)
    assert isinstance(opened, Opened)
    await watching.recovered(house.shop.world)
    assert await house.state(opened.order_id) is State.IN_DOUBT
    await house.live(800, every_s=0)
    assert rung == []
    await house.live(300, every_s=0)
    assert [(one["event"], one["orders"]) for one in rung] == [("in_doubt", [opened.order_id])]


async def test_the_deadline_refunds(open_shop: OpenShop) -> None:
    """After its deadline the hold is given back, but never by a process just come up."""
    house = await House.open(open_shop, exclusive_account=False)
    order_id = await house.doubt(bought=False)
    house.shop.clock.pass_s(DAY)
    house.shop.world.up_since_ms = house.shop.clock.now_ms()
    await house.turn()
    assert await house.state(order_id) is State.IN_DOUBT
    house.shop.clock.pass_s(600)
    await house.turn()
    assert await house.state(order_id) is State.CANCELED
    assert (await house.shop.balances())[1] == 0


async def test_the_deadline_may_hold(open_shop: OpenShop) -> None:
    """``on_deadline: hold``: the money stays held, and a person must decide."""
    house = await House.open(open_shop, exclusive_account=False, on_deadline=OnDeadline.HOLD)
    order_id = await house.doubt(bought=False)
    house.shop.clock.pass_s(DAY)
    await house.turn()
    order = await house.order(order_id)
    assert (order.state, order.needs_person) == (State.IN_DOUBT, True)


async def test_somebody_else_s_order_stops_adopting_for_good(open_shop: OpenShop) -> None:
    """An order that no doubt explains: nothing is adopted, not even after a restart,
    until the operator has taken his word back."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=True)
    house.panel.book(777)
    await house.live(120)
    assert await house.state(order_id) is State.IN_DOUBT
    house.restart()
    await house.doubts.load(house.shop.world.setup)
    await house.live(120)
    assert await house.state(order_id) is State.IN_DOUBT
    assert "somebody else orders" in await house.reasons(order_id)
    await house.shop.store.write(lambda tx: scripts.exclusive_again(tx, ["alpha"]))
    past = await house.shop.store.read(lambda tx: scripts.past(tx, "alpha", None, 0, 1, 1))
    assert not past.not_exclusive


async def test_probes_obey_manners(open_shop: OpenShop) -> None:
    """At least 2 s apart; and a panel that says 429 is not asked again for this doubt."""
    house = await House.open(open_shop)
    await house.doubt(bought=False)
    house.panel.next_id += 400
    await house.live(400)
    times = house.panel.probes
    assert len(times) > 3
    assert all(after - before >= 2_000 for before, after in pairwise(times))
    house.panel.halt = "429"
    order_id = await house.doubt(bought=False, quantity=130)
    asked = len(times)
    await house.live(120)
    assert len(times) == asked + 1
    assert "probing was stopped: 429" in await house.reasons(order_id)


async def test_a_young_order_is_placed_elsewhere(open_shop: OpenShop) -> None:
    """``auto_failover``: settled as not placed, it goes to another provider."""
    house = await House.open(open_shop, "alpha", "beta", auto_failover=True)
    order_id = await house.doubt(bought=False)
    await house.live(400)
    assert await house.state(order_id) is State.QUEUED
    await queue.advance(house.shop.world)
    await settled(lambda: not house.shop.world.tasks)
    order = await house.order(order_id)
    assert (order.state, order.provider) == (State.PLACED, "beta")


async def test_rivals_go_elsewhere(open_shop: OpenShop) -> None:
    """An order that could not be told from a doubt takes another route, and says why."""
    house = await House.open(open_shop, "alpha", "beta")
    await house.doubt(bought=False)
    await house.turn()
    await house.turn()
    rival, other = await house.buy(100), await house.buy(50)
    assert (await house.order(rival)).provider == "beta"
    assert (await house.order(other)).provider == "alpha"
    assert "like an order in doubt there" in await house.reasons(rival)


async def test_with_several_doubts_a_rival_waits(open_shop: OpenShop) -> None:
    """From three open doubts on, what is like one of them goes to the queue."""
    house = await House.open(open_shop)
    for quantity in (100, 200, 300):
        await house.doubt(bought=False, quantity=quantity)
    await house.turn()
    await house.turn()
    assert await house.state(await house.buy(100)) is State.QUEUED
    assert await house.state(await house.buy(50)) is State.PLACED


async def test_a_late_orphan_is_canceled_there(open_shop: OpenShop) -> None:
    """Found while watching a doubt that was closed: canceled, and never charged again."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=False)
    await house.live(400)
    assert await house.state(order_id) is State.CANCELED
    late = house.panel.book(100)
    await house.live(3 * 3600, every_s=300)
    assert house.panel.canceled == [late]
    assert await house.state(order_id) is State.CANCELED
    assert [kind for kind, _ in await house.story(order_id)].count("late_orphan") == 1


async def test_whether_a_late_orphan_s_cancel_took_is_followed_up(open_shop: OpenShop) -> None:
    """Canceled there and not charged: nothing is lost, and nobody is told twice."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=False)
    await house.live(400)
    late = house.panel.book(100)
    await house.live(3 * 3600, every_s=300)
    rung: list[object] = []
    house.shop.world.ring = rung.append
    row = house.panel.open[late]
    house.panel.open[late] = replace(row, word="Canceled", charge=Decimal(0))
    await house.live(1200, every_s=600)
    kinds = [kind for kind, _ in await house.story(order_id)]
    assert kinds.count("late_orphan_ended") == 1
    assert await house.losses() == []
    assert rung == []


async def test_a_cancel_that_never_took_is_our_loss(open_shop: OpenShop) -> None:
    """Asked for and then delivered all the same: booked once, at what was charged there."""
    house = await House.open(open_shop)
    order_id = await house.doubt(bought=False)
    await house.live(400)
    late = house.panel.book(100)
    await house.live(3 * 3600, every_s=300)
    row = house.panel.open[late]
    house.panel.open[late] = replace(row, word="Completed")
    house.restart()
    await house.live(1200, every_s=600)
    assert await house.losses() == [(order_id, 50_000)]


@pytest.mark.parametrize(("fell", "decided"), [(0, State.CANCELED), (50_000, State.IN_DOUBT)])
async def test_the_balance_may_veto(open_shop: OpenShop, fell: int, decided: State) -> None:
    """Not there by its ID; but if the balance fell by what it costs, a person decides."""
    house = await House.open(open_shop)

    async def balance(micros: int) -> None:
        health = Health(balance_micros=micros, balance_at_ms=house.shop.clock.now_ms())
        house.panel.healths["alpha"] = health
        await house.turn()

    await balance(10_000_000)
    order_id = await house.doubt(bought=False)
    await house.live(100)
    sold = await house.shop.store.rows(
        "SELECT sum(cost_micros) AS micros FROM attempts WHERE order_id > :id", id=order_id
    )
    await balance(10_000_000 - fell - sold[0]["micros"])
    await house.live(400)
    order = await house.order(order_id)
    assert (order.state, order.needs_person) == (decided, decided is State.IN_DOUBT)


async def test_only_the_leader_asks(open_shop: OpenShop) -> None:
    """Of several servers one settles; the others ask nothing, and yet heed its doubts."""
    house = await House.open(open_shop, "alpha", "beta")
    order_id = await house.doubt(bought=True)

    async def another_leads() -> bool:
        return False

    leads, house.shop.store.leads = house.shop.store.leads, another_leads  # type: ignore[method-assign]
    await house.live(60)
    assert house.panel.probes == []
    assert (await house.order(await house.buy(100))).provider == "beta"
    house.shop.store.leads = leads  # type: ignore[method-assign]
    await house.live(120)
    assert await house.state(order_id) is State.PLACED


async def test_a_doubt_left_to_a_person_is_one_alert(open_shop: OpenShop) -> None:
    """He was called when it was left to him; a quarter of an hour later nobody calls again."""
    house = await House.open(open_shop)
    rung: list[Any] = []
    house.shop.world.ring = rung.append
    await house.doubt(bought=True)
    await house.doubt(bought=False)
    await house.live(1500)
    assert [one["event"] for one in rung] == ["doubt_needs_person"] * 2


async def test_a_late_answer_that_cannot_be_canceled_is_our_loss(open_shop: OpenShop) -> None:
    """Refunded at the deadline, then named after all: booked, once, and not charged."""
    house = await House.open(open_shop, exclusive_account=False)
    order_id = await house.doubt(bought=True)
    number = str(house.panel.next_id - 1)
    house.shop.clock.pass_s(DAY)
    await house.turn()
    attempt = (await house.shop.store.attempts(order_id))[0]
    named = Closing(order_id, attempt.id, Placed(number), house.shop.clock.now_ms())
    assert not (await house.shop.store.close_attempt(named)).won
    house.panel.cancels["alpha", number] = NO
    await house.turn()
    await house.turn()
    losses = await house.shop.store.rows(
        "SELECT amount_micros FROM entries WHERE account = 'loss/alpha'"
    )
    assert [row["amount_micros"] for row in losses] == [50_000]
    assert await house.state(order_id) is State.CANCELED


async def test_an_add_with_its_key_is_sent_again(open_shop: OpenShop) -> None:
    """Where the provider takes an idempotency parameter, the same add gives the answer."""
    house = await House.open(open_shop, idempotency_param="request_id", past=0)
    order_id = await house.doubt(bought=True)
    house.panel.outcomes["alpha"].append(Placed("5001"))
    await house.turn()
    order = await house.order(order_id)
    assert (order.state, order.upstream_order_id) == (State.PLACED, "5001")
    first, again = house.panel.sent
    assert first == again
    assert first.purchase.params["request_id"].startswith("boot-")


async def test_without_its_key_nothing_is_sent_again(open_shop: OpenShop) -> None:
    """A parameter that was configured later than the add was sent proves nothing."""
    house = await House.open(open_shop, past=0)
    order_id = await house.doubt(bought=True)
    config = house.shop.world.setup
    alpha = replace(config.providers["alpha"], idempotency_param="request_id")
    house.shop.world.setup = replace(config, providers={**config.providers, "alpha": alpha})
    await house.turn()
    assert len(house.panel.sent) == 1
    assert await house.state(order_id) is State.IN_DOUBT


async def test_a_refusal_in_unknown_words_is_watched(open_shop: OpenShop) -> None:
    """The order ended, unpaid; what was bought all the same is canceled there."""
    house = await House.open(open_shop)
    house.panel.outcomes["alpha"].append(Rejected(ErrorClass.UNKNOWN, "what?"))
    late = house.panel.book(100)
    with pytest.raises(ClientError):
        await house.buy(100)
    house.shop.clock.pass_s(1)
    await house.live(3600, every_s=120)
    assert house.panel.canceled == [late]


async def test_children_are_asked_for_before_anything_is_counted(open_shop: OpenShop) -> None:
    """The runs of a drip-feed look like orders of nobody's; its status names them."""
    house = await House.open(open_shop)
    parent = str(house.panel.next_id)
    await house.shop.buy(10, runs="5", interval="5")
    await settled(lambda: not house.shop.world.tasks)
    first = house.panel.book(10)
    row = house.panel.open[parent]
    house.panel.open[parent] = replace(row, children=(first,), runs=1, kind=Kind.DRIPFEED)
    house.shop.clock.pass_s(3600)
    await polling.poll(house.shop.world)
    order_id = await house.doubt(bought=True)
    second = house.panel.book(10)
    row = house.panel.open[parent]
    house.panel.open[parent] = replace(row, children=(first, second), runs=2)
    await house.live(400)
    assert (await house.order(order_id)).state is State.PLACED
    known = await house.shop.store.rows("SELECT upstream_order_id FROM orders")
    assert second in {row["upstream_order_id"] for row in known}


@pytest.mark.parametrize("restarted", [False, True])
async def test_one_odd_id_is_never_an_anchor(open_shop: OpenShop, restarted: bool) -> None:
    """One answer far above the others: a later doubt is found all the same, and what was
    bought is not called not placed, nor bought elsewhere."""
    house = await House.open(open_shop, "alpha", "beta", auto_failover=True)
    await house.doubt(bought=True)
    await house.live(900, every_s=30)
    house.panel.book(10)  # under another number, which can be asked for
    house.panel.open["99999999"] = house.panel.open.pop(str(house.panel.next_id - 1))
    house.panel.outcomes["alpha"].append(Placed("99999999"))
    for _ in range(56):
        await house.buy(10)
    if restarted:
        house.restart()
        await house.doubts.load(house.shop.world.setup)
    order_id = await house.doubt(bought=True)
    theirs = str(house.panel.next_id - 1)
    await house.live(1800, every_s=30)
    order = await house.order(order_id)
    assert (order.state, order.provider, order.upstream_order_id) == (
        State.PLACED,
        "alpha",
        theirs,
    )


async def test_a_doubt_right_after_an_odd_id(open_shop: OpenShop) -> None:
    """Its anchor stays below the odd one; once the IDs are known to rise again, it is found."""
    house = await House.open(open_shop)
    await house.doubt(bought=True)
    await house.live(900, every_s=30)
    house.panel.outcomes["alpha"].append(Placed("99999999"))
    await house.buy(10)
    order_id = await house.doubt(bought=True)
    theirs = str(house.panel.next_id - 1)
    await house.live(2400, every_s=30)
    order = await house.order(order_id)
    assert (order.state, order.upstream_order_id) == (State.PLACED, theirs)
