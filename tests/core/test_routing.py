"""Which routes may serve an order, in what order, at what price."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import pricing
from aggregator.core.errors import ErrorClass
from aggregator.core.health import Health
from aggregator.core.model import Kind, Purchase, Service, Strategy
from aggregator.core.rivals import Admission
from aggregator.core.routing import (
    Facts,
    Verdict,
    Weighed,
    candidates,
    heeded,
    known_rate,
    priced,
    unpriced,
    weigh,
)
from tests.core.make import NOW, facts, offer, service

BUYS = Purchase(Kind.NORMAL, 1000, 1000, {})
FEEDS = Purchase(Kind.DRIPFEED, 100, 1000, {}, runs=10, interval=5)
BACKING_OFF = Health(strikes=1, until_ms=NOW + 1, cause="cut")
PAUSED = Health(paused_for=ErrorClass.FUNDS)


def verdict(one: Facts, purchase: Purchase = BUYS, **of_service: object) -> tuple[Verdict, str]:
    weighed = weigh(service(**of_service), purchase, one, NOW)
    return weighed.verdict, weighed.reason


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (facts(), ""),
        (facts(retired=True), "retired"),
        (facts(paused=True), "paused by the operator"),
        (facts(cost_micros=900_000), ""),
        (facts(cost_micros=900_001), "costs more than the rate"),
        (facts(offers=offer(900_001)), "costs more than the rate"),
        (facts(offers=offer(10**18)), "costs more than the rate"),
        (facts(cost_micros=800_000, offers=offer(10**9)), ""),
        (facts(cost_micros=800_000, exchange_rate=Decimal("1.125")), ""),
        (facts(cost_micros=800_000, exchange_rate=Decimal("1.12500001")), "costs more than"),
        (facts(offers=offer(None)), ""),
        (facts(offers=offer(0)), ""),
        (facts(offers=offer(min=1000, max=1000)), ""),
        (facts(offers=offer(min=1001)), "their minimum is 1001"),
        (facts(offers=offer(max=999)), "their maximum is 999"),
        (facts(offers=offer(dripfeed=False), offers_dripfeed=False), ""),
        (facts(cost_micros=1, offers=offer(gone_at_ms=NOW)), "not in their catalogue any more"),
    ],
)
def test_fit(one: Facts, reason: str) -> None:
    """A route that cannot serve is skipped and says why; an unknown cost blocks nothing."""
    found, why = verdict(one)
    assert found is (Verdict.SKIPPED if reason else Verdict.USABLE)
    assert why.startswith(reason)
    assert bool(why) == bool(reason)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (facts(offers=offer(dripfeed=True, min=100, max=100)), ""),
        (facts(offers=offer(dripfeed=None)), ""),
        (facts(offers=offer(dripfeed=False)), "no drip-feed there"),
        (facts(offers_dripfeed=False), "no drip-feed there"),
        (facts(offers=offer(min=101)), "their minimum is 101"),
    ],
)
def test_fit_for_dripfeed(one: Facts, reason: str) -> None:
    """A drip-feed goes only where it is understood, and its runs keep to the limits there."""
    assert verdict(one, FEEDS) == (Verdict.SKIPPED if reason else Verdict.USABLE, reason)


def test_allow_loss() -> None:
    """A route may sell at a loss where the operator allows it."""
    assert verdict(facts(cost_micros=10**9), allow_loss=True) == (Verdict.USABLE, "")


def test_packages_have_no_limits() -> None:
    """A type sold as one does not mind what their catalogue says of quantities."""
    package = Purchase(Kind.NORMAL, 1, 1, {})
    one = facts(offers=offer(min=10, max=0))
    assert verdict(one, package, type="Package")[0] is Verdict.USABLE
    assert verdict(one, package, type="Default")[0] is Verdict.SKIPPED


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (Health(), (Verdict.USABLE, "")),
        (BACKING_OFF, (Verdict.WAITING, "backing off: cut")),
        (Health(strikes=1, until_ms=NOW), (Verdict.USABLE, "")),
        (PAUSED, (Verdict.WAITING, "backing off: funds")),
    ],
)
def test_health(health: Health, expected: tuple[Verdict, str]) -> None:
    """A route whose provider is ill waits; one that cannot serve is skipped all the same."""
    assert verdict(facts(health=health)) == expected
    assert verdict(facts(health=health, retired=True)) == (Verdict.SKIPPED, "retired")


@pytest.mark.parametrize(
    ("one", "type_", "cost", "ours"),
    [
        (facts(), "Default", None, None),
        (facts(offers=offer(500_000)), "Default", 500_000, 500_000),
        (facts(cost_micros=1, offers=offer(5)), "Default", 1, 1),
        (facts(cost_micros=500_001, exchange_rate=Decimal("0.5")), "Default", 500_001, 250_001),
        (facts(cost_micros=2_000_000), "Package", 2_000_000, 2_000_000),
        (facts(offers=offer(2 * 10**15)), "Mentions", 2 * 10**15, 2 * 10**15),
    ],
)
def test_cost(one: Facts, type_: str, cost: int | None, ours: int | None) -> None:
    """A route's cost is for the whole order, in their money and, rounded up, in ours."""
    units = 1 if type_ == "Package" else 1000
    weighed = weigh(service(type=type_), Purchase(Kind.NORMAL, units, units, {}), one, NOW)
    assert (weighed.cost_micros, weighed.our_cost_micros) == (cost, ours)


