"""The pretend panel without its socket: time is a number that the test holds."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import ACTIONS, Added, Balance, Command, OrderStatus, Refused
from aggregator.core.model import Kind
from aggregator.core.order_types import TYPES
from aggregator.dialects import Request
from aggregator.sandbox import CATALOGUE, KEY, Ending, Panel, PanelSettings
from aggregator.sandbox.panel import REFILL_REJECTED

STAGE_MS = 2000
LINK = "https://example.com/p"
# For the parameters that do not take just anything.
ANYTHING = {
    "link": LINK,
    "quantity": "100",
    "comments": "one\ntwo",
    "usernames": "a\nb",
    "min": "10",
    "max": "20",
    "posts": "2",
    "delay": "0",
    "type_of_traffic": "3",
}


class Desk:
    """A client at the panel's desk, with the panel's time in his hand."""

    def __init__(self, **settings: object) -> None:
        self.accepted: list[Mapping[str, object]] = []
        self.panel = Panel(PanelSettings(**settings), self.accepted.append)  # type: ignore[arg-type]
        self.now_ms = 0

    def ask(self, action: str, kind: Kind = Kind.NORMAL, key: str = KEY, **params: str) -> object:
        return self.panel.answer(Request(key, Command(action, params, kind), None), self.now_ms)

    def buy(self, service: str = "1", **params: str) -> str:
        answer = self.ask("add", service=service, **{"link": LINK, "quantity": "100"} | params)
        assert isinstance(answer, Added)
        return answer.order

    def status(self, order: str, kind: Kind = Kind.NORMAL) -> OrderStatus:
        answers = self.ask("status", kind, order=order)
        assert isinstance(answers, Mapping) and isinstance(answers[order], OrderStatus)
        return answers[order]

    def stages(self, count: int) -> None:
        self.now_ms += count * STAGE_MS

    @property
    def micros(self) -> int:
        return self.panel.purse.micros


@pytest.mark.parametrize("order_type", TYPES)
def test_every_order_type_is_on_sale(order_type: str) -> None:
    """The catalogue has a service of each type, and it can be bought to its end."""
    desk = Desk()
    item = next(each for each in CATALOGUE if each.service.type == order_type)
    wanted = {name: ANYTHING.get(name, "1") for name in TYPES[order_type].required}
    answer = desk.ask("add", service=str(item.service.id), **wanted)
    assert isinstance(answer, Added)
    desk.stages(20)
    assert desk.status(answer.order).word == "Completed"


def test_an_order_moves_by_itself() -> None:
    """Pending, In progress, Completed, a stage each; the money is gone at once."""
    desk = Desk()
    order = desk.buy()
    assert desk.micros == 1_000_000_000 - 90_000
    seen = []
    for _ in range(3):
        seen.append((desk.status(order).word, desk.status(order).remains))
        desk.stages(1)
    assert seen == [("Pending", 100), ("In progress", 50), ("Completed", 0)]
    assert desk.status(order).charge == Decimal("0.09")


@pytest.mark.parametrize(
    ("ending", "word", "remains", "charge"),
    [
        (Ending.COMPLETED, "Completed", 0, "0.09"),
        (Ending.PARTIAL, "Partial", 50, "0.045"),
        (Ending.CANCELED, "Canceled", 100, "0"),
        (Ending.FAILED, "Fail", 100, "0.09"),
        (Ending.STUCK, "In progress", 50, "0.09"),
    ],
)
def test_a_link_chooses_its_ending(ending: Ending, word: str, remains: int, charge: str) -> None:
    """The marker in the link decides how the order ends, and what is given back."""
    desk = Desk()
    order = desk.buy(link=f"{LINK}/{ending.marker}")
    desk.stages(5)
    status = desk.status(order)
    assert (status.word, status.remains, status.charge) == (word, remains, Decimal(charge))
    assert desk.micros == 1_000_000_000 - int(Decimal(charge) * 1_000_000)


def test_a_service_chooses_its_ending() -> None:
    """Services 20 to 22 end as their names say."""
    desk = Desk()
    orders = [desk.buy(service) for service in ("20", "21", "22")]
    desk.stages(5)
    assert [desk.status(each).word for each in orders] == ["Partial", "Canceled", "In progress"]


def test_a_dripfeed_makes_one_child_after_another() -> None:
    """Each run is an order of its own, begun when the one before has ended."""
    desk = Desk()
    parent = desk.buy(runs="2", interval="5")
    made = []
    for _ in range(7):
        status = desk.status(parent)
        made.append((status.word, status.runs, len(status.children or ())))
        desk.stages(1)
    assert made[0] == ("Pending", 0, 0)
    assert made[1] == ("In progress", 1, 1)
    assert made[3] == ("In progress", 2, 2)
    assert made[5] == ("Completed", 2, 2)
    children = desk.status(parent).children or ()
    assert [desk.status(child).charge for child in children] == [Decimal("0.09")] * 2
    assert desk.status(parent).charge == Decimal("0.18")


def test_a_canceled_dripfeed_gives_back_the_runs_it_never_made() -> None:
    """After its first run it stops, and only that run has cost anything."""
    desk = Desk()
    parent = desk.buy(runs="3", interval="5", link=f"{LINK}/sandbox-canceled")
    desk.stages(10)
    assert desk.status(parent).word == "Canceled"
    assert len(desk.status(parent).children or ()) == 1
    assert desk.micros == 1_000_000_000 - 90_000


def test_dripfeeds_may_be_counted_apart() -> None:
    """With a sequence of their own, an ID is asked after together with its kind."""
    desk = Desk(own_dripfeed_ids=True)
    normal, dripfeed = desk.buy(), desk.buy(runs="2", interval="5")
    assert (normal, dripfeed) == ("1", "1")
    assert desk.status("1").kind is Kind.NORMAL
    assert desk.status("1", Kind.DRIPFEED).kind is Kind.DRIPFEED


def test_a_subscription_buys_a_post_at_every_stage() -> None:
    """It costs nothing until a post comes, and ends with its last post."""
    desk = Desk()
    order = desk.buy("17", username="somebody", min="10", max="20", posts="2", delay="0")
    assert (desk.status(order).word, desk.micros) == ("Active", 1_000_000_000)
    desk.stages(2)
    status = desk.status(order)
    assert (status.word, status.posts) == ("Completed", 2)
    assert 1_000_000_000 - desk.micros == int((status.charge or 0) * 1_000_000) > 0


def test_a_cancel_is_carried_out_a_stage_later() -> None:
    """The answer only says that it was asked for; the money moves with the status."""
    desk = Desk()
    order = desk.buy()
    assert desk.ask("cancel", order=order) == {order: None}
    assert desk.status(order).word == "Pending"
    desk.stages(2)
    assert desk.status(order).word in ("Canceled", "Partial")
    assert desk.micros > 1_000_000_000 - 90_000


def test_what_cannot_be_canceled_or_refilled_says_so() -> None:
    """An ended order has no cancel, an open one no refill, and an unknown one neither."""
    desk = Desk()
    open_order, ended = desk.buy("19"), desk.buy("19")
    desk.stages(5)
    cancels = desk.ask("cancel", orders=f"{open_order},{ended},99")
    refills = desk.ask("refill", orders=f"{open_order},{ended},99")
    for answers, own in ((cancels, ErrorClass.CANCEL), (refills, ErrorClass.REFILL)):
        assert isinstance(answers, Mapping)
        assert [answers[each].error_class for each in (open_order, ended, "99")] == [
            own,
            own,
            ErrorClass.ORDER,
        ]


def test_a_refill_moves_by_itself() -> None:
    """Pending, In progress, Completed; and only one at a time for an order."""
    desk = Desk()
    order, rejected = desk.buy(), desk.buy(link=f"{LINK}/{REFILL_REJECTED}")
    desk.stages(2)
    assert desk.ask("refill", orders=f"{order},{rejected}") == {order: "1", rejected: "2"}
    again = desk.ask("refill", order=order)
    assert isinstance(again, Mapping) and isinstance(again[order], Refused)
    assert desk.ask("refill_status", refill="1") == {"1": "Pending"}
    desk.stages(1)
    assert desk.ask("refill_status", refill="1") == {"1": "In progress"}
    desk.stages(1)
    words = desk.ask("refill_status", refills="1,2,9")
    assert isinstance(words, Mapping)
    assert (words["1"], words["2"]) == ("Completed", "Rejected")
    assert isinstance(words["9"], Refused)


@pytest.mark.parametrize(
    ("params", "error_class"),
    [
        ({"service": "404"}, ErrorClass.SERVICE),
        ({"service": "1", "quantity": "1"}, ErrorClass.PARAMS),
        ({"service": "1", "link": " "}, ErrorClass.PARAMS),
        ({"service": "2", "quantity": "99999"}, ErrorClass.FUNDS),
    ],
)
def test_a_bad_order_is_refused_and_costs_nothing(
    params: dict[str, str], error_class: ErrorClass
) -> None:
    """Nothing refused is charged, or in the accept log."""
    desk = Desk(balance="1")
    answer = desk.ask("add", **{"link": LINK, "quantity": "10"} | params)
    assert isinstance(answer, Refused) and answer.error_class is error_class
    assert (desk.micros, desk.accepted) == (1_000_000, [])


@pytest.mark.parametrize("action", ACTIONS)
def test_a_wrong_key_gets_nothing(action: str) -> None:
    """Every action wants a key that the panel knows."""
    answer = Desk().ask(action, key="other")
    assert isinstance(answer, Refused) and answer.error_class is ErrorClass.AUTH


def test_an_unknown_action_is_refused() -> None:
    """What the panel does not do, it says."""
    answer = Desk().ask("dance")
    assert isinstance(answer, Refused) and answer.error_class is ErrorClass.ACTION


def test_a_link_may_be_wanted_for_one_order_at_a_time() -> None:
    """With unique links, the second open order of a service on a link is refused."""
    desk = Desk(unique_links=True)
    desk.buy()
    answer = desk.ask("add", service="1", link=LINK, quantity="100")
    assert isinstance(answer, Refused) and answer.error_class is ErrorClass.DUPLICATE
    desk.stages(2)
    desk.buy()


def test_a_request_may_be_remembered() -> None:
    """A panel with idempotency answers a repeated request ID with the same order."""
    desk = Desk(remembers_requests=True)
    command = Command("add", {"service": "1", "link": LINK, "quantity": "100"})
    answers = [desk.panel.answer(Request(KEY, command, "once"), 0) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(desk.accepted) == 1


def test_numbers_may_have_gaps() -> None:
    """IDs rise as if others ordered too, and never repeat."""
    desk = Desk(first_order_id=500, max_step=9)
    ids = [int(desk.buy()) for _ in range(50)]
    assert ids[0] == 500
    assert ids == sorted(set(ids))
    assert ids[-1] > 549


PURCHASES = st.tuples(
    st.sampled_from(["1", "2", "20", "21"]),
    st.sampled_from(["", *(ending.marker for ending in Ending)]),
    st.integers(50, 500),
    st.integers(0, 3),  # runs
    st.integers(0, 4),  # stages until the next
    st.booleans(),  # cancel it?
)


@given(st.lists(PURCHASES, max_size=8))
def test_money_is_neither_made_nor_lost(
    purchases: list[tuple[str, str, int, int, int, bool]],
) -> None:
    """Purse and charges add up to the first balance at every moment."""
    desk = Desk(balance="100")
    bought: list[tuple[str, Kind]] = []
    for service, marker, quantity, runs, wait, cancels in purchases:
        drip = {"runs": str(runs), "interval": "1"} if runs and service in "12" else {}
        answer = desk.ask(
            "add", service=service, link=f"{LINK}/{marker}", quantity=str(quantity), **drip
        )
        assert isinstance(answer, Added)
        bought.append((answer.order, answer.kind))
        if cancels:
            desk.ask("cancel", order=answer.order)
        for _ in range(wait + 1):
            desk.stages(1)
            charged = sum(desk.status(*each).charge or 0 for each in bought)
            balance = desk.ask("balance")
            assert isinstance(balance, Balance)
            assert balance.balance + charged == 100
