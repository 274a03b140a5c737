"""Every order type of API v2: what it requires, and how many units it bills.

Source: protocol.md section 1. A type is one row of ``TYPES``; ``check`` turns a
reseller's parameters into a ``Purchase`` or raises the ``ClientError`` he gets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aggregator.core import errors, pricing
from aggregator.core.errors import ClientError
from aggregator.core.model import Kind, Purchase, Service

LINK_MAX = 2048
LARGEST_QUANTITY = 10**12
DIGITS_MAX = 18
PIECES_MAX = 1000  # runs or posts of an order: each becomes an order of its own
DRIPFEED = ("runs", "interval")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # no database takes them, no panel wants them
# Whatever a panel could take for the end of a line: what it counts is what we bill.
_LINES = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_NAMES = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029,]+")


class Billing(StrEnum):
    """Where the quantity comes from."""

    QUANTITY = "quantity"
    COMMENTS = "comments"
    USERNAMES = "usernames"
    ONE = "one"
    POSTS = "posts"


@dataclass(frozen=True, slots=True)
class OrderType:
    """``required`` and ``optional`` are sent on; ``link`` and ``quantity`` included."""

    required: tuple[str, ...]
    billing: Billing
    optional: tuple[str, ...] = ()

    @property
    def per_order(self) -> bool:
        """Whether its rate is the price of one order, not of 1000 units."""
        return self.billing is Billing.ONE

    @property
    def dripfeed(self) -> bool:
        """Whether an order of it may be delivered in runs."""
        return "runs" in self.optional


def _by_quantity(*required: str, optional: tuple[str, ...] = ()) -> OrderType:
    return OrderType(("link", "quantity", *required), Billing.QUANTITY, optional)


TYPES: Mapping[str, OrderType] = {
    "Default": _by_quantity(optional=DRIPFEED),
    "Package": OrderType(("link",), Billing.ONE),
    "SEO": _by_quantity("keywords"),
    "Custom Comments": OrderType(("link", "comments"), Billing.COMMENTS),
    "Custom Comments Package": OrderType(("link", "comments"), Billing.ONE),
    "Mentions": _by_quantity("usernames"),
    "Mentions with Hashtags": _by_quantity("usernames", "hashtags"),
    "Mentions Custom List": OrderType(("link", "usernames"), Billing.USERNAMES),
    "Mentions Hashtag": _by_quantity("hashtag"),
    "Mentions User Followers": _by_quantity("username"),
    "Mentions Media Likers": _by_quantity("media"),
    "Comment Likes": _by_quantity("username"),
    "Comment Replies": OrderType(("link", "username", "comments"), Billing.COMMENTS),
    "Poll": _by_quantity("answer_number"),
    "Invites from Groups": _by_quantity("groups"),
    "Subscriptions": OrderType(
        ("username", "min", "max", "posts", "delay"), Billing.POSTS, ("old_posts", "expiry")
    ),
    "Web Traffic": _by_quantity(
        "country",
        "device",
        "type_of_traffic",
        optional=(*DRIPFEED, "google_keyword", "referring_url"),
    ),
}

# Web Traffic wants one more parameter for two of its kinds of traffic.
_TRAFFIC_WANTS = {"1": "google_keyword", "2": "referring_url"}


def check(service: Service, params: Mapping[str, str]) -> Purchase:
    """The purchase that ``params`` (standard names, no blanks) ask for.

    Raises ClientError with the text of our API: a missing parameter, a quantity
    outside the service's limits, a link that cannot be one, a charge that no
    balance can hold. ``service`` is priced (``routing.priced``).
    """
    order_type = TYPES[service.type]
    purchase = _purchase(service, order_type.billing, _sound(order_type, params))
    units = purchase.units
    charge = pricing.charge(service.rate_micros, units, per_order=order_type.per_order)
    if charge > pricing.MAX_MICROS or units > pricing.MAX_MICROS:
        raise ClientError(errors.INSUFFICIENT_BALANCE)
    return purchase


def _purchase(service: Service, billing: Billing, sent: dict[str, str]) -> Purchase:
    if billing is Billing.POSTS:
        return _subscription(service, sent)
    if billing is Billing.ONE:
        return Purchase(Kind.NORMAL, 1, 1, sent)
    if billing is Billing.QUANTITY:
        return _quantity(service, sent)
    quantity = _within(sent[billing].count("\n") + 1, service.min, service.max, service)
    return Purchase(Kind.NORMAL, quantity, quantity, sent)


def _sound(order_type: OrderType, params: Mapping[str, str]) -> dict[str, str]:
    """The type's own parameters, checked for presence and put in order."""
    sent: dict[str, str] = {}
    for name in (*order_type.required, *order_type.optional):
        text = params.get(name)
        if text is None:
            continue
        if name != "link" and not text.isprintable():
            text = _UNSTORABLE.sub("", text)
        said = text.strip()
        if said and (name not in DRIPFEED or said.strip("0")):
            sent[name] = text
    if "comments" in sent:
        sent["comments"] = _joined(_LINES, sent["comments"])
    if order_type.billing is Billing.USERNAMES and "usernames" in sent:
        sent["usernames"] = _joined(_NAMES, sent["usernames"])
    wanted = _TRAFFIC_WANTS.get(sent.get("type_of_traffic", "").strip())
    for name in (*order_type.required, *((wanted,) if wanted else ())):
        if not sent.get(name):
            raise ClientError(errors.is_required(name))
    if "link" in sent:
        sent["link"] = _link(sent["link"])
    return sent


