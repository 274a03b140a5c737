"""How families of panels speak, as data, and the pure codec for both roles.

A dialect is a YAML file (``standard.yaml`` and its neighbours; docs/dialects.md).
From the same ``Dialect`` the codec calls such a panel and answers clients written
for one. Encoders and decoders take and give plain values; decoders never raise,
whatever the bytes.

=============  ==============================================================
``form``       ``Dialect``: a dialect as data, and the standard names
``building``   ``build_all``: files into dialects, with every mistake in them
``mistakes``   noting what is wrong with a file without stopping
``keys``       the keys of the file, one reader each
``clashes``    parts that are sound alone and wrong together
``wire``       requests, replies, and JSON that cannot be fooled
``quoting``    what a panel says, apart from what it quotes of ours
``scale``      how much a document holds, before it is parsed
``values``     single values: IDs, numbers, texts, errors
``asking``     client: a command into a request
``adding``     client: the answer to an ``add``, where misreading costs money
``opening``    client: whether any other answer has a document at all
``rows``       client: which part of an answer is about which ID
``reading``    client: status, refill, refill_status, cancel
``catalogue``  client: services, balance
``learning``   client: finding out how a panel speaks, by asking
``seen``       client: what its answers show
``concluding`` client: a dialect out of what it answered
``receiving``  panel: what a client of ours sent
``answering``  panel: our answer in his dialect
=============  ==============================================================
"""

from aggregator.dialects.adding import decode_added
from aggregator.dialects.answering import encode_answer
from aggregator.dialects.asking import encode_command
from aggregator.dialects.building import build_all
from aggregator.dialects.catalogue import decode_balance, decode_services
from aggregator.dialects.concluding import Learned, conclude
from aggregator.dialects.form import BUILTIN, Dialect
from aggregator.dialects.learning import Question, Unlearned, listen
from aggregator.dialects.mistakes import Mistake
from aggregator.dialects.reading import (
    decode_cancel,
    decode_refill,
    decode_refill_status,
    decode_status,
)
from aggregator.dialects.receiving import (
    Request,
    decode_request,
    fields_from_form,
    fields_from_json,
    fields_from_pairs,
)
from aggregator.dialects.wire import WireReply, WireRequest

__all__ = [
    "BUILTIN",
    "Dialect",
    "Learned",
    "Mistake",
    "Question",
    "Request",
    "Unlearned",
    "WireReply",
    "WireRequest",
    "build_all",
    "conclude",
    "decode_added",
    "decode_balance",
    "decode_cancel",
    "decode_refill",
    "decode_refill_status",
    "decode_request",
    "decode_services",
    "decode_status",
    "encode_answer",
    "encode_command",
    "fields_from_form",
    "fields_from_json",
    "fields_from_pairs",
    "listen",
]
