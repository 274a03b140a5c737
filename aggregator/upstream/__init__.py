"""HTTP out: what left this machine, and what came back.

==============  ===============================================================
``client``      ``UpstreamClient``: every provider behind one object
``batches``     many IDs in few calls, a truth for each ID
``retries``     asking again, where that is safe
``calls``       one call: gate, wire, report
``gate``        how many calls at once, how many a minute
``providers``   the providers as they are now, with their health
``conversing``  a conversation with a panel that nobody configured yet
``wire``        one POST; tells what was sent from what was not
``pool``        the connections that lie idle
``line``        one connection
``answer``      one answer, from its packets to a whole reply
``alarm``       a timer for what nearly always ends before its time is up
==============  ===============================================================
"""

from aggregator.upstream.calls import Call
from aggregator.upstream.client import UpstreamClient
from aggregator.upstream.conversing import converse

__all__ = ["Call", "UpstreamClient", "converse"]
