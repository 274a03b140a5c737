"""Multipart, which is the only format that this room reads by itself."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.api.body import pairs_from_multipart, read_fields
from aggregator.api.refusals import Refusal
from tests.api.test_faces import MULTIPART, multipart

names = st.text("abcdefghijklmnopqrstuvwxyz_[]0123456789", min_size=1)


@given(st.dictionaries(names, st.text()))
def test_what_was_sent_arrives(fields: dict[str, str]) -> None:
    """Every value comes out as it went in, line ends and all."""
    assert pairs_from_multipart(multipart(fields), MULTIPART) == list(fields.items())


@given(st.binary(), st.text(max_size=20), st.sampled_from(["", "multipart/form-data; boundary=a"]))
def test_any_bytes(body: bytes, query: str, content_type: str) -> None:
    """Whatever the bytes, the end is a dict or a refusal."""
    with suppress(Refusal):
        assert isinstance(read_fields(body, query, content_type), dict)


@given(st.text('-ab\r\n:;=" form-data; name=Content-Disposition'))
def test_any_near_miss(text: str) -> None:
    """Nor does anything close to multipart get past that."""
    body = f'--a\r\nContent-Disposition: form-data; name="x"{text}\r\n--a--'.encode()
    with suppress(Refusal):
        read_fields(body, "", "multipart/form-data; boundary=a")


@pytest.mark.parametrize(
    "head",
    [
        'Content-Disposition: form-data; name="a"',
        "Content-Disposition: form-data; name=a",
        'content-disposition:form-data;name="a"\r\nContent-Type: text/plain; charset=utf-8',
        'Content-Length: 1\r\nContent-Disposition: form-data; x="; name=b"; name="a"',
    ],
)
def test_part_headers(head: str) -> None:
    """A field's name is found however its header is written."""
    body = f"preamble\r\n--b \r\n{head}\r\n\r\n1\r\n--b--\r\nepilogue".encode()
    assert pairs_from_multipart(body, "multipart/form-data; boundary=b") == [("a", "1")]


def test_nothing_at_all() -> None:
    """An empty body has no parameters, however it is labelled."""
    assert read_fields(b"") == {}
    assert read_fields(b"", content_type="application/json") == {}
