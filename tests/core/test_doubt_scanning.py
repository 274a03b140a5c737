"""Asking for every ID of a window, and believing the answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import scanning
from aggregator.core.errors import ErrorClass
from aggregator.core.messages import OrderStatus, Refused, Unreadable
from aggregator.core.scanning import (
    FAULTS_IN_A_ROW,
    GAP_MS,
    IMPOSSIBLE_AHEAD,
    KEPT_SWEEPS,
    PROBES_PER_INCIDENT,
    Manners,
    Scan,
    Sweep,
)
from tests.core.doubts import NO_SUCH, answer, said, sweep
from tests.core.make import NOW

ONE = scanning.sweep(100, 109, head=105, head_began_at_ms=NOW - 5, now_ms=NOW)


def scanned(
    one: Sweep, there: dict[int, OrderStatus], mapped: set[int], batch: int
) -> tuple[Scan, Manners]:
    """The sweep asked to its end."""
    scan, manners, at_ms = Scan(), Manners(), NOW
    while not scan.sweeps:
        probe = scanning.probe(scan.current or one, mapped, batch, "")
        scan, manners = scanning.heard(scan, manners, probe, answer(probe, there, at_ms))
        at_ms += GAP_MS
    return scan, manners


@given(
    st.integers(1, 400),
    st.integers(0, 300),
    st.sets(st.integers(1, 700)),
    st.sets(st.integers(1, 700)),
    st.integers(3, 100),
)
def test_every_unmapped_id_is_asked_once(
    low: int, width: int, mapped: set[int], there: set[int], batch: int
) -> None:
    """A sweep finds exactly the unknown orders of its window, at no more than its cost."""
    high = low + width
    one = scanning.sweep(low, high, head=low, head_began_at_ms=NOW, now_ms=NOW)
    scan, manners = scanned(one, dict.fromkeys(there, said()), mapped, batch)
    window = set(range(low, high + 1)) - mapped - {low}
    assert set(scan.unknown) == window & there
    assert 1 <= len(manners.asked_at_ms) <= max(scanning.probes(low, high, batch), 1)


def test_a_probe_carries_its_controls() -> None:
    """Each call asks for an order of ours first and for an impossible one last."""
    probe = scanning.probe(ONE, {101, 104}, batch=5, why="because")
    assert probe.ids == (100, 102, 103)
    assert probe.to_id == 105  # with what is known up to the next unknown one
    assert probe.asked == ("105", "100", "102", "103", str(105 + IMPOSSIBLE_AHEAD))


def test_the_head_is_not_asked_for_its_own_sake() -> None:
    """The control is ours, so it is never an unknown order."""
    assert 105 not in scanning.probe(ONE, set(), batch=100, why="").ids


NOISE = Refused("Too many requests", ErrorClass.RATE)


NOBODYS = f"order {105 + IMPOSSIBLE_AHEAD}, which nobody has yet, did not answer with an error"


@pytest.mark.parametrize(
    ("number", "instead", "fault"),
    [
        (105, NO_SUCH, "our order 105 did not answer as ours"),
        (105, None, "our order 105 did not answer as ours"),
        (105 + IMPOSSIBLE_AHEAD, said(), NOBODYS),
        (105 + IMPOSSIBLE_AHEAD, NOISE, NOBODYS),
        (103, None, "an ID was not answered for"),
        (103, Unreadable("left out"), "an ID was not answered for"),
        (103, NOISE, "an ID was not answered for"),
        (103, said(), ""),
        (103, Refused("Bestellung?", ErrorClass.UNKNOWN), ""),
    ],
)
def test_a_batch_counts_only_if_its_controls_do(number: int, instead: object, fault: str) -> None:
    """A wrong control or a hole in the answer makes the whole batch worth nothing."""
    probe = scanning.probe(ONE, set(), batch=100, why="")
    reply = answer(probe, {}, NOW)
    answers = {**reply.answers, str(number): instead}
    if instead is None:
        del answers[str(number)]
    reply = scanning.Heard(answers, NOW, NOW + 1)  # type: ignore[arg-type]
    assert scanning.fault(probe, reply) == fault
    scan, manners = scanning.heard(Scan(), Manners(), probe, reply)
    assert (scan.current == ONE) == bool(fault)
    assert (manners.faults, manners.halted) == (int(bool(fault)), "")


def test_a_finished_sweep_is_kept() -> None:
    """The last batch ends a sweep at the moment of its answer."""
    probe = scanning.probe(ONE, set(), batch=100, why="")
    scan, _ = scanning.heard(Scan(), Manners(), probe, answer(probe, {107: said()}, NOW))
    assert scan.current is None
    assert (scan.sweeps[0].ended_at_ms, set(scan.unknown)) == (NOW + 400, {107})


def test_only_so_many_sweeps_are_kept() -> None:
    """Memory is bounded: the oldest sweep goes."""
    many = Scan(tuple(sweep(NOW + n) for n in range(KEPT_SWEEPS)))
    probe = scanning.probe(ONE, set(), batch=100, why="")
    scan, _ = scanning.heard(many, Manners(), probe, answer(probe, {}, NOW))
    assert len(scan.sweeps) == KEPT_SWEEPS
    assert scan.sweeps[0] == many.sweeps[1]


def test_a_panel_that_says_no_is_obeyed() -> None:
    """A 429, a 403 or anything that is not JSON stops the probing."""
    probe = scanning.probe(ONE, set(), batch=100, why="")
    scan, manners = scanning.heard(Scan(), Manners(), probe, answer(probe, {}, NOW, halt="429"))
    assert (manners.halted, manners.halted_at_ms) == ("429", NOW + 400)
    assert scan.current == ONE


def test_faults_in_a_row_stop_the_probing() -> None:
    """A panel that never answers soundly is left alone; one sound answer forgives."""
    probe = scanning.probe(ONE, set(), batch=100, why="")
    bad, good = scanning.Heard({}, NOW, NOW + 1), answer(probe, {}, NOW)
    scan, manners = Scan(), Manners()
    for reply in (bad,) * (FAULTS_IN_A_ROW - 1) + (good,) + (bad,) * (FAULTS_IN_A_ROW - 1):
        scan, manners = scanning.heard(scan, manners, probe, reply)
        assert not manners.halted
    _, manners = scanning.heard(scan, manners, probe, bad)
    assert manners.halted == "our order 105 did not answer as ours"


def test_manners() -> None:
    """Two seconds lie between probes, and no more than a quarter of the rate limit is used."""
    assert Manners().next_at_ms(None) == 0
    asked = Manners((NOW,))
    assert asked.next_at_ms(None) == NOW + GAP_MS
    assert asked.next_at_ms(600) == NOW + GAP_MS
    assert asked.next_at_ms(60) == NOW + 4_000  # 15 a minute


def test_the_budget_is_an_incidents() -> None:
    """Probes made before an incident began do not count against it, all others do."""
    probe = scanning.probe(ONE, set(), batch=100, why="")
    manners = Manners()
    for n in range(PROBES_PER_INCIDENT + 5):
        _, manners = scanning.heard(Scan(), manners, probe, answer(probe, {}, NOW + n))
    assert manners.left_since(NOW) == 0
    assert manners.left_since(NOW + PROBES_PER_INCIDENT) == PROBES_PER_INCIDENT - 5


def test_reached() -> None:
    """Sweeps join into one covered piece; one that begins above it adds nothing."""
    joined = Scan((sweep(NOW, low=90, head=200), sweep(NOW, low=180, head=300)))
    assert joined.reached(100) == 300
    assert joined.reached(80) == 80
    apart = Scan((sweep(NOW, low=250, head=300), sweep(NOW, low=90, head=200)))
    assert apart.reached(100) == 200


@pytest.mark.parametrize(("low", "high", "cost"), [(1, 98, 1), (1, 99, 2), (1, 1, 1), (5, 1, 0)])
def test_probes(low: int, high: int, cost: int) -> None:
    """A call for a hundred IDs asks for ninety-eight of a window."""
    assert scanning.probes(low, high, 100) == cost
