"""Whether a route can deliver what we sell."""

from decimal import Decimal

import pytest

from aggregator.core import fitness
from aggregator.core.errors import ErrorClass
from aggregator.core.fitness import Finding
from aggregator.core.messages import Balance, Refused, Unreadable
from tests.core import make

ALL = frozenset(fitness.PROMISES)
PLENTY = Balance(Decimal(100), "USD")
LISTED = {"7": make.offer()}


def said(findings: list[Finding], *, wrong: bool = True) -> list[str]:
    return [one.text for one in findings if one.wrong is wrong]


def of_route(offer: object = None, can: frozenset[str] = ALL, **service: object) -> list[Finding]:
    facts = make.facts(offers=offer)  # type: ignore[arg-type]
    return fitness.of_route(make.service(**service), facts, can)


def test_all_is_well() -> None:
    """A provider who answers and a route that fits leave nothing to say."""
    assert fitness.of_provider(make.provider(), LISTED, PLENTY) == []
    offer = make.offer(min=10, max=100_000, refill=True, cancel=None)
    assert of_route(offer, refill=True, cancel=True) == []


def test_silent_provider() -> None:
    """What a provider answers neither to the one question nor to the other is said once."""
    lost, refused = Unreadable("no connection"), Refused("x", ErrorClass.AUTH)
    assert said(fitness.of_provider(make.provider(), lost, lost)) == [
        "does not answer: no connection"
    ]
    assert said(fitness.of_provider(make.provider(), refused, refused)) == ["refuses the key"]


def test_half_answers() -> None:
    """Each question that is refused is told with what the refusal means."""
    down = Refused("closed", ErrorClass.DOWN)
    assert said(fitness.of_provider(make.provider(), down, PLENTY)) == [
        "refuses to tell its list: down"
    ]
    assert said(fitness.of_provider(make.provider(), LISTED, down)) == [
        "refuses to tell the balance: down"
    ]
    assert said(fitness.of_provider(make.provider(), {}, PLENTY)) == ["lists no service at all"]


def test_a_dialect_without_lists() -> None:
    """A list that the dialect cannot ask for is worth knowing, and nobody's fault."""
    found = fitness.of_provider(make.provider(), None, PLENTY)
    assert found == [Finding("cannot be asked for its list", wrong=False)]


def test_a_dialect_without_balance() -> None:
    """A balance that the dialect cannot ask for is nobody's fault."""
    unasked = Refused("not offered", ErrorClass.ACTION)
    assert fitness.of_provider(make.provider(), LISTED, unasked) == []


def test_balances() -> None:
    """Another currency than the configured one is wrong; a low balance is worth knowing."""
    lira = Balance(Decimal(100), "TRY")
    (other,) = fitness.of_provider(make.provider(), LISTED, lira)
    assert other == Finding("its currency is TRY, configured is USD")
    frugal = make.provider(low_balance_micros=50_000_000)
    poor = Balance(Decimal("3.2"), None)
    assert fitness.of_provider(frugal, LISTED, poor) == [
        Finding("balance 3.20 is below low_balance", wrong=False)
    ]
    assert fitness.of_provider(frugal, LISTED, PLENTY) == []


def test_vanished_service() -> None:
    """A service that their list does not have is said to be missing, and no more."""
    assert said(of_route()) == ["not in their list"]


def test_types() -> None:
    """Types are compared without regard to spelling; one that is not told is no fault."""
    assert said(of_route(make.offer(type="Package"))) == ["is a Package there"]
    assert of_route(make.offer(type="default")) == []
    assert said(of_route(make.offer(type="")), wrong=False) == ["their list names no type"]


def test_limits() -> None:
    """What we sell beyond their limits is wrong; packages have none that mean anything."""
    narrow = make.offer(min=100, max=5_000)
    assert said(of_route(narrow)) == [
        "their minimum is 100, ours 50",
        "their maximum is 5000, ours 10000",
    ]
    package = make.offer(type="Package", min=5, max=5)
    assert of_route(package, type="Package", min=1, max=1) == []


@pytest.mark.parametrize(("key", "name"), fitness.PROMISES.items())
def test_promises(key: str, name: str) -> None:
    """What is promised must be had there, both by the list and by the dialect."""
    assert said(of_route(make.offer(**{key: False}), **{key: True})) == [f"no {name} there"]
    assert said(of_route(make.offer(**{key: True}), frozenset(), **{key: True})) == [
        f"no {name}: the dialect has none"
    ]


def test_margin() -> None:
    """A route above the rate is wrong, unless the operator allows the loss."""
    dear = make.offer(950_000)
    assert of_route(dear) == [Finding("costs 0.95, is sold at 0.90")]
    assert of_route(dear, allow_loss=True) == [Finding("costs 0.95, is sold at 0.90", wrong=False)]
    assert said(of_route(make.offer(None)), wrong=False) == ["their price is not known"]


def test_margin_in_our_money() -> None:
    """Their price counts in our currency."""
    facts = make.facts(offers=make.offer(800_000), exchange_rate=Decimal("1.2"))
    assert said(fitness.of_route(make.service(), facts, ALL)) == ["costs 0.96, is sold at 0.90"]


def test_the_operators_word() -> None:
    """A cost that the operator wrote counts, and a list that says otherwise is shown."""
    facts = make.facts(offers=make.offer(500_000), cost_micros=410_000)
    assert fitness.of_route(make.service(), facts, ALL) == [
        Finding("their list says 0.50, the configuration 0.41", wrong=False)
    ]
