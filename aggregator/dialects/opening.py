"""The first step of reading any answer but an ``add``'s: is there a document?"""

from aggregator.core.errors import ErrorClass
from aggregator.core.messages import Refused, Unreadable
from aggregator.dialects.form import Dialect
from aggregator.dialects.values import error_in, is_object, message_in, refused
from aggregator.dialects.wire import Garbled, WireReply, parse

_BY_STATUS = {
    401: ErrorClass.AUTH,
    403: ErrorClass.AUTH,
    429: ErrorClass.RATE,
}


def open_reply(dialect: Dialect, reply: WireReply) -> object:
    """The JSON document that a read was answered with; else Refused or Unreadable.

    An error in JSON speaks louder than a 2xx or 4xx status. A 5xx is believed only
    where its words are known. The document ``null`` is how one widespread engine
    answers an action that it does not have.
    """
    succeeded = 200 <= reply.status < 300
    http = f"http {reply.status}"
    by_status = _BY_STATUS.get(reply.status)
    try:
        document = parse(reply.body)
    except Garbled as garbled:
        if by_status:
            return Refused(http, by_status)
        return Unreadable(str(garbled) if succeeded else http)
    error = _error(document, succeeded)
    if error is not None:
        return _refusal(dialect, reply.status, error)
    if succeeded:
        return Refused("null", ErrorClass.ACTION) if document is None else document
    return Refused(http, by_status) if by_status else Unreadable(http)


def _error(document: object, succeeded: bool) -> str | None:
    if not is_object(document):
        return None
    error = error_in(document)
    # Where the status is no success, a lone message is one about the failure.
    return message_in(document) if error is None and not succeeded else error


def _refusal(dialect: Dialect, status: int, error: str) -> Refused | Unreadable:
    known = refused(dialect, error, _BY_STATUS.get(status, ErrorClass.UNKNOWN))
    unsure = isinstance(known, Refused) and known.error_class is ErrorClass.UNKNOWN
    if 300 <= status < 400 or (status >= 500 and unsure) or status < 200:
        return Unreadable(f"http {status}")
    return known
