"""What we answer a reseller, and what a provider's words mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core import errors
from aggregator.core.errors import ErrorClass, classify

# Every text of the table of error strings, under the class that it stands in.
TEXTS = {
    ErrorClass.AUTH: """
        Invalid API key
        Invalid API Key.
        API key invalid
        API key is incorrect
        Incorrect API key
        invalid API key
        Unauthenticated
        Incorrect request or API key
        Missing key
        API is Disable for this user or User Not Found! Contact the Support
        Your account is inactive
        The account is inactive.
        Account suspended
        Your account has been suspended.
        user_inactive
        API access disabled
        This API key does not have permission for this action
    """,
    ErrorClass.FUNDS: """
        Not enough funds on balance
        neworder.error.not_enough_funds
        neworder.error.insufficient_balance
        not_enough_funds
        Insufficient balance
        You have insufficient balance
        Your balance is insufficient.
        You don't have sufficient balance to place this order.
        You do not have enough funds to Place order.
        Not enough balance
    """,
    ErrorClass.DUPLICATE: """
        You have active order with this link. Please wait until order being completed.
        neworder.error.link_duplicate
        You cannot start a new order with the same link that is active processing order
        You cannot start a new order with the same link that is already in progress.
        You have already an active order for this link on this service id 12
        An identical order was just placed
        Active order already exists.
        Duplicate order detected
    """,
    ErrorClass.QUANTITY: """
        Quantity less than minimal 100
        Quantity more than maximum 5000
        Quantity less than maximum 5000
        neworder.error.min_quantity
        neworder.error.max_quantity
        Quantity must be between 50 and 10000
        You did not meet the minimum number.
        Enter a value above the minimum number.
        The maximum number has been exceeded.
        Maximum number exceed
        Quantity must to be greater than or equal to minimum amount 10
        Minimum quantity is 10
        Incorrect quantity
        Quantity must be a multiple of 10 (try 20)
    """,
    ErrorClass.SERVICE: """
        Incorrect service ID
        error.incorrect_service_id
        Service ID does not exists
        Service not found or inactive
        Service is inactive or not found
        Package or Service is disabled.
        Disabled service ID
        API error: Service is disabled
        neworder.error.service_inactive
        neworder.error.service_inactive_now
        Package or service not found.
    """,
    ErrorClass.LINK: """
        Bad link
        Incorrect link
        Invalid link
        neworder.error.link
        neworder.error.invalid_link
        neworder.error.invalid_link_format
        Link field is required.
        Link is required
        Invalid URL format
        Instagram profile is hidden.
        Incorrect link / private account
    """,
    ErrorClass.PARAMS: """
        Incorrect request
        Missing data
        You must fill in the required fields.
        There are missing required parameters. Please check your API Manual
        neworder.error.comment
        Incorrect comments
        Answer number is required
        This services does not support Dripfeed feature!
        Invalid Interval in minutes
        Drip-feed not available
        Usernames is required
    """,
    ErrorClass.ACTION: """
        This action is Invalid
        Unknown action
        Unknown action specified!
        Invalid action
        Incorrect action
    """,
    ErrorClass.ORDER: """
        Incorrect order ID
        error.incorrect_order_id
        Order not found
        Order not found.
        No order was placed with this ORDER ID.
    """,
    ErrorClass.REFILL: """
        Refill not available
        Refill is not available for this service
        Refill is disabled for this service
        Refill not allowed
        Order not eligible for refill.
        The order is not completed
        The order was completed or refill was requested less than 24 hours ago
        Refill not found
        Incorrect refill ID
        error.incorrect_refill_id
        Refill Request Not found
    """,
    ErrorClass.CANCEL: """
        Cancel not available
        Cannot cancel
        Order cannot be canceled
        Order can no longer be canceled
        Cancellation via API is not supported. Contact support.
    """,
    ErrorClass.RATE: """
        Rate limit exceeded
        Too many requests
        Too many requests. Limit 50/minute.
        Too many failed attempts
    """,
    ErrorClass.DOWN: """
        This panel is temporarily unavailable
        Ordering is disabled
        Service Unavailable
        MAINTENANCE_MODE
        Service temporarily unavailable
    """,
    ErrorClass.UNKNOWN_OUTCOME: """
        Something went wrong
        There was an error while creating your order
        Internal server error
        Failed to create order
        Unexpected error
        Unknown error
        The request timed out
        Timeout
        502 Bad Gateway
        cURL error 28
    """,
    ErrorClass.UNKNOWN: """
        Không thể hủy đơn hàng
        104
        null
    """,
}
CASES = [
    (line.strip(), known) for known, text in TEXTS.items() for line in text.strip().splitlines()
]


@pytest.mark.parametrize(("text", "known"), CASES)
def test_classify(text: str, known: ErrorClass) -> None:
    """Every known text has the class of the protocol's table, in any case and spacing."""
    assert classify(text) is known
    assert classify(f"Error: {text.upper()}\n") is known
    assert classify(text.replace(" ", " \t\xa0")) is known


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Failed to create order: Insufficient balance", ErrorClass.UNKNOWN_OUTCOME),
        ("Something went wrong, incorrect link?", ErrorClass.UNKNOWN_OUTCOME),
        ("Missing keywords", ErrorClass.PARAMS),
        ("Invalid keywords", ErrorClass.PARAMS),
        ("API key is required", ErrorClass.AUTH),
        ("Too many failed attempts with an invalid API key", ErrorClass.RATE),
        ("Incorrect link: you have active order with this link", ErrorClass.DUPLICATE),
        ("", ErrorClass.UNKNOWN),
    ],
)
def test_traps(text: str, known: ErrorClass) -> None:
    """Where a text fits several classes, the one that is safest for the money wins."""
    assert classify(text) is known


def test_a_dialects_own_texts_win() -> None:
    """A dialect's texts are looked for first, in any case; an empty one is no text."""
    extra = {"": ErrorClass.AUTH, "  ": ErrorClass.AUTH, "Purse  EMPTY": ErrorClass.FUNDS}
    assert classify("Sorry, purse empty! Invalid link", extra) is ErrorClass.FUNDS
    assert classify("Invalid link", extra) is ErrorClass.LINK


@given(st.text(), st.dictionaries(st.text(), st.sampled_from(ErrorClass), max_size=3))
def test_classify_never_raises(text: str, extra: dict[str, ErrorClass]) -> None:
    """Whatever a provider says has a class."""
    assert classify(text, extra) in ErrorClass


def test_templates() -> None:
    """The texts with a part of ours in them read as the API promises."""
    assert errors.quantity_between(50, 10_000) == "Quantity must be between 50 and 10000"
    assert errors.is_required("link") == "Link is required"
    assert errors.is_required("answer_number") == "Answer number is required"
