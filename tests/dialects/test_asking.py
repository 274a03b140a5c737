"""What we send a panel, beyond the documented samples."""

import json

import pytest

from aggregator.core.messages import Command
from aggregator.core.model import Kind
from aggregator.dialects import encode_command
from tests.dialects.support import DIALECTS, KEY, STANDARD, dialect, form_fields


@pytest.mark.parametrize(
    ("seed", "action", "params", "sent"),
    [
        ("standard", "cancel", {"order": "5"}, {"orders": "5"}),
        ("standard", "cancel", {"orders": "5"}, {"orders": "5"}),
        ("smmowner", "cancel", {"order": "5"}, {"order": "5"}),
        ("smmowner", "cancel", {"orders": "5"}, {"order": "5"}),
        ("smmowner", "cancel", {"orders": "5,6"}, {"orders": "5,6"}),
        ("standard", "status", {"order": "5"}, {"order": "5"}),
        ("standard", "status", {"orders": "5"}, {"orders": "5"}),
        ("standard", "refill_status", {"refill": "5"}, {"refill": "5"}),
        ("standard", "refill", {"orders": "5,6"}, {"orders": "5,6"}),
    ],
)
def test_ids(seed: str, action: str, params: dict[str, str], sent: dict[str, str]) -> None:
    """IDs go under the name that the panel has for one of them, or for several."""
    request = encode_command(DIALECTS[seed], Command(action, params), KEY)
    assert form_fields(request) == {"key": KEY, "action": action, **sent}


def test_a_panel_without_batches() -> None:
    """One ID goes as a single one where the panel takes no lists."""
    other = dialect(batch={"status": 0})
    request = encode_command(other, Command("status", {"orders": "5"}), KEY)
    assert form_fields(request) == {"key": KEY, "action": "status", "order": "5"}


@pytest.mark.parametrize(
    ("params", "quantity"),
    [
        ({"comments": "a\nb\r\nc"}, "3"),
        ({"comments": "a\n\n  \nb\n"}, "2"),
        ({"usernames": "a\nb"}, "2"),
        ({"comments": "a\x0cb"}, "1"),
        ({"comments": "a\nb", "quantity": "7"}, "7"),
    ],
)
def test_quantity_beside_lines(params: dict[str, str], quantity: str) -> None:
    """A panel that wants a quantity beside a list gets the number of its lines."""
    request = encode_command(DIALECTS["socialmediapanels"], Command("add", params), KEY)
    assert form_fields(request)["quantity"] == quantity


def test_no_quantity_beside_lines() -> None:
    """The standard sends comments without a quantity."""
    request = encode_command(STANDARD, Command("add", {"comments": "a\nb"}), KEY)
    assert "quantity" not in form_fields(request)


def test_unknown_parameters_travel_as_they_are() -> None:
    """An idempotency parameter is none of ours, and reaches the panel under its own name."""
    request = encode_command(STANDARD, Command("add", {"request_id": "r-1"}), KEY)
    assert form_fields(request)["request_id"] == "r-1"


def test_only_a_bearer() -> None:
    """A panel that wants the key in the header gets it nowhere else."""
    request = encode_command(dialect(auth={"bearer": True}), Command("balance"), KEY)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert form_fields(request) == {"action": "balance"}


def test_json() -> None:
    """A panel that wants JSON gets plain numbers as numbers, and everything else as text."""
    params = {"service": "5", "quantity": "010", "link": "7", "runs": "2", "interval": "30"}
    other = dialect(encoding="json", dripfeed={"interval": "every"}, params={"service": "id"})
    request = encode_command(other, Command("add", params, Kind.DRIPFEED), KEY)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "key": KEY,
        "action": "add",
        "id": 5,
        "quantity": "010",
        "link": "7",
        "runs": 2,
        "every": 30,
    }


def test_half_a_character() -> None:
    """A lone surrogate does not stop a request."""
    request = encode_command(STANDARD, Command("add", {"link": "a\ud800"}), KEY)
    assert form_fields(request)["link"] == "a?"


def test_an_interval_where_there_is_no_dripfeed() -> None:
    """Without drip-feed an interval keeps its standard name."""
    params = {"interval": "5"}
    request = encode_command(DIALECTS["cheapsmmpanel"], Command("add", params), KEY)
    assert form_fields(request)["interval"] == "5"
