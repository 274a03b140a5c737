"""Both kinds of error: what we answer a reseller, what a provider's text means.

The first half is the fixed list of texts of our API: a ``ClientError`` carries
one of them and is answered with HTTP 200 ``{"error": text}``. The second half
classifies a provider's refusal (protocol.md section 3). The classifier looks for
substrings, case folded, most telling class first, and knows the two traps: the
texts that *look* like refusals but leave the outcome unknown, and "Quantity less
than maximum", which some engines say of an order over the maximum.
"""

from collections.abc import Mapping
from enum import StrEnum


class ClientError(Exception):
    """A request we refuse; ``str(error)`` is the text that the reseller gets."""


UNAUTHENTICATED = "Unauthenticated"
NO_PERMISSION = "This API key does not have permission for this action"
UNKNOWN_ACTION = "Unknown action"
SERVICE_NOT_FOUND = "Service not found or inactive"
INSUFFICIENT_BALANCE = "Insufficient balance"
INCORRECT_ORDER_ID = "Incorrect order ID"
REFILL_NOT_AVAILABLE = "Refill not available"
REFILL_NOT_FOUND = "Refill not found"
CANCEL_NOT_AVAILABLE = "Cancel not available"
DRIPFEED_NOT_AVAILABLE = "Drip-feed not available"
INCORRECT_LINK = "Incorrect link"
ACTIVE_ORDER = "You have active order with this link"
TOO_MANY_IDS = "Too many IDs (at most 100)"
TOO_MANY_REQUESTS = "Too many requests"
REQUEST_ID_REUSED = "request_id reused with different parameters"
UNAVAILABLE = "Service temporarily unavailable"


def quantity_between(low: int, high: int) -> str:
    return f"Quantity must be between {low} and {high}"


def is_required(parameter: str) -> str:
    """``answer_number`` gives "Answer number is required"."""
    return f"{parameter.replace('_', ' ').capitalize()} is required"


class ErrorClass(StrEnum):
    """What a provider's refusal means. The value is what dialects write."""

    AUTH = "auth"
    FUNDS = "funds"
    DUPLICATE = "duplicate"
    QUANTITY = "quantity"
    SERVICE = "service"
    LINK = "link"
    PARAMS = "params"
    ACTION = "action"
    ORDER = "order"
    REFILL = "refill"
    CANCEL = "cancel"
    RATE = "rate"
    DOWN = "down"
    UNKNOWN_OUTCOME = "unknown_outcome"
    UNKNOWN = "unknown"


# The order matters: the first class with a match wins. Texts that leave the
# outcome open come first, for calling one of them a refusal would give an order
# away. DUPLICATE stands before LINK because its texts speak of links; RATE before
# AUTH because "Too many failed attempts" is not a bad key; PARAMS before AUTH
# because "Missing keywords" holds "missing key"; "Incorrect request" comes last
# because "Incorrect request or API key" is about the key.
_TEXTS: tuple[tuple[ErrorClass, tuple[str, ...]], ...] = (
    (
        ErrorClass.UNKNOWN_OUTCOME,
        (
            "something went wrong",
            "error while creating your order",
            "internal server error",
            "failed to create order",
            "unexpected error",
            "unknown error",
            "timed out",
            "timeout",
            "gateway",
            "curl error",
        ),
    ),
    (
        ErrorClass.DUPLICATE,
        (
            "active order with this link",
            "link_duplicate",
            "cannot start a new order with the same link",
            "already an active order",
            "active order already exists",
            "identical order",
            "duplicate order",
        ),
    ),
    (
        ErrorClass.FUNDS,
        (
            "not enough funds",
            "not_enough_funds",
            "insufficient balance",
            "insufficient_balance",
            "insufficient funds",
            "balance is insufficient",
            "sufficient balance",
            "do not have enough funds",
            "not enough balance",
        ),
    ),
    (
        ErrorClass.RATE,
        ("rate limit", "too many requests", "too many failed attempts"),
    ),
    (
        ErrorClass.DOWN,
        (
            "temporarily unavailable",
            "ordering is disabled",
            "service unavailable",
            "maintenance_mode",
            "maintenance mode",
            "under maintenance",
        ),
    ),
    (
        ErrorClass.PARAMS,
        (
            "keyword",
            "does not support dripfeed",
            "drip-feed not available",
            "invalid interval",
            "incorrect comments",
            "neworder.error.comment",
            "answer number is required",
            "missing data",
            "fill in the required fields",
            "missing required parameters",
        ),
    ),
    (
        ErrorClass.AUTH,
        (
            "invalid api key",
            "api key invalid",
            "api key is incorrect",
            "api key is invalid",
            "incorrect api key",
            "invalid key",
            "key is required",
            "unauthenticated",
            "incorrect request or api key",
            "missing key",
            "api is disable for this user",
            "account is inactive",
            "account suspended",
            "account has been suspended",
            "user_inactive",
            "api access disabled",
            "api key does not have permission",
        ),
    ),
    (
        ErrorClass.QUANTITY,
        (
            "quantity less than",
            "quantity more than",
            "min_quantity",
            "max_quantity",
            "quantity must",
            "meet the minimum number",
            "above the minimum number",
            "maximum number has been exceeded",
            "maximum number exceed",
            "minimum quantity",
            "maximum quantity",
            "incorrect quantity",
            "invalid quantity",
        ),
    ),
    (
        ErrorClass.REFILL,
        (
            "refill not available",
            "refill is not available",
            "refill is disabled",
            "refill not allowed",
            "eligible for refill",
            "order is not completed",
            "refill was requested less than",
            "refill not found",
            "incorrect refill id",
            "incorrect_refill_id",
            "refill request not found",
        ),
    ),
    (
        ErrorClass.CANCEL,
        (
            "cancel not available",
            "cannot cancel",
            "cannot be canceled",
            "cannot be cancelled",
            "no longer be canceled",
            "no longer be cancelled",
            "cancellation via api is not supported",
        ),
    ),
    (
        ErrorClass.SERVICE,
        (
            "incorrect service id",
            "incorrect_service_id",
            "invalid service",
            "service id does not exist",
            "service not found",
            "service is inactive",
            "service is disabled",
            "disabled service",
            "service_inactive",
        ),
    ),
    (
        ErrorClass.ORDER,
        (
            "incorrect order id",
            "incorrect_order_id",
            "invalid order id",
            "order not found",
            "no order was placed with this order id",
        ),
    ),
    (
        ErrorClass.LINK,
        (
            "bad link",
            "incorrect link",
            "invalid link",
            "error.link",
            "invalid_link",
            "link field is required",
            "link is required",
            "invalid url",
            "profile is hidden",
            "private account",
            "private profile",
        ),
    ),
    (
        ErrorClass.ACTION,
        (
            "this action is invalid",
            "unknown action",
            "invalid action",
            "incorrect action",
        ),
    ),
    (ErrorClass.PARAMS, ("incorrect request", "is required")),
)


def plain(text: str) -> str:
    """Case and the kind and number of blanks make no difference."""
    return " ".join(text.casefold().split())


def classify(text: str, extra: Mapping[str, ErrorClass] | None = None) -> ErrorClass:
    """The class of a provider's error text; UNKNOWN for words nobody knows.

    ``extra`` are the dialect's own texts: substrings too, and they win.
    """
    said = plain(text)
    for text_of_theirs, error_class in (extra or {}).items():
        needle = plain(text_of_theirs)
        if needle and needle in said:
            return error_class
    for error_class, needles in _TEXTS:
        if any(needle in said for needle in needles):
            return error_class
    return ErrorClass.UNKNOWN
