"""Many IDs as few calls, and the answers joined again with a truth for each ID."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aggregator.core.messages import Command
from aggregator.core.model import Kind
from aggregator.dialects import Dialect

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """One call's command and the IDs that it asks about."""

    ids: tuple[str, ...]
    command: Command


def batches(ids: Sequence[str], size: int, apart: Collection[str] = ()) -> list[tuple[str, ...]]:
    """As few calls as ``size`` allows; each ID is asked about once, those ``apart`` alone."""
    distinct = dict.fromkeys(ids)
    alone = [one for one in distinct if one in apart] if apart else []
    together = tuple(one for one in distinct if one not in apart) if alone else tuple(distinct)
    starts = range(0, len(together), size)
    return [*(together[start : start + size] for start in starts), *((one,) for one in alone)]


def question(
    dialect: Dialect, action: str, ids: tuple[str, ...], kind: Kind = Kind.NORMAL
) -> Question:
    """One call. A lone ID goes in the form for one, which every panel has, where a panel
    can do ``action`` at all. (How a cancel of one is spelled is the codec's business.)
    """
    one = "refill" if action == "refill_status" else "order"
    name = one if len(ids) == 1 else f"{one}s"
    return Question(ids, Command(action, {name: ",".join(ids)}, kind))


def merged(ids: Sequence[str], answers: Iterable[Mapping[str, T]], missing: T) -> dict[str, T]:
    """One answer per ID asked, in the order asked; ``missing`` where none has it."""
    found: dict[str, T] = {}
    for answer in answers:
        found.update(answer)
    return {key: found.get(key, missing) for key in ids}
