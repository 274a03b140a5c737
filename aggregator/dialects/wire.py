"""What travels, and the reading of JSON that cannot be fooled.

Panels are PHP scripts behind proxies: a body may be HTML, cut, hostile or nearly
JSON. ``parse`` takes nothing but one well-formed document: a duplicate key, NaN,
brackets nested without end or text that is not UTF-8 is ``Garbled``. A number is
kept as the text it was written as (``Num``): no ID is rounded to a float, no
2 ** 63 overflows, no rate loses its zeros, and a number of a million digits costs
nothing.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

from aggregator.core.nouns import noun


@noun(frozen=True, slots=True)
class WireRequest:
    """Always a POST. ``headers`` and ``body`` hold the key: never log them."""

    headers: Mapping[str, str]
    body: bytes


@noun(frozen=True, slots=True)
class WireReply:
    """``content_type`` is for events only: panels send JSON as text/html."""

    status: int
    body: bytes
    content_type: str = ""


class Num(str):
    """A JSON number, as the text it was written as. Text is told apart from it."""

    __slots__ = ()


class Garbled(ValueError):
    """Not one well-formed document. The text is a short cause, safe to log."""


DUPLICATE_KEYS = "duplicate keys"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Garbled(DUPLICATE_KEYS)
    return found


def _constant(_text: str) -> NoReturn:
    raise Garbled("not JSON")  # NaN and the infinities are Python's own idea


_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=Num, parse_float=Num, parse_constant=_constant
)


def parse(body: bytes) -> object:
    """A document of dict, list, str, Num, bool and None; raises Garbled.

    A byte order mark is tolerated, for PHP files are saved with one.
    """
    try:
        return _DECODER.decode(body.removeprefix(_BOM).decode())
    except Garbled:
        raise
    except RecursionError:
        raise Garbled("nested too deeply") from None
    except UnicodeDecodeError:
        raise Garbled("not UTF-8") from None
    except ValueError:
        raise Garbled("not JSON" if body.strip() else "empty") from None
