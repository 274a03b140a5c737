"""A dialect as data: what ``build_all`` makes of a dialect's file.

Both roles of the codec read the same ``Dialect``. Every mapping in it is
resolved: what the file left out has been taken from the dialect it extends, and
``docs/dialects.md`` explains each key. All names are of the form *ours: theirs*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from aggregator.core.errors import ErrorClass, is_required
from aggregator.core.messages import ACTIONS

BUILTIN = (
    "standard",
    "smmxcel",
    "smmowner",
    "socialmediapanels",
    "smmgulf",
    "cheapsmmpanel",
)

# Everything a request can carry besides the key and the action (protocol.md section 1).
PARAMS = (
    "service",
    "link",
    "quantity",
    "runs",
    "interval",
    "comments",
    "usernames",
    "username",
    "hashtags",
    "hashtag",
    "keywords",
    "media",
    "answer_number",
    "groups",
    "min",
    "max",
    "posts",
    "old_posts",
    "delay",
    "expiry",
    "country",
    "device",
    "type_of_traffic",
    "google_keyword",
    "referring_url",
    "order",
    "orders",
    "refill",
    "refills",
)

# The fields of each action's answer, in the order in which they are written.
FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "services": (
            "service",
            "name",
            "type",
            "category",
            "rate",
            "min",
            "max",
            "refill",
            "cancel",
            "dripfeed",
            "description",
        ),
        "add": ("order", "type"),
        "status": (
            "charge",
            "start_count",
            "status",
            "remains",
            "currency",
            "runs",
            "posts",
            "expiry",
            "orders",
        ),
        "refill": ("order", "refill"),
        "refill_status": ("refill", "status"),
        "cancel": ("order", "cancel"),
        "balance": ("balance", "currency"),
    }
)

# The parts of our answers that a panel may leave out, and whose fields they are.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "services": "services",
        "add": "add",
        "status": "status",  # the answer to one order
        "statuses": "status",  # each row of the answer to several
        "dripfeed": "status",  # either of them, where the order is a drip-feed
        "subscription": "status",
        "balance": "balance",
    }
)

BATCHES = ("status", "refill", "refill_status", "cancel")

# How the IDs of each action are asked for: one of them, several of them.
ID_PARAMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "status": ("order", "orders"),
        "refill": ("order", "orders"),
        "refill_status": ("refill", "refills"),
        "cancel": ("order", "orders"),
    }
)

BLANKS = ("description", "expiry")
INTEGERS = ("min", "max", "refill", "start_count", "remains", "runs", "posts")


@dataclass(frozen=True)
class Dripfeed:
    """How a panel is asked for a drip-feed, and asked after one.

    ``interval`` is their name for it. Where it is also the name of another
    parameter (``delay``), it means the interval when ``runs`` is there too.
    ``status`` are parameters to add to the question after a drip-feed's status.
    """

    interval: str = "interval"
    status: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """How a family of panels speaks. The defaults are the standard."""

    name: str = "standard"
    param: str | None = "key"  # the parameter that carries the key
    bearer: bool = False  # the header carries it
    json: bool = False  # what we send: JSON rather than a form
    actions: Mapping[str, str] = field(default_factory=lambda: {name: name for name in ACTIONS})
    params: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by action
    omit: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"add": frozenset({"type"})})
    integers: frozenset[str] = frozenset()
    blank: frozenset[str] = frozenset()  # shown though nothing is known of it
    batch: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(BATCHES, 100))
    dripfeed: Dripfeed | None = field(default_factory=Dripfeed)
    cancel_by: str = "orders"
    quantity_beside: tuple[str, ...] = ()
    errors: Mapping[str, ErrorClass] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)  # keys are squashed
    error_texts: Mapping[str, str] = field(default_factory=dict)
    row_errors_as_list: bool = False

    def offers(self, action: str) -> bool:
        """Whether the panel has it; an action nobody knows is not offered."""
        return action in self.actions

    def batch_size(self, action: str) -> int:
        """How many IDs one call may carry; 0: one by one."""
        return self.batch.get(action, 0)

    @property
    def offers_dripfeed(self) -> bool:
        return self.dripfeed is not None

    @property
    def promises(self) -> frozenset[str]:
        """Which of ``refill``, ``cancel`` and ``dripfeed`` a service there can have."""
        able = {action for action in ("refill", "cancel") if self.offers(action)}
        return frozenset(able | ({"dripfeed"} if self.offers_dripfeed else set()))

    def their_field(self, action: str, ours: str) -> str:
        """The panel's name for a field of an action's answer."""
        return self.fields.get(action, {}).get(ours, ours)

    def told(self, action: str, row: Mapping[str, object]) -> dict[str, object]:
        """What a row of an action's answer says, under our names; None where it is silent."""
        return {ours: row.get(theirs) for ours, theirs in self._named[action]}

    @cached_property
    def _named(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        return {
            action: tuple((name, self.their_field(action, name)) for name in names)
            for action, names in FIELDS.items()
        }

    def shown(self, *parts: str) -> tuple[tuple[str, str], ...]:
        """(ours, theirs) of each field that an answer of these parts shows, in order.

        The parts are of one action: ``shown("statuses", "dripfeed")``.
        """
        if parts not in self._shown:
            action = PARTS[parts[0]]
            hidden = frozenset[str]().union(*(self.omit.get(part, ()) for part in parts))
            self._shown[parts] = tuple(
                (ours, theirs) for ours, theirs in self._named[action] if ours not in hidden
            )
        return self._shown[parts]

    @cached_property
    def _shown(self) -> dict[tuple[str, ...], tuple[tuple[str, str], ...]]:
        return {}

    @cached_property
    def their_texts(self) -> Mapping[str, str]:
        """Our error text -> theirs. What is required goes by the name it has there."""
        named = self.their_params.items()
        required = {is_required(ours): is_required(theirs) for ours, theirs in named}
        return {**required, **self.error_texts}

    @cached_property
    def our_params(self) -> Mapping[str, str]:
        """theirs -> ours, of every parameter; the drip-feed interval is apart."""
        return {self.params.get(ours, ours): ours for ours in PARAMS if ours != "interval"}

    @cached_property
    def their_params(self) -> Mapping[str, str]:
        """ours -> theirs, of those that have another name there."""
        interval = {} if self.dripfeed is None else {"interval": self.dripfeed.interval}
        return {**self.params, **interval}

    @cached_property
    def standard_params(self) -> tuple[str, ...]:
        """The standard names that mean nothing else here: clients send them anyway."""
        return tuple(name for name in PARAMS if name not in self.our_params)

    @cached_property
    def our_actions(self) -> Mapping[str, str]:
        """theirs -> ours; our own name too, where it is not another one of theirs."""
        mine = {ours: ours for ours in self.actions}
        return mine | {theirs: ours for ours, theirs in self.actions.items()}
