"""What the demo buys: one line each, through five panels, and how each should end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ENDS = frozenset({"Completed", "Partial", "Canceled"})
LINK = "https://social.example/p/"


@dataclass(slots=True)
class Errand:
    """A purchase: what the configuration sells, what is asked for, what came of it.

    ``theirs`` is the sandbox's service; ``ends``: the statuses it may come to.
    """

    service: int
    panel: str
    name: str
    theirs: int
    rate: str
    params: Mapping[str, str]
    ends: tuple[str, ...] = ("Completed",)
    type: str = "Default"
    abilities: frozenset[str] = frozenset()
    cancel: bool = False  # ask for it as soon as it is placed
    refill: bool = False  # ask for one once it is completed
    order: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)  # orders made of it: their statuses
    refilled: str = ""

    @property
    def status(self) -> str:
        return str(self.answer.get("status", ""))

    @property
    def ended(self) -> bool:
        return self.status in _ENDS

    @property
    def done(self) -> bool:
        """Nothing is left to wait for. What an order made of it still costs may change."""
        refilled = not self.refill or self.refilled in ("Completed", "Rejected")
        return self.ended and refilled and all(status in _ENDS for status in self.made.values())

    def configured(self) -> dict[str, object]:
        """Its service in our configuration."""
        limits = (1, 1) if self.type == "Package" else (2, 10_000)
        return {
            "name": self.name,
            "category": "Demo",
            "type": self.type,
            "rate": self.rate,
            "min": limits[0],
            "max": limits[1],
            **dict.fromkeys(sorted(self.abilities), True),
            "routes": [{"provider": self.panel, "service": self.theirs}],
        }


def errands() -> list[Errand]:
    """A fresh list, nothing bought yet."""
    return [
        Errand(
            1, "smmgulf", "Followers, refilled later", 1, "1.20",
            {"link": f"{LINK}1", "quantity": "1000"},
            abilities=frozenset({"refill"}), refill=True,
        ),
        Errand(
            2, "smmowner", "Followers, drip-fed", 1, "1.20",
            {"link": f"{LINK}2", "quantity": "100", "runs": "3", "interval": "10"},
            abilities=frozenset({"dripfeed"}),
        ),
        Errand(
            3, "smmxcel", "Custom comments", 5, "10",
            {"link": f"{LINK}3", "comments": "Lovely!\nWhere is this?\nMore, please"},
            type="Custom Comments",
        ),
        Errand(
            4, "socialmediapanels", "Starter package", 3, "2",
            {"link": f"{LINK}4"}, type="Package",
        ),
        Errand(
            5, "cheapsmmpanel", "Followers, half delivered", 20, "1.20",
            {"link": f"{LINK}5", "quantity": "500"}, ends=("Partial",),
        ),
        Errand(
            6, "smmgulf", "Followers, thought better of", 1, "1.20",
            {"link": f"{LINK}sandbox-stuck", "quantity": "2000"},
            # Canceled in time, or with a part delivered already: both are fair.
            ends=("Canceled", "Partial"), abilities=frozenset({"cancel"}), cancel=True,
        ),
        Errand(
            7, "smmxcel", "Likes on the next two posts", 17, "0.08",
            {"username": "demo", "min": "50", "max": "100", "posts": "2", "delay": "0"},
            type="Subscriptions",
        ),
        Errand(
            8, "socialmediapanels", "Votes in a poll", 15, "0.70",
            {"link": f"{LINK}8", "quantity": "300", "answer_number": "2"}, type="Poll",
        ),
    ]  # fmt: skip
