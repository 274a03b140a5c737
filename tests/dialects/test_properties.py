"""What always holds, whatever the bytes and in every dialect."""

import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import (
    ACTIONS,
    Added,
    Balance,
    Command,
    OrderStatus,
    Refused,
    ServiceRow,
    Unreadable,
)
from aggregator.core.model import Kind
from aggregator.core.outcome import InDoubt, Placed, Rejected
from aggregator.dialects import (
    BUILTIN,
    Dialect,
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
    fields_from_json,
)
from tests.dialects.support import DIALECTS, KEY, dialect

BY_ID = {
    "status": decode_status,
    "refill": decode_refill,
    "refill_status": decode_refill_status,
    "cancel": decode_cancel,
}
REFUSALS = {"status": "Incorrect order ID", "refill": "Refill not available"}
REFUSALS |= {"refill_status": "Refill not found", "cancel": "Cancel not available"}

# A dialect that changes everything at once, beside the ones that come with the program.
STRANGE = dialect(
    auth={"bearer": True},
    encoding="json",
    actions={"services": "list", "add": "new", "status": "look"},
    params={"service": "product", "order": "id", "orders": "ids", "delay": "gap"},
    fields={"order": "oid", "status": {"status": "state", "remains": "left"}},
    omit={"add": []},
    integers=["min", "max", "refill", "remains", "start_count", "runs", "posts"],
    dripfeed={"interval": "gap", "status": {"mode": "drip"}},
    cancel_by="order",
)
EVERY = [*DIALECTS.values(), STRANGE]
dialects = st.sampled_from(EVERY)

# -- what may come from outside

_WORDS = st.sampled_from(
    [
        *("order", "error", "errors", "status", "message", "success", "data", "refill", "cancel"),
        *("balance", "currency", "charge", "remains", "service", "name", "orders", "1", "2", "id"),
        *("Incorrect order ID", "Something went wrong", "Completed", "+157", "0", "²", "23501"),
    ]
)
# What a decoder of HTML or of numbers may choke on: Python limits the digits of an int.
_DIGITS = st.builds(str.__mul__, st.sampled_from("0169"), st.sampled_from([1, 29, 30, 70, 5000]))
_GROUPS = st.builds(str.__mul__, st.just(",234"), st.sampled_from([1, 20, 21, 1500]))
_ENTITIES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["&#", "&#x", "&#X", "&", "&amp;#"]),
    _DIGITS | st.text("ampltZ"),
    st.sampled_from(["", ";", "; not found"]),
)
_CHOKING = _ENTITIES | _DIGITS | _GROUPS.map("1{}".format) | _GROUPS.map("1{}.5".format)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | _WORDS
    | _CHOKING
)
DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | DOCUMENTS.map(lambda document: json.dumps(document).encode())
STATUSES = st.sampled_from([200, 201, 301, 302, 400, 401, 403, 404, 429, 500, 502, 521, 524, 0])
REPLIES = st.builds(WireReply, STATUSES, BODIES)


@given(dialects, REPLIES)
def test_an_add_has_an_outcome(dialect: Dialect, reply: WireReply) -> None:
    """Any answer to an add is Placed, Rejected or InDoubt."""
    assert isinstance(decode_added(dialect, reply), Placed | Rejected | InDoubt)


@given(dialects, REPLIES, st.lists(st.text(max_size=9) | _WORDS | _CHOKING, max_size=3))
def test_what_we_said_places_nothing(
    dialect: Dialect, reply: WireReply, said_by_us: list[str]
) -> None:
    """Words of ours change the class of a refusal at most, and whether it is one."""
    plain, other = decode_added(dialect, reply), decode_added(dialect, reply, said_by_us=said_by_us)
    assert type(plain) is type(other) or {type(plain), type(other)} == {Rejected, InDoubt}


@given(dialects, REPLIES)
def test_placed_only_by_a_sound_object(dialect: Dialect, reply: WireReply) -> None:
    """Placed comes from one JSON object, of a 2xx or 4xx, with a sound order and no error."""
    outcome = decode_added(dialect, reply)
    if isinstance(outcome, Placed):
        document = json.loads(reply.body)
        assert reply.status // 100 in (2, 4)
        assert not document.get("error")
        assert not document.get("errors")
        assert str(document[dialect.their_field("add", "order")]) == outcome.upstream_order_id
        assert re.fullmatch(r"(?=.*[1-9A-Za-z])[A-Za-z0-9_-]{1,64}", outcome.upstream_order_id)


