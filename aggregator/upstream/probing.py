"""What a panel's reply to a probe says about asking on."""

from aggregator.dialects import WireReply
from aggregator.dialects.wire import Garbled, parse
from aggregator.upstream.wire import Lost

_HALTS = frozenset({401, 403, 429})


def halt(reply: WireReply | Lost) -> str:
    """Why the panel must not be asked again; empty: it may. A lost reply is only a fault."""
    if isinstance(reply, Lost):
        return ""
    if reply.status in _HALTS:
        return str(reply.status)
    try:
        parse(reply.body)
    except Garbled:
        return "not JSON"
    return ""
