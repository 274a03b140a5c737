"""Order types: what each requires, what it bills, and what is refused."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import pricing
from aggregator.core.errors import ClientError
from aggregator.core.model import Kind, Purchase
from aggregator.core.order_types import DRIPFEED, LINK_MAX, TYPES, check
from tests.core.make import service

LINK = "https://x.example/p"
LIST = {"link": LINK, "quantity": "60"}
FEED = {**LIST, "runs": "5", "interval": "30"}
POSTS = {"username": "u", "min": "50", "max": "80", "posts": "3", "delay": "0"}
THREE = "a\r\nb\n\n  \rc"

# type, its parameters, quantity per run, billable units
SOLD: list[tuple[str, dict[str, str], int, int]] = [
    ("Default", LIST, 60, 60),
    ("Package", {"link": LINK}, 1, 1),
    ("SEO", {**LIST, "keywords": "k"}, 60, 60),
    ("Custom Comments", {"link": LINK, "comments": THREE}, 3, 3),
    ("Custom Comments Package", {"link": LINK, "comments": THREE}, 1, 1),
    ("Mentions", {**LIST, "usernames": "a,b"}, 60, 60),
    ("Mentions with Hashtags", {**LIST, "usernames": "a", "hashtags": "h"}, 60, 60),
    ("Mentions Custom List", {"link": LINK, "usernames": "a, b,,\nc"}, 3, 3),
    ("Mentions Hashtag", {**LIST, "hashtag": "h"}, 60, 60),
    ("Mentions User Followers", {**LIST, "username": "u"}, 60, 60),
    ("Mentions Media Likers", {**LIST, "media": "m"}, 60, 60),
    ("Comment Likes", {**LIST, "username": "u"}, 60, 60),
    ("Comment Replies", {"link": LINK, "username": "u", "comments": THREE}, 3, 3),
    ("Poll", {**LIST, "answer_number": "2"}, 60, 60),
    ("Invites from Groups", {**LIST, "groups": "g"}, 60, 60),
    ("Subscriptions", POSTS, 80, 240),
    ("Web Traffic", {**LIST, "country": "US", "device": "1", "type_of_traffic": "3"}, 60, 60),
]


def sold(type_: str, params: Mapping[str, str], **changes: object) -> Purchase:
    usual = {"type": type_, "dripfeed": True, "min": 50 if type_ == "Default" else 1}
    return check(service(**(usual | changes)), params)


def refused(type_: str, params: Mapping[str, str], **changes: object) -> str:
    with pytest.raises(ClientError) as refusal:
        sold(type_, params, **changes)
    return str(refusal.value)


def test_every_type_is_tested() -> None:
    """The table above knows every type that is sold."""
    assert {type_ for type_, *_ in SOLD} == set(TYPES)


@pytest.mark.parametrize(("type_", "params", "quantity", "units"), SOLD)
def test_units(type_: str, params: dict[str, str], quantity: int, units: int) -> None:
    """A type bills its quantity, its lines, its posts, or one order; strangers are ignored."""
    purchase = sold(type_, params | {"nonsense": "1"})
    assert (purchase.quantity, purchase.units) == (quantity, units)
    assert set(purchase.params) == set(params)


@pytest.mark.parametrize(
    ("type_", "name"), [(type_, name) for type_, one in TYPES.items() for name in one.required]
)
@pytest.mark.parametrize("blank", [None, "", " \t\n"])
def test_required(type_: str, name: str, blank: str | None) -> None:
    """A required parameter that is absent or blank is asked for by name."""
    params = {**next(params for one, params, *_ in SOLD if one == type_)}
    del params[name]
    if blank is not None:
        params[name] = blank
    assert refused(type_, params) == f"{name.replace('_', ' ').capitalize()} is required"


@pytest.mark.parametrize(
    ("traffic", "wanted"),
    [("1", "google_keyword"), (" 2 ", "referring_url"), ("3", None), ("x", None)],
)
def test_traffic(traffic: str, wanted: str | None) -> None:
    """Traffic from a search wants its keyword, traffic from a page wants its address."""
    params = {**LIST, "country": "US", "device": "1", "type_of_traffic": traffic}
    if wanted is not None:
        named = wanted.replace("_", " ").capitalize()
        assert refused("Web Traffic", params) == f"{named} is required"
        params[wanted] = "w"
    assert sold("Web Traffic", params).params == params


@pytest.mark.parametrize(
    "quantity", ["49", "10001", "0", "-60", "60.0", "6e1", "+60", "٦٠", "x", "9" * 19]
)
def test_quantity_outside(quantity: str) -> None:
    """What is no whole number between the service's limits names the limits."""
    wanted = "Quantity must be between 50 and 10000"
    assert refused("Default", {**LIST, "quantity": quantity}) == wanted