_PLAIN = st.from_regex(rb'\{"(order|oid)":("?)[0-9]{1,66}("?)\}', fullmatch=True)


@given(dialects, STATUSES, _PLAIN)
def test_the_plainest_answer_is_read_as_any_other(
    dialect: Dialect, status: int, body: bytes
) -> None:
    """What is recognised at a glance is what the reading of the JSON would have said."""
    plain, read = WireReply(status, body), WireReply(status, b" " + body)
    assert decode_added(dialect, plain) == decode_added(dialect, read)


@given(dialects, REPLIES)
def test_rejected_only_by_an_error_or_a_status(dialect: Dialect, reply: WireReply) -> None:
    """Rejected comes from a stated error, or from a status that means "not processed"."""
    outcome = decode_added(dialect, reply)
    if isinstance(outcome, Rejected):
        told = reply.status in (301, 401, 403, 429, 521) or b"error" in reply.body
        assert told
        assert outcome.error_class is not ErrorClass.UNKNOWN_OUTCOME


@pytest.mark.parametrize("action", BY_ID)
@given(dialect=dialects, reply=REPLIES, ids=st.sampled_from(["1", "1,2", "2,x,1"]))
def test_every_id_is_answered(action: str, dialect: Dialect, reply: WireReply, ids: str) -> None:
    """Whatever comes, the result has exactly the IDs asked for, each with a definite value."""
    single, many = ("refill", "refills") if action == "refill_status" else ("order", "orders")
    command = Command(action, {many if "," in ids else single: ids})
    answers = BY_ID[action](dialect, command, reply)
    assert list(answers) == ids.split(",")
    wanted = {"status": OrderStatus, "cancel": None.__class__}.get(action, str)
    assert all(isinstance(answer, wanted | Refused | Unreadable) for answer in answers.values())


@given(dialects, REPLIES)
def test_catalogues_and_balances_never_raise(dialect: Dialect, reply: WireReply) -> None:
    """Any answer is a catalogue, a balance, a refusal or unreadable."""
    assert isinstance(decode_services(dialect, reply), list | Refused | Unreadable)
    assert isinstance(decode_balance(dialect, reply), Balance | Refused | Unreadable)


@given(REPLIES)
def test_what_is_read_can_be_written(reply: WireReply) -> None:
    """No text of a panel holds what a log or a database could not take."""
    answers = decode_status(DIALECTS["standard"], Command("status", {"order": "1"}), reply)
    repr(answers).encode()
    rows = decode_services(DIALECTS["standard"], reply)
    for row in rows if isinstance(rows, list) else ():
        assert "\x00" not in f"{row.name}{row.description}"
        f"{row.name}{row.type}{row.category}{row.rate}{row.description}".encode()


