"""What is forgotten of ended orders, and when: each rule has an age of its own.

``links``     whom an order was for: the link, or what stands for it
``comments``  what else its reseller wrote: comments, names, tags, words
``events``    what happened to it, and the words in which providers refused it

Money, states, quantities, IDs and the memory of request IDs stay for good.
"""

from collections.abc import Mapping
from enum import StrEnum

from aggregator.core.model import Policy


class Rule(StrEnum):
    LINKS = "links"
    COMMENTS = "comments"
    EVENTS = "events"


LINKS = frozenset({"link", "username", "media", "referring_url"})
COMMENTS = frozenset(
    {"comments", "usernames", "hashtags", "hashtag", "keywords", "groups", "google_keyword"}
)
_DROPPED: Mapping[Rule, frozenset[str]] = {
    Rule.LINKS: LINKS,
    Rule.COMMENTS: COMMENTS,
    Rule.EVENTS: frozenset(),
}


def kept(params: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """An order's parameters without those that the rule drops."""
    return {name: value for name, value in params.items() if name not in _DROPPED[rule]}


def ended_before_ms(policy: Policy, rule: Rule, now_ms: int) -> int | None:
    """Of orders that ended before then the rule forgets; None: of none, ever.

    Never of one that may still be watched.
    """
    age_s = getattr(policy.retention, f"{rule}_s")
    return None if age_s is None else now_ms - int(max(age_s, policy.watch_ended_s) * 1000)