def test_cost_without_sense() -> None:
    """A cost that no column could hold is not known."""
    million = Purchase(Kind.NORMAL, 10**6, 10**6, {})
    weighed = weigh(service(allow_loss=True), million, facts(offers=offer(10**18)), NOW)
    assert weighed.cost_micros is weighed.our_cost_micros is None


def test_explained() -> None:
    """A weighed route explains itself in one line."""
    assert weigh(service(), BUYS, facts(), NOW).explained() == "gulf/7: usable"
    one = weigh(service(), BUYS, facts(retired=True), NOW)
    assert one.explained() == "gulf/7: skipped (retired)"


def ranked(strategy: Strategy, routes: list[Facts], draws: list[float] | None = None) -> list[str]:
    sold = service(strategy=strategy)
    weighed = [weigh(sold, BUYS, one, NOW) for one in routes]
    found = candidates(sold, weighed, draws or [0.5] * len(routes))
    return [one.facts.route.provider for one in found]


DEAR, CHEAP = facts("dear", cost_micros=800_000), facts("cheap", cost_micros=700_000)
UNKNOWN, ALSO_UNKNOWN = facts("unknown"), facts("also")
GONE, WAITING = facts("gone", retired=True), facts("waiting", health=PAUSED)


def test_priority() -> None:
    """Priority keeps the operator's order, without those that cannot be used now."""
    routes = [GONE, UNKNOWN, DEAR, WAITING, CHEAP]
    assert ranked(Strategy.PRIORITY, routes) == ["unknown", "dear", "cheap"]


def test_cheapest() -> None:
    """Cheapest goes by cost in our money, those of unknown cost last, equals as written."""
    abroad = facts("abroad", cost_micros=10, exchange_rate=Decimal(75_000))
    routes = [UNKNOWN, DEAR, ALSO_UNKNOWN, abroad, CHEAP]
    assert ranked(Strategy.CHEAPEST, routes) == ["cheap", "abroad", "dear", "unknown", "also"]


@pytest.mark.parametrize(
    ("draws", "first"),
    [
        ([0.5, 0.5], "heavy"),  # 0.5 against the cube root of it
        ([0.9, 0.7], "light"),  # 0.9 against 0.888
        ([0.9, 0.8], "heavy"),  # 0.9 against 0.928
        ([0.1, 0.0009], "light"),  # 0.1 against 0.0965
        ([0.1, 0.0011], "heavy"),  # 0.1 against 0.1032
    ],
)
def test_weighted(draws: list[float], first: str) -> None:
    """A draw's weight-th root decides; a weight of 0 comes last whatever it draws."""
    routes = [facts("light", weight=1), facts("heavy", weight=3), facts("never", weight=0)]
    found = ranked(Strategy.WEIGHTED, routes, [*draws, 0.999999])
    assert found[0] == first
    assert found[-1] == "never"


def test_weights_are_proportions() -> None:
    """Over an even grid of draws, a route of weight 3 wins three times as often as one of 1."""
    routes = [facts("light", weight=1), facts("heavy", weight=3)]
    grid = [(2 * step + 1) / 80 for step in range(40)]
    wins = [ranked(Strategy.WEIGHTED, routes, [x, y])[0] for x in grid for y in grid]
    assert abs(wins.count("heavy") / len(wins) - 0.75) < 0.01


any_facts = st.builds(
    facts,
    st.sampled_from(["a", "b", "c"]),
    cost_micros=st.sampled_from([None, 0, 700_000, 900_000, 900_001]),
    weight=st.integers(1, 5),
    health=st.sampled_from([Health(), BACKING_OFF, PAUSED]),
    offers=st.sampled_from([None, offer(), offer(10**18), offer(min=2000), offer(max=5)]),
    paused=st.booleans(),
    retired=st.booleans(),
)