@given(st.lists(st.sampled_from(["%", "2", "3", "A", "c", "F", "%2C", "%25", "+", "é", "%C3%A9"])))
def test_form_is_unquoted_as_the_standard_library_does(pieces: list[str]) -> None:
    """However it was quoted, a value is what ``parse_qsl`` makes of it, and nothing twice."""
    text = f"link={''.join(pieces)}"
    try:
        said: object = dict(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        said = Unreadable("not UTF-8")
    assert fields_from_form(text.encode()) == said


@given(st.text() | st.lists(st.sampled_from([*":/?=&@%+ ~_.-é\n", "Zz9"])).map("".join))
def test_a_form_is_quoted_as_the_standard_library_does(text: str) -> None:
    """However it is quoted, what is sent is what ``quote_plus`` makes of it."""
    request = encode_command(DIALECTS["standard"], Command("add", {"link": text}), KEY)
    assert request.body.decode().endswith(f"&link={quote_plus(text, errors='replace')}")


@given(BODIES)
def test_bodies_of_clients_never_raise(body: bytes) -> None:
    """Any body of a client is fields of text, or unreadable."""
    for fields in (fields_from_form(body), fields_from_json(body)):
        assert isinstance(fields, dict | Unreadable)
        if isinstance(fields, dict):
            assert all(isinstance(text, str) for pair in fields.items() for text in pair)


@given(dialects, st.dictionaries(_WORDS | st.text(max_size=5), st.text(max_size=9)), st.text())
def test_requests_never_raise(dialect: Dialect, fields: dict[str, str], bearer: str) -> None:
    """Any fields are a request under standard names, with nothing blank in it."""
    command = decode_request(dialect, fields | {"action": "status"}, bearer).command
    assert all(value.strip() for value in command.params.values())
    assert decode_request(dialect, fields, bearer).command.action not in set(ACTIONS) - set(
        dialect.actions
    )


# -- there and back

_IDS = st.integers(1, 10**12).map(str) | st.from_regex(r"[a-f0-9]{23}f", fullmatch=True)
_ID_LISTS = st.lists(_IDS, min_size=2, max_size=5, unique=True).map(",".join)
_LINES = st.from_regex(r"[A-Za-z!?]{1,9}(\n[A-Za-z!? ]{1,9}x){0,4}", fullmatch=True)
_NUMBERS = st.integers(1, 10**9).map(str)
_ADDS = st.fixed_dictionaries(
    {"service": _IDS, "link": st.text(min_size=1, max_size=40).map(lambda text: f"https://{text}")},
    optional={"quantity": _NUMBERS, "answer_number": _NUMBERS, "username": _LINES},
).filter(lambda params: not re.search("[\x00\ud800-\udfff]", params["link"]))
_DRIPFEEDS = st.fixed_dictionaries({"quantity": _NUMBERS, "runs": _NUMBERS, "interval": _NUMBERS})
_SUBSCRIPTIONS = st.fixed_dictionaries(
    {"service": _IDS, "username": _LINES, "min": _NUMBERS, "max": _NUMBERS, "delay": _NUMBERS},
    optional={"posts": _NUMBERS, "old_posts": _NUMBERS, "expiry": st.just("31/12/2030")},
)


@st.composite
def commands(draw: st.DrawFn, dialect: Dialect) -> Command:
    """Any command that a panel of this dialect can be asked."""
    action = draw(st.sampled_from(sorted(dialect.actions)))
    if action in BY_ID:
        single, many = ("refill", "refills") if action == "refill_status" else ("order", "orders")
        if action == "cancel" and dialect.cancel_by == "orders":
            single = many
        marked = action == "status" and dialect.dripfeed is not None and dialect.dripfeed.status
        kind = draw(st.sampled_from([Kind.NORMAL, Kind.DRIPFEED])) if marked else Kind.NORMAL
        params = draw(_IDS.map(lambda i: {single: i}) | _ID_LISTS.map(lambda ids: {many: ids}))
        return Command(action, params, kind)
    if action != "add":
        return Command(action)
    in_runs = st.builds(lambda one, two: one | two, _ADDS, _DRIPFEEDS)
    params = draw(
        _ADDS
        | _SUBSCRIPTIONS
        | (in_runs if dialect.offers_dripfeed else st.nothing())
        | st.builds(lambda one, lines: {**one, "comments": lines, "quantity": "1"}, _ADDS, _LINES)
    )
    return Command(action, params)


@given(st.data())
def test_requests_there_and_back(data: st.DataObject) -> None:
    """A face reads what we would send such a panel as the command that it was."""
    dialect = data.draw(dialects)
    command = data.draw(commands(dialect))
    request = encode_command(dialect, command, KEY)
    read = fields_from_json if dialect.json else fields_from_form
    fields = read(request.body)
    assert isinstance(fields, dict)
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ") or None
    assert decode_request(dialect, fields, bearer) == Request(KEY, command, None)


_TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_AMOUNTS = st.decimals(0, 10**9, places=5)
_COUNTS = st.integers(0, 10**9)


@st.composite
def statuses(draw: st.DrawFn, dialect: Dialect, part: str, kinds: list[Kind]) -> OrderStatus:
    """Any status, as far as an answer of this part shows it."""
    kind = draw(st.sampled_from(kinds))
    parts = (part,) if kind is Kind.NORMAL else (part, str(kind))
    shown = {ours for ours, _ in dialect.shown(*parts)}
    values: dict[str, Any] = {
        "charge": draw(_AMOUNTS),
        "start_count": draw(_COUNTS.map(str)),
        "remains": draw(st.integers(-(10**9), 10**9)),
        "currency": draw(_TEXT),
    }
    if kind is Kind.DRIPFEED:
        values["runs"] = draw(_COUNTS)
    if kind is Kind.SUBSCRIPTION:
        values |= {"posts": draw(_COUNTS), "expiry": draw(_TEXT)}
    read = {name: value for name, value in values.items() if name in shown}
    if kind is not Kind.NORMAL:
        read["children"] = tuple(draw(st.lists(_IDS, max_size=3, unique=True)))
    word = draw(st.sampled_from(["Pending", "In progress", "Completed", "Partial", "Wartet"]))
    return OrderStatus(word, kind=kind, **read)


@st.composite
def answers(draw: st.DrawFn, dialect: Dialect, command: Command, ids: list[str]) -> dict[str, Any]:
    """Any answers about these IDs."""
    part = "statuses" if "orders" in command.params else "status"
    # The kind is not on the wire: it is the one asked after, or is told by what is shown.
    kinds = list(Kind) if command.kind is Kind.NORMAL else [command.kind]
    sound = {
        "status": statuses(dialect, part, kinds),
        "refill": _IDS,
        "refill_status": st.sampled_from(["Pending", "Completed", "Rejected"]),
        "cancel": st.none(),
    }[command.action]
    refused = st.just(REFUSALS[command.action])
    return {asked: draw(sound | refused.map(Refused)) for asked in ids}


@given(st.data())
def test_answers_there_and_back(data: st.DataObject) -> None:
    """We read what a face writes, in its own dialect, as the answer that it was."""
    dialect = data.draw(dialects)
    action = data.draw(st.sampled_from(sorted(set(BY_ID) & set(dialect.actions))))
    single, many = ("refill", "refills") if action == "refill_status" else ("order", "orders")
    ids = data.draw(st.lists(_IDS, min_size=1, max_size=4, unique=True))
    several = len(ids) > 1 or data.draw(st.booleans())
    command = Command(action, {many if several else single: ",".join(ids)})
    given_answers = data.draw(answers(dialect, command, ids))
    body = encode_answer(dialect, command, given_answers)
    read = BY_ID[action](dialect, command, WireReply(200, body))
    assert list(read) == ids
    for asked, answer in given_answers.items():
        if isinstance(answer, Refused):
            assert read[asked] == _as_read(dialect, answer)
        else:
            assert read[asked] == answer


def _as_read(dialect: Dialect, refusal: Refused) -> Refused:
    classes = {"Incorrect order ID": ErrorClass.ORDER, "Cancel not available": ErrorClass.CANCEL}
    text = dialect.error_texts.get(refusal.text, refusal.text)
    return Refused(text, classes.get(refusal.text, ErrorClass.REFILL))


@given(dialects, _IDS, st.sampled_from([Kind.NORMAL, Kind.DRIPFEED]))
def test_adds_there_and_back(dialect: Dialect, order: str, kind: Kind) -> None:
    """An order that a face names is Placed under the same ID, with its kind where that is told."""
    body = encode_answer(dialect, Command("add"), Added(order, kind))
    tells = "type" not in dialect.omit.get("add", ())
    assert decode_added(dialect, WireReply(200, body)) == Placed(order, kind if tells else None)


@given(dialects, _AMOUNTS, st.none() | _TEXT)
def test_balances_there_and_back(dialect: Dialect, balance: Decimal, currency: str | None) -> None:
    """A balance survives with every digit."""
    answer = Balance(balance, currency)
    body = encode_answer(dialect, Command("balance"), answer)
    assert decode_balance(dialect, WireReply(200, body)) == answer


_FLAGS = st.none() | st.booleans()
_ROWS = st.builds(
    ServiceRow,
    service=_IDS,
    name=_TEXT,
    type=_TEXT,
    category=_TEXT,
    rate=_AMOUNTS.map(str),
    min=st.none() | _COUNTS,
    max=st.none() | _COUNTS,
    refill=_FLAGS,
    cancel=_FLAGS,
    dripfeed=_FLAGS,
    description=st.none() | _TEXT,
)


@given(dialects, st.lists(_ROWS, max_size=4, unique_by=lambda row: row.service))
def test_catalogues_there_and_back(dialect: Dialect, rows: list[ServiceRow]) -> None:
    """A catalogue survives, but for the columns that the dialect does not show."""
    body = encode_answer(dialect, Command("services"), rows)
    read = decode_services(dialect, WireReply(200, body))
    assert isinstance(read, list)
    shown = [ours for ours, _ in dialect.shown("services")]
    assert [[getattr(row, name) for name in shown] for row in read] == [
        [getattr(row, name) for name in shown] for row in rows
    ]


def test_every_builtin_dialect_is_tried() -> None:
    """The properties above are tried in every dialect that comes with the program."""
    assert [dialect.name for dialect in EVERY[:-1]] == list(BUILTIN)
