"""From an HTTP request to its parameters, whatever way a client sends them.

Clients are PHP scripts, mostly old ones: a form without a content type, JSON
sent as a form, curl's multipart for an array, half of it in the query string. So
the bytes have the last word, not the header: what begins with ``{`` is JSON, the
rest is a form. What PHP makes of lists (``orders[]``) is undone by the codec.
"""

import asyncio
import re

from aiohttp import hdrs

from aggregator.api.refusals import HungUp, encoded, malformed, too_large, too_slow
from aggregator.api.request import BrokenBody, Request
from aggregator.core.messages import Unreadable
from aggregator.dialects import fields_from_form, fields_from_json, fields_from_pairs

MAX_BYTES = 1024**2
MAX_PARTS = 1000
_BOM = b"\xef\xbb\xbf"

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^;,\s"]{1,70}))', re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset\s*=\s*(?:"([^"]+)"|([^;,\s"]+))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"^content-disposition[ \t]*:[ \t]*form-data(.*)$", re.I | re.M)
_PARAMETER = re.compile(rb';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))')


async def read_body(request: Request, within_s: float) -> bytes:
    """The whole body, at most MAX_BYTES. Raises a Refusal, or HungUp."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING)
    if encoding and encoding.lower() != "identity":
        raise encoded()
    if request.body.is_eof():  # all of it is here, as nearly always
        body = request.body.read_nowait()
        if len(body) > MAX_BYTES:
            raise too_large(MAX_BYTES)
        return body
    if int(request.headers.get(hdrs.CONTENT_LENGTH, "0")) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    try:
        async with asyncio.timeout(within_s):
            return await _come(request)
    except TimeoutError:
        raise too_slow() from None
    except BrokenBody:
        raise malformed("Malformed request body", closes=True) from None
    except (ConnectionError, RuntimeError):  # aiohttp raises either
        raise HungUp from None


async def _come(request: Request) -> bytes:
    """The body, once it has come. curl holds one of over 1 KiB back for a second unless it
    is told to go on."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        request.call_for_body()
    come = bytearray()
    while piece := await request.body.readany():
        come += piece
        if len(come) > MAX_BYTES:  # it told no length
            raise too_large(MAX_BYTES)
    return bytes(come)


def read_fields(body: bytes, query: str = "", content_type: str = "") -> dict[str, str]:
    """The parameters of body and query, where the body wins and blank is absent.

    ``content_type`` is the whole header. Raises Refusal (400).
    """
    if not body.isascii() and not _is_utf8(content_type):
        raise malformed("Charset must be UTF-8")
    fields = _body_fields(body, content_type)
    if query:
        asked = _checked(fields_from_form(query.encode(errors="surrogateescape")))
        fields = {**asked, **{name: value for name, value in fields.items() if value}}
    return fields


def _is_utf8(content_type: str) -> bool:
    """Whether that is what a content type says, or leaves open."""
    told = _CHARSET.search(content_type)
    return told is None or (told[1] or told[2]).lower() in ("utf-8", "utf8", "us-ascii")


def _body_fields(body: bytes, content_type: str) -> dict[str, str]:
    told = content_type.lower()
    if told.startswith("multipart/"):
        return _checked(fields_from_pairs(pairs_from_multipart(body, content_type)))
    text = body.removeprefix(_BOM).lstrip()
    if text.startswith(b"{") or ("json" in told and text and b"=" not in text):
        return _checked(fields_from_json(body))
    return _checked(fields_from_form(body))


def _checked(fields: dict[str, str] | Unreadable) -> dict[str, str]:
    if isinstance(fields, Unreadable):
        raise malformed("Malformed request")
    return fields


def pairs_from_multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Name and value of each field; Refusal if it is no multipart/form-data in UTF-8,
    or one with a file in it."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise malformed("Malformed multipart body")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode(errors="surrogateescape")
    _preamble, *parts = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)
    if not parts or not parts[-1].startswith(b"--"):
        raise malformed("Malformed multipart body")
    return [_pair(part) for part in parts[:-1]]


def _pair(part: bytes) -> tuple[str, str]:
    head, separator, value = part.partition(b"\r\n\r\n")
    found = _DISPOSITION.search(head)
    if not separator or found is None:
        raise malformed("Malformed multipart body")
    parameters = {
        name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(found[1])
    }
    if b"filename" in parameters or b"filename*" in parameters:
        raise malformed("Files are not accepted")
    try:
        return parameters.get(b"name", b"").decode(), value.decode()
    except UnicodeDecodeError:
        raise malformed("Malformed multipart body") from None
