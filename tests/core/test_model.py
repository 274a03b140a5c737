"""The nouns: what they say of themselves."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from aggregator.core.messages import ACTIONS, Command
from aggregator.core.model import Kind, Purchase, Reseller
from tests.core.make import order, provider


def test_a_key_is_never_shown() -> None:
    """A provider's key appears in no representation of it."""
    assert "canary" not in repr(provider(key="canary"))


@pytest.mark.parametrize(
    ("paused", "retired", "takes"),
    [(False, False, True), (True, False, False), (False, True, False), (True, True, False)],
)
def test_takes_orders(paused: bool, retired: bool, takes: bool) -> None:
    """A provider that is paused or retired takes no new orders."""
    assert provider(paused=paused, retired=retired).takes_orders is takes


def test_net_charge() -> None:
    """What a reseller has paid is the charge less what he got back."""
    assert order(charge_micros=900, refunded_micros=150).net_charge_micros == 750


@pytest.mark.parametrize(("params", "link"), [({"link": "x"}, "x"), ({"username": "u"}, None)])
def test_link(params: dict[str, str], link: str | None) -> None:
    """A purchase knows its link, where its type has one."""
    assert Purchase(Kind.NORMAL, 1, 1, params).link == link


def test_children() -> None:
    """Runs and posts are children; a normal order has none."""
    assert [kind for kind in Kind if kind.has_children] == [Kind.DRIPFEED, Kind.SUBSCRIPTION]


def test_a_command_is_normal_by_default() -> None:
    """A command asks after a normal order unless it says otherwise."""
    assert all(Command(action).kind is Kind.NORMAL for action in ACTIONS)


@pytest.mark.parametrize(
    ("networks", "address", "welcome"),
    [
        ((), "192.0.2.1", True),
        (("192.0.2.0/24", "2001:db8::/32"), "192.0.2.1", True),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("192.0.2.0/24",), "192.0.3.1", False),
        (("192.0.2.0/24",), "2001:db8::1", False),
    ],
)
def test_where_a_key_works(networks: tuple[str, ...], address: str, welcome: bool) -> None:
    """A key works from the addresses that are named, from everywhere where none is."""
    addresses = tuple(ip_network(one) for one in networks)
    reseller = Reseller(1, "shop", frozenset(), addresses=addresses)
    assert reseller.may_call_from(address) is welcome


def test_a_panel_is_known_by_its_url_or_its_key() -> None:
    """One of the two may change; what changes both is another panel."""
    gulf = provider(key="one")
    assert gulf.is_same_panel(replace(gulf, key="two"))
    assert gulf.is_same_panel(replace(gulf, url="https://moved.example/api"))
    assert not gulf.is_same_panel(replace(gulf, url="https://moved.example/api", key="two"))
