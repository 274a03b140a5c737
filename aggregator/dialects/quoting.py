"""What a panel says of its own, apart from what it quotes of ours.

``Incorrect link: https://x.example/not enough funds`` is about a link. A reseller
who could have it read as an empty purse could pause a provider for everybody.
"""

import html
from collections.abc import Collection
from urllib.parse import quote, quote_plus, unquote_plus

from aggregator.core.errors import ErrorClass, classify, plain
from aggregator.core.plaintext import unescaped
from aggregator.dialects.form import Dialect


def class_of(dialect: Dialect, text: str, said_by_us: Collection[str]) -> ErrorClass:
    """The class of ``text`` without our own words in it.

    Only words of ours that have a class themselves are cut out. Where nothing known
    is left, words that leave the outcome open count, whoever said them first.
    """
    whole = classify(text, dialect.errors)
    if whole is ErrorClass.UNKNOWN:
        return whole
    rest = plain(text)
    for words in sorted(_telling(dialect, said_by_us), key=len, reverse=True):
        rest = rest.replace(words, " ")
    own = classify(rest, dialect.errors)
    is_open = whole is ErrorClass.UNKNOWN_OUTCOME and own is ErrorClass.UNKNOWN
    return whole if is_open else own


def _telling(dialect: Dialect, said_by_us: Collection[str]) -> set[str]:
    """Those of our words that have a class, whole and by lines."""
    found: set[str] = set()
    for said in said_by_us:
        if any(_has_class(dialect, guise) for guise in _guises(said)):
            pieces = (said, *said.splitlines())
            found.update(guise for piece in pieces for guise in _guises(piece))
    return {guise for guise in found if _has_class(dialect, guise)}


def _has_class(dialect: Dialect, text: str) -> bool:
    return classify(text, dialect.errors) is not ErrorClass.UNKNOWN


def _guises(text: str) -> set[str]:
    """Each way in which a panel may write our text."""
    quoted = (
        quote(text, errors="replace"),
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
        unquote_plus(text),
    )
    return {plain(guise) for guise in (text, html.escape(text), unescaped(text), *quoted)}
