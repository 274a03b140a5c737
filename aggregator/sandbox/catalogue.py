"""What a pretend panel sells: one service of every order type, and some extras."""

from dataclasses import dataclass
from enum import StrEnum

from aggregator.core.messages import ServiceRow
from aggregator.core.model import Service
from aggregator.core.pricing import parse_micros


class Ending(StrEnum):
    """How an order ends. A link (or username) that contains ``sandbox-`` and one of
    these words ("https://x.example/sandbox-partial") chooses for its own order."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    FAILED = "failed"
    STUCK = "stuck"  # stays in progress for ever

    @property
    def marker(self) -> str:
        return f"sandbox-{self.value}"


@dataclass(frozen=True, slots=True)
class Item:
    """A service on sale and the way its orders end unless their link says otherwise."""

    service: Service
    ending: Ending = Ending.COMPLETED

    @property
    def row(self) -> ServiceRow:
        service = self.service
        return ServiceRow(
            service=str(service.id),
            name=service.name,
            type=service.type,
            category=service.category,
            rate=service.rate,
            min=service.min,
            max=service.max,
            refill=service.refill,
            cancel=service.cancel,
            dripfeed=service.dripfeed,
            description=service.description,
        )


def item(
    service_id: int,
    name: str,
    type: str = "Default",
    *,
    rate: str = "0.90",
    limits: tuple[int, int] = (10, 10_000),
    category: str = "Sandbox",
    refill: bool = True,
    cancel: bool = True,
    dripfeed: bool = False,
    ending: Ending = Ending.COMPLETED,
) -> Item:
    """``rate`` is per 1000, or per order for the two packages."""
    service = Service(
        id=service_id,
        name=name,
        category=category,
        type=type,
        rate=rate,
        rate_micros=parse_micros(rate),
        min=limits[0],
        max=limits[1],
        refill=refill,
        cancel=cancel,
        dripfeed=dripfeed,
    )
    return Item(service, ending)


_ONE = (1, 1)
_FEW = (1, 500)

CATALOGUE: tuple[Item, ...] = (
    item(1, "Followers", dripfeed=True),
    item(2, "Likes", rate="0.03", limits=(50, 100_000), dripfeed=True),
    item(3, "Starter package", "Package", rate="1.50", limits=_ONE),
    item(4, "Search ranking", "SEO", rate="4.20"),
    item(5, "Comments", "Custom Comments", rate="8", limits=_FEW, refill=False),
    item(6, "Comments package", "Custom Comments Package", rate="2", limits=_ONE, refill=False),
    item(7, "Mentions", "Mentions", rate="3"),
    item(8, "Mentions with hashtags", "Mentions with Hashtags", rate="3.10"),
    item(9, "Mentions of a list", "Mentions Custom List", rate="3.20", limits=_FEW),
    item(10, "Mentions by hashtag", "Mentions Hashtag", rate="3.30"),
    item(11, "Mentions of followers", "Mentions User Followers", rate="3.40"),
    item(12, "Mentions of likers", "Mentions Media Likers", rate="3.50"),
    item(13, "Comment likes", "Comment Likes", rate="1.10"),
    item(14, "Comment replies", "Comment Replies", rate="9", limits=_FEW),
    item(15, "Poll votes", "Poll", rate="0.55"),
    item(16, "Group invites", "Invites from Groups", rate="6"),
    item(17, "Likes on new posts", "Subscriptions", rate="0.05", refill=False),
    item(18, "Visitors", "Web Traffic", rate="0.20", dripfeed=True),
    item(19, "Followers, no refill, no cancel", rate="0.40", refill=False, cancel=False),
    item(20, "Followers, always partial", ending=Ending.PARTIAL),
    item(21, "Followers, always canceled", ending=Ending.CANCELED),
    item(22, "Followers, never done", ending=Ending.STUCK),
)