@pytest.mark.parametrize("quantity", ["50", " 50 ", "0050", "10000"])
def test_quantity_inside(quantity: str) -> None:
    """Limits belong to what may be bought, and the number is sent as we read it."""
    purchase = sold("Default", {**LIST, "quantity": quantity})
    assert purchase.params["quantity"] == str(purchase.units)


def test_quantity_of_nothing() -> None:
    """Nothing is not for sale, even if the service's minimum were 0."""
    assert "between 0" in refused("Default", {**LIST, "quantity": "0"}, min=0)


@pytest.mark.parametrize("type_", ["Custom Comments", "Comment Replies"])
def test_comments(type_: str) -> None:
    """Blank lines are dropped, a quantity beside is ignored; what is sent is counted."""
    params = {"link": LINK, "username": "u", "comments": THREE, "quantity": "999"}
    purchase = sold(type_, params)
    assert purchase.params["comments"] == "a\nb\nc"
    assert "quantity" not in purchase.params
    assert refused(type_, params, min=4) == "Quantity must be between 4 and 10000"
    assert refused(type_, params, max=2) == "Quantity must be between 1 and 2"
    assert refused(type_, params | {"comments": "\x00"}) == "Comments is required"


def test_names() -> None:
    """A list of names may come with commas, and goes out with one name a line."""
    assert sold("Mentions Custom List", {"link": LINK, "usernames": ",a, b\r\nc,"}).params == {
        "link": LINK,
        "usernames": "a\nb\nc",
    }
    assert refused("Mentions Custom List", {"link": LINK, "usernames": ", ,"}) == (
        "Usernames is required"
    )


@pytest.mark.parametrize(
    "link", ["x" * (LINK_MAX + 1), "a\nb", "a\x00", "a\x7f", "a\x85", "a\u2028", "a\ud800"]
)
def test_bad_link(link: str) -> None:
    """A link that is too long or holds control characters cannot be one."""
    assert refused("Default", {**LIST, "link": link}) == "Incorrect link"


@pytest.mark.parametrize("link", ["x" * LINK_MAX, " @name ", "каналы/1", "javascript:"])
def test_link(link: str) -> None:
    """Nothing else is asked of a link."""
    assert sold("Default", {**LIST, "link": link}).link == link.strip()


def test_half_a_character() -> None:
    """What no database could store is dropped from free text."""
    params = {"link": LINK, "comments": "a\ud800b\nc\x00"}
    assert sold("Custom Comments", params).params["comments"] == "ab\nc"


def test_dripfeed() -> None:
    """Quantity is per run, and all runs are billed."""
    purchase = sold("Default", FEED)
    assert (purchase.kind, purchase.quantity, purchase.units) == (Kind.DRIPFEED, 60, 300)
    assert (purchase.runs, purchase.interval) == (5, 30)
    assert purchase.params == FEED


@pytest.mark.parametrize("zero", ["", " ", "0", "00", " 0 ", "\t0"])
def test_no_dripfeed(zero: str) -> None:
    """Blank or zero runs and interval count as absent."""
    purchase = sold("Default", {**LIST, "runs": zero, "interval": zero}, dripfeed=False)
    assert purchase.kind is Kind.NORMAL
    assert purchase.params == LIST


@pytest.mark.parametrize(("given_", "missing"), [DRIPFEED, DRIPFEED[::-1]])
@pytest.mark.parametrize("zero", [None, "", "0", "x", "-1", "1.5"])
def test_half_a_dripfeed(given_: str, missing: str, zero: str | None) -> None:
    """One of runs and interval without the other, or without sense, is asked for."""
    params = {**LIST, given_: "5"} | ({} if zero is None else {missing: zero})
    assert refused("Default", params) == f"{missing.capitalize()} is required"


def test_dripfeed_types() -> None:
    """Two types may be delivered in runs, two are priced per order."""
    assert {type_ for type_, one in TYPES.items() if one.dripfeed} == {"Default", "Web Traffic"}
    per_order = {type_ for type_, one in TYPES.items() if one.per_order}
    assert per_order == {"Package", "Custom Comments Package"}


def test_dripfeed_limits() -> None:
    """A run has at least the minimum, all runs together at most the maximum."""
    limits = "Quantity must be between 50 and 300"
    assert sold("Default", FEED, max=300).units == 300
    assert refused("Default", {**FEED, "runs": "6"}, max=300) == limits
    assert refused("Default", {**FEED, "quantity": "49"}, max=300) == limits


