"""As a panel: what a client of ours sent, in whichever shape he sent it.

First the body becomes flat text fields, from a form or from JSON; what PHP clients
do to lists (``orders[]=1``, ``comments[0]=...``) is undone on the way. Then the
fields become a ``Request`` under the standard names. Here the face's own names win
and the standard ones fill in, for many clients written for some panel send the
standard's anyway. Nothing is checked here but form; what a parameter must be is the
actions' business.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from urllib.parse import unquote_to_bytes

from aggregator.core.messages import ACTIONS, Command, Unreadable
from aggregator.core.model import Kind
from aggregator.core.nouns import noun
from aggregator.dialects.form import ID_PARAMS, Dialect
from aggregator.dialects.scale import holds_more_than
from aggregator.dialects.values import clean, is_list, is_object
from aggregator.dialects.wire import Garbled, parse

MAX_FIELDS = 1000
MAX_ITEMS = 1000  # of a list, but for those of lines: a comment each
MAX_LINES = 10_000
_MAX_MARKS = 2 * MAX_LINES + 5 * MAX_FIELDS  # a text and a comma each, and some
_ITEM = re.compile(r"(.+)\[[0-9]*\]", re.DOTALL)
# Lists of IDs are full of commas and links of the others; to decode each by itself is slow.
_COMMON = (
    (b"%2C", b","),
    (b"%2c", b","),
    (b"%3A", b":"),
    (b"%3a", b":"),
    (b"%2F", b"/"),
    (b"%2f", b"/"),
)
_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair
# The lists whose items are lines; the others are lists of IDs.
_OF_LINES = frozenset({"comments", "custom_data", "usernames", "hashtags", "keywords", "groups"})
_OURS = frozenset(ACTIONS)


@noun(frozen=True, slots=True)
class Request:
    """``key`` None: none was given. ``request_id`` None: no idempotency asked for."""

    key: str | None = field(repr=False)
    command: Command
    request_id: str | None


def fields_from_form(text: bytes) -> dict[str, str] | Unreadable:
    """The fields of an urlencoded body or of a query; the last of a name wins."""
    for quoted, plain in _COMMON:
        if b"%" not in text:
            break
        text = text.replace(quoted, plain)
    try:
        form = text.decode().replace("+", " ")
        pieces = form.split("&")
        if len(pieces) > MAX_FIELDS:
            return Unreadable("too many fields")
        halves = [piece.partition("=") for piece in pieces if piece]
        if "%" not in form:
            return _fields(form, [(name, value) for name, _, value in halves])
        return fields_from_pairs([(_unquoted(name), _unquoted(value)) for name, _, value in halves])
    except UnicodeDecodeError:
        return Unreadable("not UTF-8")


def _unquoted(text: str) -> str:
    """As ``urllib.parse.parse_qsl`` reads it, which takes twice as long."""
    return unquote_to_bytes(text).decode() if "%" in text else text


def fields_from_json(body: bytes) -> dict[str, str] | Unreadable:
    """The fields of a JSON object. Numbers keep their text, lists become text, null is absent."""
    if holds_more_than(body, _MAX_MARKS):
        return Unreadable("too many values")
    try:
        document = parse(body)
    except Garbled as garbled:
        return Unreadable(str(garbled))
    if not is_object(document):
        return Unreadable("not a JSON object")
    if len(document) > MAX_FIELDS:
        return Unreadable("too many fields")
    pairs: list[tuple[str, str]] = []
    for name, value in document.items():
        if value is None:
            continue
        name_in_form = f"{name}[]" if is_list(value) else name
        items = value if is_list(value) else [value]
        if len(items) > (MAX_LINES if name in _OF_LINES else MAX_ITEMS):
            return Unreadable("too many values")
        for item in items:
            text = _scalar(item)
            if text is None:
                return Unreadable("nested values")
            pairs.append((name_in_form, text))
    return fields_from_pairs(pairs)


def fields_from_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str] | Unreadable:
    """The fields of a decoded form (multipart, say), with PHP's lists joined.

    IDs are joined by commas, lines by newlines. A plain field wins over a list.
    """
    pairs = list(pairs)
    return _fields("".join([text for pair in pairs for text in pair]), pairs)


def _fields(texts: str, pairs: list[tuple[str, str]]) -> dict[str, str] | Unreadable:
    """``texts``: those of all the pairs, whatever lies between them."""
    # Neither can be stored or sent on. Text of ASCII alone has no surrogates, and knows it.
    if "\0" in texts or not (texts.isascii() or _HALF.search(texts) is None):
        return Unreadable("characters that are no text")
    return _lists_joined(pairs) if "]" in texts else dict(pairs)


def _lists_joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        item = _ITEM.fullmatch(name) if name.endswith("]") else None
        if item:
            lists.setdefault(item[1], []).append(value)
        else:
            fields[name] = value
    joined = {name: _separator(name).join(items) for name, items in lists.items()}
    return joined | fields


def _separator(name: str) -> str:
    return "\n" if name in _OF_LINES else ","


def _scalar(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else None


def decode_request(dialect: Dialect, fields: Mapping[str, str], bearer: str | None) -> Request:
    """What a client asks of a face in this dialect. Blank is absent; never raises.

    An action that the face does not have comes out as "", for its text may be the
    name of one of ours.
    """
    given = {name: value for name, value in fields.items() if value.strip()}
    text = given.get("action", "").strip()
    action = dialect.our_actions.get(text)
    if action is None:
        action = "" if text in _OURS else clean(text)
    params = _params(dialect, given)
    if action in ID_PARAMS:
        params = _ids_split(action, params)
    return Request(
        key=_key(dialect, given, bearer),
        command=Command(action, params, _kind(dialect, action, given)),
        request_id=given.get("request_id"),
    )


def _key(dialect: Dialect, given: Mapping[str, str], bearer: str | None) -> str | None:
    """The face's own way of giving the key wins; the others only where it is absent."""
    token = (bearer or "").strip() or None
    if dialect.bearer and token:
        return token
    if dialect.param is not None and dialect.param in given:
        return given[dialect.param].strip()
    for name in ("key", "api_token"):
        if name in given and name not in dialect.our_params:
            return given[name].strip()
    return token