@given(st.sampled_from(Strategy), st.lists(any_facts, max_size=6), st.data())
def test_candidates(strategy: Strategy, routes: list[Facts], data: st.DataObject) -> None:
    """The candidates are the usable routes, each once, none of them at a loss."""
    sold = service(strategy=strategy)
    weighed = [weigh(sold, BUYS, one, NOW) for one in routes]
    draws = [data.draw(st.floats(0.001, 0.999)) for _ in routes]
    found = candidates(sold, weighed, draws)
    usable = [one for one in weighed if one.verdict is Verdict.USABLE]
    assert sorted(map(id, found)) == sorted(map(id, usable))
    assert all((one.our_cost_micros or 0) <= sold.rate_micros for one in found)
    assert all(one.facts.provider.takes_orders and one.facts.health.usable(NOW) for one in found)


def marked_up(routes: list[Facts], markup: str | None = "0.20") -> Service | None:
    return priced(service(markup=None if markup is None else Decimal(markup)), routes)


@pytest.mark.parametrize(
    ("routes", "rate"),
    [
        ([facts(cost_micros=500_000)], "0.60"),
        ([facts(cost_micros=500_001)], "0.60001"),
        ([facts(cost_micros=500_000, exchange_rate=Decimal("1.08"))], "0.648"),
        ([facts(cost_micros=500_000, health=PAUSED), CHEAP], "0.60"),
        ([UNKNOWN, GONE, facts(paused=True, cost_micros=1), facts(offers=offer(0)), CHEAP], "0.84"),
        ([facts(offers=offer(999_999_999_999_000_000)), CHEAP], "0.84"),
        ([facts(offers=offer(1, gone_at_ms=NOW)), CHEAP], "0.84"),
        ([facts(paused=True, cost_micros=500_000), GONE], "0.60"),
        ([UNKNOWN, facts(paused=True, cost_micros=500_000)], "0.60"),
    ],
)
def test_markup(routes: list[Facts], rate: str) -> None:
    """The first route that takes orders at a known price sets ours, rounded up to the wire."""
    sold = marked_up(routes)
    assert sold is not None
    assert sold.rate == rate
    assert sold.rate_micros == pricing.parse_micros(rate)


def test_no_price() -> None:
    """A marked-up service without any known cost has no price; a fixed rate needs none."""
    assert marked_up([UNKNOWN, GONE]) is None
    assert marked_up([]) is None
    assert marked_up([facts(retired=True, cost_micros=1)]) is None
    assert marked_up([facts(offers=offer(1, gone_at_ms=NOW), paused=True)]) is None
    assert marked_up([], markup=None) == service()


def test_why_there_is_no_price() -> None:
    """Of each route, for the operator."""
    gone, huge = facts(offers=offer(1, gone_at_ms=NOW)), facts(offers=offer(10**18))
    said = unpriced([UNKNOWN, GONE, facts(paused=True), gone, huge]).split("; ")
    assert [one.partition(": ")[2] for one in said] == [
        "its price is not known",
        "retired",
        "paused by the operator",
        "not in their catalogue any more",
        "its price is too high to show",
    ]


@given(st.integers(1, 10**9), st.decimals("0", "3", places=3))
def test_markup_never_sells_at_a_loss(cost: int, markup: Decimal) -> None:
    """At a marked-up price the route that set it passes the cost guard."""
    one = facts(offers=offer(cost), exchange_rate=Decimal("1.0837"))
    sold = marked_up([one], str(markup))
    assert sold is not None
    weighed: Weighed = weigh(sold, BUYS, one, NOW)
    assert weighed.verdict is Verdict.USABLE


@pytest.mark.parametrize(
    ("one", "rate"),
    [
        (facts(), None),
        (facts(cost_micros=0), 0),
        (facts(offers=offer(-5)), None),
        (facts(offers=offer(5)), 5),
    ],
)
def test_known_rate(one: Facts, rate: int | None) -> None:
    """The operator's word counts, even nothing; a catalogue's price of nothing is none."""
    assert known_rate(one) == rate


# -- open doubts at a provider


def test_a_rival_of_a_doubt_rather_goes_elsewhere() -> None:
    """It is the last choice, but a choice, and says why."""
    first = heeded(weigh(service(), BUYS, facts(), NOW), Admission.RATHER_ELSEWHERE, "alike")
    other = weigh(service(), BUYS, facts(), NOW)
    assert candidates(service(), [first, other], [0.5, 0.5]) == [other, first]
    assert candidates(service(), [first], [0.5]) == [first]
    assert first.explained().endswith("usable (alike)")


def test_not_now_waits() -> None:
    """It is no choice at all for now; what may go is left as it is."""
    one = weigh(service(), BUYS, facts(), NOW)
    assert heeded(one, Admission.NOT_NOW, "alike").verdict is Verdict.WAITING
    assert heeded(one, Admission.GO, "") == one
    retired = weigh(service(), BUYS, facts(retired=True), NOW)
    assert heeded(retired, Admission.NOT_NOW, "alike") == retired