def test_dripfeed_not_offered() -> None:
    """A service without drip-feed says so; a type that knows none ignores the parameters."""
    assert refused("Default", FEED, dripfeed=False) == "Drip-feed not available"
    likes = sold("Comment Likes", {**FEED, "username": "u"})
    assert (likes.kind, likes.units) == (Kind.NORMAL, 60)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"min": "49"}, "Quantity must be between 50 and 100"),
        ({"min": "81"}, "Quantity must be between 50 and 100"),
        ({"max": "101"}, "Quantity must be between 50 and 100"),
        ({"max": "x"}, "Quantity must be between 50 and 100"),
        ({"posts": "0"}, "Posts is required"),
        ({"posts": "-1"}, "Posts is required"),
        ({"old_posts": "x"}, "Old posts is required"),
        ({"delay": "soon"}, "Delay is required"),
        ({"posts": "1001"}, "Posts is required"),
        ({"posts": "999", "old_posts": "2"}, "Posts is required"),
    ],
)
def test_subscription_refused(changes: dict[str, str], error: str) -> None:
    """A subscription keeps within the limits, and has posts that can be counted and paid."""
    assert refused("Subscriptions", POSTS | changes, min=50, max=100) == error


def test_subscription() -> None:
    """A subscription is held for every post, old ones too, at its maximum."""
    params = POSTS | {"old_posts": "2", "expiry": "31/12/2030"}
    purchase = sold("Subscriptions", params)
    assert (purchase.kind, purchase.quantity) == (Kind.SUBSCRIPTION, 80)
    assert (purchase.runs, purchase.units) == (5, 400)
    assert purchase.params == params


@pytest.mark.parametrize("rate", [0, 900_000])
def test_more_than_anybody_has(rate: int) -> None:
    """A charge, or a count, that no balance can hold is refused instead of overflowing."""
    params = POSTS | {"max": "9" * 17, "posts": "1000"}
    told = refused("Subscriptions", params, rate_micros=rate, max=10**17)
    assert told == "Insufficient balance"


ENDS = ["\r\n", "\r", "\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_line_counts(end: str) -> None:
    """Lines and names are billed as many as any panel could count, and sent with plain ends."""
    text = f"a{end}{end}b c{end}"
    for type_, name in (("Custom Comments", "comments"), ("Mentions Custom List", "usernames")):
        purchase = sold(type_, {"link": LINK, name: text}, min=1)
        assert (purchase.units, purchase.params[name]) == (2, "a\nb c")


def test_runs_that_can_be_counted() -> None:
    """Every run becomes an order, so there are at most a thousand of them."""
    feed = {**FEED, "quantity": "50"}
    assert sold("Default", {**feed, "runs": "1000"}, dripfeed=True, max=10**6).runs == 1000
    assert refused("Default", {**feed, "runs": "1001"}, max=10**6) == "Runs is required"
    assert "between" in refused("Default", {**feed, "runs": "1001"}, max=50_000)


wild = st.one_of(
    st.text(), st.sampled_from(["0", "1", "50", "60", "99", THREE, "9" * 18]), st.just(LINK)
)
names = sorted({name for one in TYPES.values() for name in (*one.required, *one.optional)})


@given(
    st.sampled_from(sorted(TYPES)),
    st.dictionaries(st.sampled_from(names), wild),
    st.integers(0, 60),
    st.integers(60, 10**9),
    st.booleans(),
)
def test_any_parameters(
    type_: str, params: dict[str, str], low: int, high: int, dripfeed: bool
) -> None:
    """Whatever is asked for: a client error, or a purchase of something within the limits."""
    try:
        purchase = sold(type_, params, min=low, max=high, dripfeed=dripfeed)
    except ClientError:
        return
    assert 1 <= purchase.units <= pricing.MAX_MICROS
    assert purchase.units == purchase.quantity * (purchase.runs or 1)
    assert TYPES[type_].per_order or max(low, 1) <= purchase.quantity <= high
    assert purchase.kind is Kind.SUBSCRIPTION or TYPES[type_].per_order or purchase.units <= high
    assert all(text.strip() and text.encode() for text in purchase.params.values())


@given(st.sampled_from([row for row in SOLD if row[0] != "Package"]), st.data())
def test_one_wild_parameter(row: tuple[str, dict[str, str], int, int], data: st.DataObject) -> None:
    """One wild parameter among sound ones leads to a client error or a sound purchase."""
    type_, params, *_ = row
    name = data.draw(st.sampled_from(sorted({*params, *TYPES[type_].optional})))
    try:
        purchase = sold(type_, {**params, name: data.draw(wild)})
    except ClientError:
        return
    assert purchase.units >= 1
