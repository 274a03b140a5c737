"""Dialects that break their own form: each part is sound, but not beside the others."""

from collections.abc import Iterable, Iterator, Mapping

from aggregator.dialects.form import FIELDS, PARAMS, Dialect

Clash = tuple[tuple[str, ...], str]  # where, and what is wrong there

_ERRORS = ("error", "errors")


def clashes(dialect: Dialect) -> list[Clash]:
    """Every pair of ours that would be one and the same to the panel."""
    return [*_actions(dialect), *_params(dialect), *_dripfeed(dialect), *_fields(dialect)]


def _twins(theirs_by_ours: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(first of ours, second of ours, theirs) where two of ours have one name there."""
    seen: dict[str, str] = {}
    for ours, theirs in theirs_by_ours:
        if theirs in seen:
            yield seen[theirs], ours, theirs
        seen.setdefault(theirs, ours)


def _at(mapped: Mapping[str, str], first: str, second: str) -> str:
    """Of two that clash, the one that the file maps: there the operator can mend it."""
    return second if second in mapped else first


def _actions(dialect: Dialect) -> Iterator[Clash]:
    renamed = {ours: theirs for ours, theirs in dialect.actions.items() if ours != theirs}
    for first, second, theirs in _twins(dialect.actions.items()):
        where = ("actions", _at(renamed, first, second))
        yield where, f"{first} and {second} would both be {theirs!r}"


def _params(dialect: Dialect) -> Iterator[Clash]:
    named = [(ours, dialect.params.get(ours, ours)) for ours in PARAMS if ours != "interval"]
    for first, second, theirs in _twins(named):
        where = ("params", _at(dialect.params, first, second))
        yield where, f"{first} and {second} would both be {theirs!r}"
    for ours, theirs in named:
        if theirs == "action":
            yield ("params", ours), "'action' carries the action"
        if theirs == dialect.param:
            yield ("auth", "param"), f"{theirs!r} is also the parameter for {ours}"
    if dialect.param == "action":
        yield ("auth", "param"), "'action' carries the action"


def _dripfeed(dialect: Dialect) -> Iterator[Clash]:
    if dialect.dripfeed is None:
        return
    taken = (
        {**dialect.our_params}
        | {"action": "the action"}
        | ({dialect.param: "the key"} if dialect.param else {})
    )
    interval = dialect.dripfeed.interval
    # A subscription's delay is never sent together with runs, so it can be told apart.
    if taken.get(interval, "delay") != "delay":
        yield ("dripfeed", "interval"), f"{interval!r} is also the parameter for {taken[interval]}"
    for name in dialect.dripfeed.status:
        if name in taken:
            yield ("dripfeed", "status", name), f"{name!r} is also the parameter for {taken[name]}"


def _fields(dialect: Dialect) -> Iterator[Clash]:
    for action, names in FIELDS.items():
        renamed = dialect.fields.get(action, {})
        named = [(ours, renamed.get(ours, ours)) for ours in names]
        for first, second, theirs in _twins(named):
            where = ("fields", _at(renamed, first, second))
            yield where, f"{first} and {second} would both be {theirs!r} in {action}"
        for ours, theirs in named:
            if theirs in _ERRORS:
                yield ("fields", ours), f"{theirs!r} is how every panel names an error"
