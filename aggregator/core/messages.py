"""What is asked and what is answered, free of any dialect and any transport.

The codec in ``dialects`` turns wire bytes into these and back, in both roles:
as a provider's client it sends a ``Command`` and reads an answer; as a face of
ours it reads a ``Command`` and writes an answer. Parameter names inside a
``Command`` are always the standard ones (``service``, ``link``, ``orders``...).
"""

from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal

from aggregator.core.errors import ErrorClass
from aggregator.core.model import Kind
from aggregator.core.nouns import noun

ACTIONS = ("services", "add", "status", "refill", "refill_status", "cancel", "balance")


@noun(frozen=True, slots=True)
class Command:
    """One request. ``action`` is one of ACTIONS, or the unknown text as it came.

    ``params`` holds text values under standard names, blank ones left out, and
    neither key nor action. ``kind`` matters upstream only: some panels want to
    be told that the order asked after is a drip-feed.
    """

    action: str
    params: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = Kind.NORMAL


@noun(frozen=True, slots=True)
class Refused:
    """A clear error in place of an answer: of a whole call, or of one ID in it.

    ``text`` is for events and logs of the operator; it never reaches a reseller
    when it came from a provider.
    """

    text: str
    error_class: ErrorClass = ErrorClass.UNKNOWN


@noun(frozen=True, slots=True)
class Unreadable:
    """No definite answer: lost, cut, HTML, not JSON, or an ID left out.

    ``cause`` is one short machine-made phrase, safe to log.
    """

    cause: str


@noun(frozen=True, slots=True)
class OrderStatus:
    """What a panel says of one order. None: it did not say, or not readably.

    ``word`` is the text as spelled; ``charge`` is in ``currency`` of the panel;
    ``remains`` is a whole number, unclamped; ``children`` are order IDs. ``texts`` is
    no part of the value: the codec remembers there how it wrote it, for what is shown
    over and over.
    """

    word: str
    charge: Decimal | None = None
    start_count: str | None = None
    remains: int | None = None
    currency: str | None = None
    runs: int | None = None
    posts: int | None = None
    expiry: str | None = None
    children: tuple[str, ...] | None = None
    kind: Kind = Kind.NORMAL
    texts: dict[str, tuple[object, str]] = field(default_factory=dict, compare=False, repr=False)


@noun(frozen=True, slots=True)
class Added:
    """Our answer to ``add``: the order's ID, and how it is delivered."""

    order: str
    kind: Kind = Kind.NORMAL


@noun(frozen=True, slots=True)
class Balance:
    balance: Decimal
    currency: str | None


@noun(frozen=True, slots=True)
class ServiceRow:
    """One item of a list of services, as it stands on the wire.

    ``rate`` is text as written; ``min`` and ``max`` are None where unreadable.
    """

    service: str
    name: str
    type: str
    category: str
    rate: str
    min: int | None
    max: int | None
    refill: bool | None = None
    cancel: bool | None = None
    dripfeed: bool | None = None
    description: str | None = None


class ServiceList(list[ServiceRow]):
    """Our answer to ``services``: the same object for as long as the list stays the same.

    So that whoever sends it may keep in ``spelled`` how it goes out: by a dialect's name,
    that dialect and the bytes.
    """

    __slots__ = ("spelled",)

    def __init__(self, rows: Iterable[ServiceRow]) -> None:
        super().__init__(rows)
        self.spelled: dict[str, tuple[object, bytes]] = {}


class StatusPage(dict[str, "OrderStatus | Refused | Unreadable"]):
    """``StatusAnswers`` that are given again and again as they are. ``written`` is the
    codec's: for whom it wrote them last, and how."""

    __slots__ = ("written",)

    def __init__(self, answers: Mapping[str, "OrderStatus | Refused | Unreadable"]) -> None:
        super().__init__(answers)
        self.written: tuple[object, bool, bytes] | None = None


# Per ID asked. A status row, a new refill's ID, a refill's word, or None for
# "cancel asked for"; else why not.
StatusAnswers = Mapping[str, OrderStatus | Refused | Unreadable]
RefillAnswers = Mapping[str, str | Refused | Unreadable]
CancelAnswers = Mapping[str, Refused | Unreadable | None]
