"""The keys of a dialect's form, one function each.

Each reads the value that stands under its key and gives the attributes of
``Dialect`` that it changes, starting from those inherited. A mistaken part is noted
and left out. docs/dialects.md explains the keys to the people who write them.
"""

from collections.abc import Callable, Mapping

from aggregator.core import errors
from aggregator.core.errors import ErrorClass
from aggregator.core.lifecycle import Word, squash
from aggregator.core.messages import ACTIONS
from aggregator.dialects.form import (
    BATCHES,
    BLANKS,
    FIELDS,
    INTEGERS,
    PARAMS,
    PARTS,
    Dialect,
    Dripfeed,
)
from aggregator.dialects.mistakes import Notes, Path, is_number, shown

Changes = dict[str, object]
Reader = Callable[[Notes, object, Dialect], Changes]

MAX_BATCH = 10_000
_LISTS = ("comments", "usernames", "hashtags", "keywords", "groups")
_ALL_FIELDS = tuple(dict.fromkeys(name for names in FIELDS.values() for name in names))
# Without these an answer would say nothing.
_NEEDED = {
    "services": "service",
    "add": "order",
    "status": "status",
    "statuses": "status",
    "dripfeed": "status",
    "subscription": "status",
    "balance": "balance",
}
_OUR_TEXTS = tuple(
    text for name, text in vars(errors).items() if name.isupper() and isinstance(text, str)
)


def extends(notes: Notes, value: object, _base: Dialect) -> Changes:
    """The base was found before; here only a value that is no name is left to tell."""
    if not isinstance(value, str):
        notes.wrong(("extends",), f"the name of a dialect is wanted, not {shown(value)}")
    return {}


def auth(notes: Notes, value: object, _base: Dialect) -> Changes:
    """Replaced as a whole: ``{bearer: true}`` is the header and nothing else."""
    param, bearer, faults = None, False, len(notes.mistakes)
    for key, item in notes.items(("auth",), value):
        path = ("auth", key)
        if notes.known(path, key, ("param", "bearer"), "key of auth") == "bearer":
            bearer = notes.yes_or_no(path, item)
        elif key == "param" and item is not None:
            param = notes.their_name(path, item)
    if param or bearer:
        return {"param": param, "bearer": bearer}
    if len(notes.mistakes) == faults:
        notes.wrong(("auth",), "no way to give the key: a param, or bearer: true")
    return {}


def encoding(notes: Notes, value: object, _base: Dialect) -> Changes:
    return {"json": notes.known(("encoding",), value, ("form", "json"), "encoding") == "json"}


def actions(notes: Notes, value: object, base: Dialect) -> Changes:
    found = dict(base.actions)
    for key, item in notes.items(("actions",), value):
        path = ("actions", key)
        action = notes.known(path, key, ACTIONS, "action")
        if action in ("add", "status") and item is None:
            notes.wrong(path, f"a panel without {action} is of no use")
        elif action and item is None:
            found.pop(action, None)
        elif action and (theirs := notes.their_name(path, item)):
            found[action] = theirs
    return {"actions": found}


def params(notes: Notes, value: object, base: Dialect) -> Changes:
    found = dict(base.params)
    for key, item in notes.items(("params",), value):
        path = ("params", key)
        if key == "interval":
            notes.wrong(path, "the interval's name is given under dripfeed")
        elif notes.known(path, key, PARAMS, "parameter") and (
            theirs := notes.their_name(path, item)
        ):
            found[key] = theirs
    return {"params": found}


def fields(notes: Notes, value: object, base: Dialect) -> Changes:
    """A plain name holds in every answer that has the field; below an action, there only."""
    found = {action: dict(base.fields.get(action, {})) for action in FIELDS}
    narrow: list[tuple[str, object]] = []
    for key, item in notes.items(("fields",), value):
        if isinstance(item, Mapping):
            narrow.append((key, item))
        elif notes.known(("fields", key), key, _ALL_FIELDS, "field") and (
            theirs := notes.their_name(("fields", key), item)
        ):
            for action in (action for action, names in FIELDS.items() if key in names):
                found[action][key] = theirs
    for action, item in narrow:
        if notes.known(("fields", action), action, FIELDS, "action"):
            found[action] |= _fields_of(notes, action, item)
    return {"fields": {action: names for action, names in found.items() if names}}


def _fields_of(notes: Notes, action: str, value: object) -> dict[str, str]:
    found = {}
    for key, item in notes.items(("fields", action), value):
        path = ("fields", action, key)
        theirs = notes.their_name(path, item)
        if notes.known(path, key, FIELDS[action], f"field of {action}") and theirs:
            found[key] = theirs
    return found


