"""A transaction as the scripts see it, and the named statements they run.

The scripts of this room are synchronous functions over a ``Tx``. They are run by
the server's writer, by the short connections of the command line, and on every
kind of database; so nothing in them, nor in ``queries/*.sql``, may be special to
one of these. Statements are written with ``:name`` parameters; ``IN (:ids...)``
takes a sequence.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Protocol

Param = int | str | bytes | None | Sequence[int] | Sequence[str]


class Row(Protocol):
    """A row by column name."""

    def __getitem__(self, key: str, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Tx(Protocol):
    """An open transaction. ``query`` is a name from ``queries/*.sql``, or SQL.

    ``touched``: the IDs of orders that its named statements change are put there.
    """

    touched: set[int]

    def one(self, query: str, /, **params: Param) -> Row | None:
        """The first row, or None."""

    def all(self, query: str, /, **params: Param) -> Sequence[Row]: ...

    def run(self, query: str, /, **params: Param) -> int:
        """How many rows were changed."""

    def insert(self, query: str, /, **params: Param) -> int:
        """The ID of the one row that a named statement inserts. (Not by RETURNING, for which
        SQLite makes a table each time: that takes as long as the row.)"""


_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_SPREAD = re.compile(r":(\w+)\.\.\.")


def parse_queries(text: str) -> dict[str, str]:
    """Name -> statement, of one file: each begins with a line ``-- name: its_name``."""
    pieces = _NAME.split(text)[1:]
    return {name: sql.strip() for name, sql in zip(pieces[::2], pieces[1::2], strict=True)}


def _load() -> dict[str, str]:
    queries: dict[str, str] = {}
    for file in files("aggregator.store").joinpath("queries").iterdir():
        found = parse_queries(file.read_text(encoding="utf-8"))
        if twice := queries.keys() & found.keys():
            raise ValueError(f"{file.name}: named before: {sorted(twice)}")
        queries |= found
    return queries


QUERIES: Mapping[str, str] = _load()
_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)(?!\.\.\.)")


def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """``:name`` parameters as ``?1``, ``?2``..., and the names in that order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(sql)))
    return _PARAMETER.sub(lambda found: f"?{names.index(found[1]) + 1}", sql), names


ANY = 0  # among the IDs of changed orders: nobody knows which
_CHANGING = re.compile(r"^UPDATE orders\b", re.MULTILINE)
_CHANGED = re.compile(r"\bWHERE id (?:= :(\w+)|IN \(:(\w+)\.\.\.\))")


def _touching(queries: Mapping[str, str]) -> dict[str, str]:
    """Name of each statement that changes orders -> the parameter that says which; "": any."""
    changing = {name: _CHANGED.search(sql) for name, sql in queries.items() if _changes(sql)}
    return {name: (which[1] or which[2]) if which else "" for name, which in changing.items()}


def _changes(sql: str) -> bool:
    return _CHANGING.search(sql) is not None


TOUCHING: Mapping[str, str] = _touching(QUERIES)
_SPREADING = frozenset(name for name, sql in QUERIES.items() if _SPREAD.search(sql))


def prepared(query: str, params: dict[str, Any]) -> str:
    """The SQL of a query; sequences among ``params`` become one parameter per item."""
    sql = QUERIES.get(query, query)
    if query in _SPREADING:
        sql = _SPREAD.sub(partial(_spread, params), sql)
    return sql


def touched_by(query: str, params: Mapping[str, Any]) -> Sequence[int]:
    """The orders that a statement in ``TOUCHING`` changes, or would if it finds them so."""
    name = TOUCHING[query]
    if not name:
        return (ANY,)
    which = params[name]
    return [which] if isinstance(which, int) else which


def _spread(params: dict[str, Any], found: re.Match[str]) -> str:
    name = found[1]
    items = {f"{name}_{index}": item for index, item in enumerate(params.pop(name))}
    params |= items
    return ", ".join(f":{item}" for item in items) or "NULL"
