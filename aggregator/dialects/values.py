"""Single values as panels write them: IDs, numbers, flags, texts, errors.

Each function takes whatever ``wire.parse`` may have found and gives a value or
None, never an exception. What is not plainly the thing asked for is None.
"""

import re
from decimal import Decimal
from typing import TypeGuard

from aggregator.core.errors import ErrorClass, classify
from aggregator.core.messages import Refused, Unreadable
from aggregator.core.plaintext import unescaped
from aggregator.dialects.form import Dialect
from aggregator.dialects.wire import Num

TEXT_LIMIT = 300
DESCRIPTION_LIMIT = 4000
# A number beyond this is nonsense to begin with, and 64-bit columns hold this one.
WHOLE_LIMIT = 10**18
WHOLE_DIGITS = len(str(WHOLE_LIMIT))

# Controls would forge lines of a log, lone surrogates cannot be written anywhere.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNFIT_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_NUMBER_ID = re.compile(r"[1-9][0-9]{0,63}")
_TEXT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_ID = re.compile(
    r"-[0-9]*|[-_0]*|null|none|nil|nan|undefined|true|false|error|fail|failed|success|ok"
    r"|pending|requested|completed",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"([+-]?)([1-9][0-9]{0,2}(?:,[0-9]{3}){1,20}|[0-9]{1,60})(?:\.0*)?")
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]{1,10}")
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Their text, fit for a log and a database: one line, bounded."""
    text = text[:limit]
    return (text if text.isprintable() else _UNFIT.sub(" ", text)).strip()


def clean_lines(text: str, limit: int = DESCRIPTION_LIMIT) -> str:
    """The same for a text of several lines."""
    return _UNFIT_IN_LINES.sub(" ", text[:limit]).strip()


def text_in(value: object) -> str | None:
    """Text or a number, as one bounded line."""
    return clean(value) if isinstance(value, str) else None


def sound_id(value: object) -> str | None:
    """An order's or refill's ID as text: a whole number from 1, or 1 to 64 of [A-Za-z0-9_-].

    ASCII only, for "²" is a digit to Python. Words that panels put where an ID
    should be ("null", "success", "-1", "000") are no IDs.
    """
    if isinstance(value, Num):
        return str(value) if _NUMBER_ID.fullmatch(value) else None
    if isinstance(value, str) and _TEXT_ID.fullmatch(value) and not _NO_ID.fullmatch(value):
        return value
    return None


def whole(value: object) -> int | None:
    """A whole number, within ±10**18. "157", "157.00", "1,234", 157; but not 157.5.

    A plus sign means minus: one widespread engine turns -157 into "+157", and no
    engine marks a positive number. Whoever clamps the result at 0 is safe.
    """
    if not isinstance(value, str):
        return None
    if value.isascii() and value.isdecimal() and len(value) < WHOLE_DIGITS:
        return int(value)  # nearly all of them
    found = _WHOLE.fullmatch(value.strip())
    if found is None:
        return None
    size = min(int(found[2].replace(",", "")), WHOLE_LIMIT)
    return -size if found[1] else size


def count(value: object) -> int | None:
    """A whole number from 0 on."""
    number = whole(value)
    return number if number is not None and number >= 0 else None


def amount(value: object) -> Decimal | None:
    """Money or a rate: finite, from 0 on, its zeros kept. None for anything else.

    "1,234" is refused: in half the world it is a little over one.
    """
    if isinstance(value, str) and _AMOUNT.fullmatch(text := value.strip()):
        return Decimal(text)
    return None


def signed_amount(value: object) -> Decimal | None:
    """The same for a balance: it may be negative, and "1,234.56" is plain enough."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    sign = "-" if text.startswith("-") else ""
    size = text.removeprefix("-")
    if _GROUPED.fullmatch(size):
        size = size.replace(",", "")
    number = amount(size)
    return None if number is None else Decimal(f"{sign}{number}")


def flag(value: object) -> bool | None:
    """true, 1, "1", "true"... None for what is neither yes nor no."""
    if isinstance(value, bool):
        return value
    return _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None


def _present(value: object) -> bool:
    """Whether an ``error`` field says anything: null, false, 0, "", [] and {} do not."""
    return bool(value) and not (isinstance(value, Num) and not value.strip("0.-"))


def _texts(value: object, depth: int = 4) -> list[str]:
    if isinstance(value, str):
        return [value]
    if depth == 0:
        return []
    inner = value.values() if isinstance(value, dict) else value if is_list(value) else ()
    return [text for item in inner for text in _texts(item, depth - 1)]


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def error_in(document: dict[str, object]) -> str | None:
    """The text of its ``error`` or ``errors``, unwrapped; None where it has none.

    The whole of it, for the words that leave an outcome open may stand at its end.
    An error without words (``"error": true``) borrows those of ``message``.
    """
    if not _present(document.get("error")) and not _present(document.get("errors")):
        return None
    return _said(document, ("error", "errors", "message", "msg")) or "error"


def message_in(document: dict[str, object]) -> str | None:
    """What ``message`` or ``msg`` says; an error only where nothing else was answered."""
    return _said(document, ("message", "msg"))


def failed(document: dict[str, object]) -> bool:
    """Whether the object says of itself that the call went wrong."""
    return _is_failure(document.get("status")) or (
        _is_failure(document.get("success")) or flag(document.get("success")) is False
    )


def _is_failure(value: object) -> bool:
    word = value.strip().lower() if isinstance(value, str) else value
    return word in (False, "false", "fail", "failed", "error")


def _said(document: dict[str, object], keys: tuple[str, ...]) -> str | None:
    texts = [text for key in keys for text in _texts(document.get(key)) if text.strip()]
    said = unescaped("; ".join(texts))
    return clean(said, len(said)) or None


def refused(
    dialect: Dialect, text: str, otherwise: ErrorClass = ErrorClass.UNKNOWN
) -> Refused | Unreadable:
    """A refusal by its text; ``otherwise`` is the class of words nobody knows.

    The texts that leave the outcome open are no refusal.
    """
    error_class = classify(text, dialect.errors)
    if error_class is ErrorClass.UNKNOWN_OUTCOME:
        return Unreadable("unknown outcome")
    known = otherwise if error_class is ErrorClass.UNKNOWN else error_class
    return Refused(clean(text), known)