def _params(dialect: Dialect, given: Mapping[str, str]) -> dict[str, str]:
    """The parameters under our names: first by the face's names, then by the standard's."""
    theirs = dialect.our_params
    params = {theirs[name]: value for name, value in given.items() if name in theirs}
    for name in dialect.standard_params:
        if name in given:
            params.setdefault(name, given[name])
    if dialect.dripfeed is None:  # to such a panel they are unknown parameters
        return {name: value for name, value in params.items() if name not in ("runs", "interval")}
    interval = dialect.dripfeed.interval
    if interval not in given:
        return params
    if interval not in theirs:
        params["interval"] = given[interval]
    elif params.get("runs", "").strip("0 "):  # runs of 0 are no runs
        params["interval"] = params.pop(theirs[interval])
    return params


def _ids_split(action: str, params: dict[str, str]) -> dict[str, str]:
    """One ID stands under ``order``, several (or one given as a list) under ``orders``."""
    single, many = ID_PARAMS[action]
    listed = many in params
    text = params.pop(many, params.get(single, ""))
    params.pop(single, None)
    if not _is_plain(text):
        text = ",".join(part.strip() for part in text.split(",") if part.strip())
    if text:
        params[many if listed or "," in text else single] = text
    return params


def _is_plain(text: str) -> bool:
    """Digits with one comma between them: nothing to tidy up, as nearly always."""
    if not text.isascii() or text.encode().translate(None, b"0123456789,"):
        return False
    return ",," not in f",{text},"


def _kind(dialect: Dialect, action: str, given: Mapping[str, str]) -> Kind:
    """What the client says the order is, where the face has a way of saying so."""
    marks = dialect.dripfeed.status.items() if dialect.dripfeed else ()
    marked = action == "status" and marks and all(given.get(name) == text for name, text in marks)
    return Kind.DRIPFEED if marked else Kind.NORMAL
