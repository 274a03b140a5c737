"""Many IDs as few calls, and the answers joined again with a truth for each ID."""

from collections.abc import Iterable, Mapping, Sequence
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


def questions(
    dialect: Dialect, action: str, ids: Sequence[str], kind: Kind = Kind.NORMAL
) -> list[Question]:
    """As few calls as the dialect's batch size allows; each ID is asked about once.

    A lone ID goes in the form for one, which every panel has, where a panel can do
    ``action`` at all. (How a cancel of one is spelled is the codec's business.)
    """
    one = "refill" if action == "refill_status" else "order"
    size = max(dialect.batch_size(action), 1)
    distinct = tuple(dict.fromkeys(ids))
    groups = [distinct[start : start + size] for start in range(0, len(distinct), size)]
    return [Question(group, _command(action, one, group, kind)) for group in groups]


def _command(action: str, one: str, ids: tuple[str, ...], kind: Kind) -> Command:
    name = one if len(ids) == 1 else f"{one}s"
    return Command(action, {name: ",".join(ids)}, kind)


def merged(ids: Sequence[str], answers: Iterable[Mapping[str, T]], missing: T) -> dict[str, T]:
    """One answer per ID asked, in the order asked; ``missing`` where none has it."""
    found = {key: value for answer in answers for key, value in answer.items()}
    return {key: found.get(key, missing) for key in ids}
