"""Every example of every seed document, in both directions."""

import json
import re
from pathlib import Path

import pytest

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Added, Command, Refused
from aggregator.core.model import Kind
from aggregator.core.outcome import Placed, Rejected
from aggregator.dialects import (
    Request,
    WireReply,
    decode_added,
    decode_balance,
    decode_cancel,
    decode_refill,
    decode_refill_status,
    decode_request,
    decode_services,
    decode_status,
    encode_answer,
    encode_command,
    fields_from_form,
)
from tests.dialects.support import (
    ALL_SAMPLES,
    DIALECTS,
    KEY,
    SAMPLES,
    Sample,
    form_fields,
    reply,
    same_json,
)

BY_ID = {
    "status": decode_status,
    "refill": decode_refill,
    "refill_status": decode_refill_status,
    "cancel": decode_cancel,
}
each_sample = pytest.mark.parametrize("sample", ALL_SAMPLES, ids=lambda sample: sample.id)


@each_sample
def test_client_asks(sample: Sample) -> None:
    """What we send a panel is the documented request, and nothing else."""
    request = encode_command(sample.dialect, sample.command, KEY)
    assert form_fields(request) == sample.fields
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    bearer = f"Bearer {KEY}" if sample.dialect.bearer else None
    assert request.headers.get("Authorization") == bearer


@each_sample
def test_client_reads(sample: Sample) -> None:
    """What a panel answers is read as what it documents."""
    answer, meaning = WireReply(200, sample.body), sample.meaning(face=False)
    if sample.action in BY_ID:
        assert BY_ID[sample.action](sample.dialect, sample.command, answer) == meaning
    elif sample.action == "services":
        assert decode_services(sample.dialect, answer) == meaning
    elif sample.action == "balance":
        assert decode_balance(sample.dialect, answer) == meaning
    else:
        tells = any(ours == "type" for ours, _ in sample.dialect.shown("add"))
        told = meaning.kind if tells else None
        assert decode_added(sample.dialect, answer) == Placed(meaning.order, told)


@each_sample
def test_face_reads(sample: Sample) -> None:
    """A face understands the documented request as what we would have sent."""
    body = encode_command(sample.dialect, sample.command, KEY).body
    command = Command(sample.action, {**sample.params, **sample.face_params}, sample.kind)
    assert fields_from_form(body) == sample.fields
    assert decode_request(sample.dialect, sample.fields, None) == Request(KEY, command, None)


@each_sample
def test_face_answers(sample: Sample) -> None:
    """A face answers with the documented JSON, types included."""
    answer = encode_answer(sample.dialect, sample.command, sample.meaning(face=True))
    assert same_json(answer, json.loads(sample.body))


@pytest.mark.parametrize(
    "raw", sorted(SAMPLES.glob("*/*.raw.txt")), ids=lambda path: path.parent.name + "-" + path.name
)
def test_slips_are_the_only_change(raw: Path) -> None:
    """A sample whose document slipped still holds every text of the document."""
    fixed = raw.with_name(raw.name.replace(".raw.txt", ".json")).read_text()
    said = re.sub(r"//.*|\.\.\.", "", raw.read_text())
    assert set(re.findall(r'"[^"]*"', said)) <= set(
        re.findall(r'"[^"]*"', fixed.replace("...", ""))
    )


def test_smmxcel_takes_the_key_as_a_header() -> None:
    """A client of smmxcel may give its key in the header and nowhere else."""
    request = decode_request(DIALECTS["smmxcel"], {"action": "balance"}, KEY)
    assert request == Request(KEY, Command("balance"), None)


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("Unauthenticated", ErrorClass.AUTH),
        ("This API key does not have permission for this action", ErrorClass.AUTH),
        ("Service not found or inactive", ErrorClass.SERVICE),
        ("Quantity must be between 100 and 10000", ErrorClass.QUANTITY),
        ("Insufficient balance", ErrorClass.FUNDS),
        ("Incorrect order ID", ErrorClass.ORDER),
        ("Refill not available", ErrorClass.REFILL),
        ("Cancel not available", ErrorClass.CANCEL),
        ("Unknown action", ErrorClass.ACTION),
    ],
)
def test_smmxcel_errors(text: str, error_class: ErrorClass) -> None:
    """Each error that smmxcel documents is written by a face as it is and read as what it means."""
    smmxcel = DIALECTS["smmxcel"]
    body = encode_answer(smmxcel, Command("add"), Refused(text))
    assert same_json(body, {"error": text})
    assert decode_added(smmxcel, WireReply(200, body)) == Rejected(error_class, text)


@pytest.mark.parametrize("action", ["refill", "refill_status", "cancel"])
def test_cheapsmmpanel_lacks(action: str) -> None:
    """What cheapsmmpanel does not have is not asked of it, and is unknown to its face."""
    cheap = DIALECTS["cheapsmmpanel"]
    assert not cheap.offers(action)
    assert decode_request(cheap, {"action": action, "order": "1"}, None).command.action == ""
    with pytest.raises(ValueError, match="does not offer"):
        encode_command(cheap, Command(action, {"order": "1"}), KEY)


@pytest.mark.parametrize(
    ("seed", "dripfeed"),
    [
        ("standard", True),
        ("smmxcel", True),
        ("smmowner", True),
        ("smmgulf", True),
        ("socialmediapanels", False),
        ("cheapsmmpanel", False),
    ],
)
def test_who_offers_dripfeed(seed: str, dripfeed: bool) -> None:
    """Drip-feed is offered where the document has it."""
    assert DIALECTS[seed].offers_dripfeed is dripfeed


def test_smmowner_names_normal_orders_too() -> None:
    """An add that smmowner's face answers says "normal" where there is no drip-feed."""
    body = encode_answer(DIALECTS["smmowner"], Command("add"), Added("7", Kind.SUBSCRIPTION))
    assert same_json(body, {"order": 7, "type": "normal"})
    assert decode_added(DIALECTS["smmowner"], reply({"order": 7, "type": "?"})) == Placed("7", None)
