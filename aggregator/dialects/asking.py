"""As a client of a panel: a command into the request that this panel wants."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote_plus

from aggregator.core.messages import Command
from aggregator.core.model import Kind
from aggregator.dialects.form import ID_PARAMS, Dialect
from aggregator.dialects.wire import WireRequest

_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}

# Sent as numbers in JSON where they are plain ones: the strict readers of JSON
# want that, the others do not mind.
_NUMBERS = frozenset(
    {
        "service",
        "quantity",
        "runs",
        "interval",
        "min",
        "max",
        "posts",
        "old_posts",
        "delay",
        "order",
        "refill",
    }
)
_OF_LINKS = ((":", "%3A"), ("/", "%2F"), ("?", "%3F"), ("=", "%3D"), ("&", "%26"), ("@", "%40"))
_QUOTED = re.compile(r"[A-Za-z0-9_.~%-]*")
_LINE = re.compile(r"[\r\n]+")  # not splitlines: it takes a form feed for the end of a line
_PLAIN_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


def encode_command(dialect: Dialect, command: Command, key: str) -> WireRequest:
    """The request that carries ``command`` out at a panel of this dialect.

    Parameters that the dialect does not know (an idempotency parameter) travel as
    they are. ValueError: the panel does not offer the action; ask ``offers`` first.
    """
    if not dialect.offers(command.action):
        raise ValueError(f"{dialect.name} does not offer {command.action}")
    head = {dialect.param: key} if dialect.param else {}
    head["action"] = dialect.actions[command.action]
    params = _fitted(dialect, command)
    if dialect.dripfeed and command.action == "status" and command.kind is Kind.DRIPFEED:
        head |= dialect.dripfeed.status
    headers = _JSON if dialect.json else _FORM
    if dialect.bearer:
        headers = headers | {"Authorization": f"Bearer {key}"}
    return WireRequest(headers, _body(dialect, head, params))


def _body(dialect: Dialect, head: Mapping[str, str], params: Mapping[str, str]) -> bytes:
    theirs = dialect.their_params
    if dialect.json:
        numbered = {theirs.get(name, name): _as_json(name, params[name]) for name in params}
        return json.dumps({**head, **numbered}).encode()
    pairs = {**head, **{theirs.get(name, name): text for name, text in params.items()}}.items()
    return "&".join([f"{_name(name)}={_quoted(text)}" for name, text in pairs]).encode()


def _quoted(text: str) -> str:
    """For a form, as ``quote_plus`` does it. Most values are a word or a number, with
    nothing to quote, or a link, with little."""
    if text.isascii() and text.isalnum():
        return text
    quoted = text.replace("%", "%25")
    for mark, code in _OF_LINKS:
        quoted = quoted.replace(mark, code)
    if _QUOTED.fullmatch(quoted):
        return quoted
    # errors: half of a surrogate pair is no text, and an encoder must not raise.
    return quote_plus(text, errors="replace")


_name = lru_cache(_quoted)  # there are few


def _as_json(name: str, value: str) -> str | int:
    return int(value) if name in _NUMBERS and _PLAIN_NUMBER.fullmatch(value) else value


def _fitted(dialect: Dialect, command: Command) -> Mapping[str, str]:
    """The parameters, with IDs and quantity given the way this panel wants them."""
    if command.action == "add":
        return _with_quantity(dialect, command.params)
    if command.action in ID_PARAMS:
        return _with_ids(dialect, command)
    return command.params


def _with_quantity(dialect: Dialect, params: Mapping[str, str]) -> Mapping[str, str]:
    lists = [name for name in dialect.quantity_beside if name in params]
    if not lists or "quantity" in params:
        return params
    lines = sum(1 for line in _LINE.split(params[lists[0]]) if line.strip())
    return {**params, "quantity": str(lines)}


def _with_ids(dialect: Dialect, command: Command) -> Mapping[str, str]:
    """One ID goes under the name that this panel has for one ID."""
    single, many = ID_PARAMS[command.action]
    ids = command.params.get(many) or command.params.get(single, "")
    if "," in ids:
        return {many: ids}
    if command.action == "cancel":
        return {dialect.cancel_by: ids}
    batched = many in command.params and dialect.batch_size(command.action)
    return {many if batched else single: ids}
