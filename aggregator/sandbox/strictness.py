"""A panel that understands its own dialect, and not a word of the standard's beside it.

A face of ours is lenient, for its clients were written by many people. Real panels are
not: what they do not know by its name is not there.
"""

from collections.abc import Mapping

from aggregator.dialects import Dialect

_KEYS = ("key", "api_token")
_NO_ACTION = "-"


def own_fields(dialect: Dialect, fields: Mapping[str, str]) -> dict[str, str]:
    """``fields`` without what only the standard calls so."""
    foreign = {name for name in _KEYS if name != dialect.param}
    foreign |= {ours for ours, theirs in dialect.params.items() if theirs != ours}
    own = {name: text for name, text in fields.items() if name not in foreign}
    if own.get("action") not in dialect.actions.values():
        own["action"] = _NO_ACTION
    return own
