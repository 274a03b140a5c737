"""The lease: who may send, and who was taken for dead."""

from collections.abc import Iterator

import psycopg
import pytest

from aggregator.store.exceptions import StoreGone
from aggregator.store.nodes import DEAD_S, LEASE_S, Lease
from aggregator.store.postgres_tx import Server


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def lease(postgres: str, watch: Watch) -> Iterator[Lease]:
    made = Lease(Server.of(postgres), "boot-1", watch)
    try:
        yield made
    finally:
        made.close()


def bury(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM boots")


def test_a_lease_is_shorter_than_anybodys_patience() -> None:
    """A node stops sending well before others may settle what it was about to send."""
    assert LEASE_S + 10 <= DEAD_S


def test_a_lease_runs_out(lease: Lease, watch: Watch) -> None:
    """A node that is not heard may not send, and may again once it is heard."""
    assert not lease.may_send()
    lease.open()
    watch.now += LEASE_S - 1
    assert lease.may_send()
    watch.now += 1
    assert not lease.may_send()
    assert lease.beat()
    assert lease.may_send()
    assert not lease.lost


def test_who_was_buried_never_sends_again(lease: Lease, postgres: str) -> None:
    """A node that finds itself taken for dead may not send, whatever it hears later."""
    lease.open()
    bury(postgres)
    lease.beat()
    assert lease.lost
    assert not lease.may_send()


def test_watching_begins_anew_after_a_gap(lease: Lease, watch: Watch) -> None:
    """How long a node has watched is counted without gaps in its own hearing."""
    lease.open()
    watch.now += 40
    lease.beat()
    watch.now += 40
    lease.beat()
    assert lease.watched_s == 80
    watch.now += LEASE_S
    assert lease.watched_s == 0
    lease.beat()
    assert lease.watched_s == 0


def test_no_lease_without_a_server() -> None:
    """A node that cannot register may not send."""
    lease = Lease(Server.of("postgresql://127.0.0.1:1/nothing"), "boot-1")
    with pytest.raises(StoreGone):
        lease.open()
    assert not lease.beat()
    assert not lease.may_send()
    lease.close()