def _joined(separator: re.Pattern[str], text: str) -> str:
    """One item a line, blank ones dropped: what we count is what is sent."""
    return "\n".join(item for line in separator.split(text) if (item := line.strip()))


def _link(text: str) -> str:
    link = text.strip(" ")
    if len(link) > LINK_MAX or not (link.isprintable() or _CONTROL.search(link) is None):
        raise ClientError(errors.INCORRECT_LINK)
    return link


def _whole(text: str) -> int | None:
    digits = text.strip(" ")
    sound = len(digits) <= DIGITS_MAX and digits.isascii() and digits.isdecimal()
    return int(digits) if sound else None


def _within(quantity: int | None, low: int, high: int, service: Service) -> int:
    if quantity is None or quantity < 1 or not low <= quantity <= high:
        raise ClientError(errors.quantity_between(service.min, service.max))
    return quantity


def _quantity(service: Service, sent: dict[str, str]) -> Purchase:
    quantity = _within(_whole(sent["quantity"]), service.min, service.max, service)
    sent["quantity"] = str(quantity)
    if "runs" not in sent and "interval" not in sent:
        return Purchase(Kind.NORMAL, quantity, quantity, sent)
    if not service.dripfeed:
        raise ClientError(errors.DRIPFEED_NOT_AVAILABLE)
    runs, interval = (_required_whole(sent, name) for name in DRIPFEED)
    units = _within(quantity * runs, service.min, service.max, service)
    _countable("runs", runs)
    return Purchase(Kind.DRIPFEED, quantity, units, sent, runs, interval)


def _required_whole(sent: dict[str, str], name: str, least: int = 1) -> int:
    number = _whole(sent.get(name, ""))
    if number is None or number < least:
        raise ClientError(errors.is_required(name))
    sent[name] = str(number)
    return number


def _countable(name: str, pieces: int) -> None:
    if pieces > PIECES_MAX:
        raise ClientError(errors.is_required(name))


def _subscription(service: Service, sent: dict[str, str]) -> Purchase:
    """Held for the most it can cost: every post, old ones too, at ``max`` each.

    ``posts`` of 0 means "unlimited" to some panels and "old ones only" to others,
    so it is not taken.
    """
    low = _within(_whole(sent["min"]), service.min, service.max, service)
    high = _within(_whole(sent["max"]), low, service.max, service)
    posts = _required_whole(sent, "posts")
    if "old_posts" in sent:
        posts += _required_whole(sent, "old_posts", least=0)
    _countable("posts", posts)
    _required_whole(sent, "delay", least=0)
    sent |= {"min": str(low), "max": str(high)}
    return Purchase(Kind.SUBSCRIPTION, high, high * posts, sent, runs=posts)