def omit(notes: Notes, value: object, base: Dialect) -> Changes:
    found = dict(base.omit)
    for part, item in notes.items(("omit",), value):
        path = ("omit", part)
        if notes.known(path, part, PARTS, "part of an answer"):
            names = notes.known_list(path, item, FIELDS[PARTS[part]], f"field of {part}")
            if _NEEDED[part] in names:
                notes.wrong(path, f"{part} cannot be without {_NEEDED[part]}")
            found[part] = frozenset(names) - {_NEEDED[part]}
    return {"omit": found}


def integers(notes: Notes, value: object, _base: Dialect) -> Changes:
    return {"integers": frozenset(notes.known_list(("integers",), value, INTEGERS, "number"))}


def blank(notes: Notes, value: object, _base: Dialect) -> Changes:
    return {"blank": frozenset(notes.known_list(("blank",), value, BLANKS, "text"))}


def batch(notes: Notes, value: object, base: Dialect) -> Changes:
    found = dict(base.batch)
    for key, item in notes.items(("batch",), value):
        path = ("batch", key)
        if notes.known(path, key, BATCHES, "action that takes several IDs"):
            found[key] = _size(notes, path, item, found[key])
    return {"batch": found}


def _size(notes: Notes, path: Path, value: object, otherwise: int) -> int:
    if is_number(value) and 0 <= value <= MAX_BATCH:
        return value
    notes.wrong(path, f"a whole number is wanted (0: one by one), not {shown(value)}")
    return otherwise


def dripfeed(notes: Notes, value: object, base: Dialect) -> Changes:
    if value is None:
        return {"dripfeed": None}
    inherited = base.dripfeed or Dripfeed()
    interval, status = inherited.interval, inherited.status
    for key, item in notes.items(("dripfeed",), value):
        path = ("dripfeed", key)
        if notes.known(path, key, ("interval", "status"), "key of dripfeed") == "interval":
            interval = notes.their_name(path, item) or interval
        elif key == "status":
            status = _texts(notes, path, item)
    return {"dripfeed": Dripfeed(interval, status)}


def _texts(notes: Notes, path: Path, value: object) -> dict[str, str]:
    """Texts by texts."""
    read = {key: notes.text((*path, key), item) for key, item in notes.items(path, value)}
    return {key: text for key, text in read.items() if text is not None}


def cancel_by(notes: Notes, value: object, base: Dialect) -> Changes:
    way = notes.known(("cancel_by",), value, ("orders", "order"), "way to cancel one order")
    return {"cancel_by": way or base.cancel_by}


def quantity_beside(notes: Notes, value: object, _base: Dialect) -> Changes:
    found = notes.known_list(("quantity_beside",), value, _LISTS, "parameter with lines")
    return {"quantity_beside": found}


def error_classes(notes: Notes, value: object, base: Dialect) -> Changes:
    """The dialect's own texts come before those it inherits: the first match wins."""
    found: dict[str, ErrorClass] = {}
    for text, item in notes.items(("errors",), value):
        known = notes.known(("errors", text), item, ErrorClass, "class of errors")
        if known:
            found[text] = ErrorClass(known)
    inherited = {text: known for text, known in base.errors.items() if text not in found}
    return {"errors": found | inherited}


def statuses(notes: Notes, value: object, base: Dialect) -> Changes:
    found: dict[str, str] = {}
    for text, item in notes.items(("statuses",), value):
        word = notes.known(("statuses", text), item, Word, "status")
        if word and found.setdefault(squash(text), str(word)) != word:
            notes.wrong(("statuses", text), "the same text as one above, but for case and spaces")
    return {"statuses": {**base.statuses, **found}}


def error_texts(notes: Notes, value: object, base: Dialect) -> Changes:
    found = dict(base.error_texts)
    for text, theirs in _texts(notes, ("error_texts",), value).items():
        if notes.known(("error_texts", text), text, _OUR_TEXTS, "error of ours"):
            found[text] = theirs
    return {"error_texts": found}


def row_errors(notes: Notes, value: object, _base: Dialect) -> Changes:
    known = notes.known(("row_errors",), value, ("text", "list"), "way to write an error")
    return {"row_errors_as_list": known == "list"}


KEYS: Mapping[str, Reader] = {
    "extends": extends,
    "auth": auth,
    "encoding": encoding,
    "actions": actions,
    "params": params,
    "fields": fields,
    "omit": omit,
    "integers": integers,
    "blank": blank,
    "batch": batch,
    "dripfeed": dripfeed,
    "cancel_by": cancel_by,
    "quantity_beside": quantity_beside,
    "errors": error_classes,
    "statuses": statuses,
    "error_texts": error_texts,
    "row_errors": row_errors,
}
