"""Words that were written for HTML, as plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.plaintext import plain_text, unescaped


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Followers &amp; Likes", "Followers & Likes"),
        ("<b>Followers</b> HQ<br/>fast", "Followers HQ fast"),
        ("&lt;b&gt;Followers&lt;/b&gt;", "Followers"),
        ("&amp;lt;i&amp;gt;Likes", "Likes"),
        ("R30 < 1h > slow", "R30 < 1h > slow"),
        ("a <!-- note --> b", "a b"),
        ("two\r\nlines\tand\x00more", "two lines and more"),
        ("\u202eesrever", "esrever"),
        ("⚡ 5★ 🔥", "⚡ 5★ 🔥"),
        ("<script>alert(1)</script>", "alert(1)"),
    ],
)
def test_plain(written: str, plain: str) -> None:
    """Tags go, references become characters, and it is one line."""
    assert plain_text(written) == plain


def test_a_number_without_end() -> None:
    """A reference of thousands of digits is no character, and no error."""
    assert unescaped("&#" + "9" * 5000 + ";") == "\ufffd"


@given(st.text())
def test_always_one_line(text: str) -> None:
    """Whatever it is given, the result has no control characters and no runs of spaces."""
    plain = plain_text(text)
    assert plain == plain.strip()
    assert "  " not in plain
    assert not any(ord(one) < 32 or 0xD800 <= ord(one) < 0xE000 for one in plain)
