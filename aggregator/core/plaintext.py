"""Words that were written for HTML, as plain text."""

import html
import re

# A reference to no character there is; Python raises on thousands of digits.
_ENDLESS = re.compile(r"&#[0-9]{30,};?")
_BREAK = re.compile(r"<\s*/?\s*(?:br|p|div|li)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG = re.compile(r"<(?:/?[a-zA-Z][^<>]{0,500}|!--.{0,500}?--)>", re.DOTALL)
# Whatever no line of text should hold: controls, halves of characters, directions.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def unescaped(text: str) -> str:
    """``&amp;`` and its like as the characters that they stand for."""
    return html.unescape(_ENDLESS.sub("\ufffd", text))


def plain_text(text: str) -> str:
    """One line without tags, references, controls and runs of spaces.

    ``R30 < 1h`` is no tag. Panels escape twice, so what was unescaped is looked at again.
    """
    bare = _BREAK.sub(" ", unescaped(unescaped(text)))
    return " ".join(_UNFIT.sub(" ", _TAG.sub("", bare)).split())
