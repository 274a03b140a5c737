"""What is wrong with a form, noted without stopping.

The values are whatever an operator's YAML held, so nothing about them is believed:
a list where a mapping should be, a boolean where a name should be (YAML reads
``no`` as one). Each method of ``Notes`` gives the value it was asked for, or notes
the mistake and gives nothing.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

Path = tuple[str | int, ...]

TEXT_LIMIT = 300
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Mistake:
    """``path`` starts with the dialect's name and ends where the mistake is."""

    path: Path
    message: str


@dataclass(frozen=True)
class Notes:
    """The mistakes of one dialect; paths are given from inside it."""

    dialect: str
    mistakes: list[Mistake]

    def wrong(self, path: Path, message: str) -> None:
        self.mistakes.append(Mistake((self.dialect, *path), message))

    def items(self, path: Path, value: object) -> list[tuple[str, object]]:
        """The entries of a mapping whose keys are text."""
        if not isinstance(value, Mapping):
            self.wrong(path, f"a mapping is wanted, not {shown(value)}")
            return []
        texts = [(self.text((*path, step(key)), key), item) for key, item in value.items()]
        return [(key, item) for key, item in texts if key is not None]

    def known(self, path: Path, value: object, known: Iterable[str], what: str) -> str | None:
        """One of a fixed set of words, or None with a hint at the nearest one."""
        known = tuple(known)
        if isinstance(value, str) and value in known:
            return value
        self.wrong(path, f"{shown(value)} is no {what}{hint(value, known)}")
        return None

    def known_list(
        self, path: Path, value: object, known: Iterable[str], what: str
    ) -> tuple[str, ...]:
        if not isinstance(value, list):
            self.wrong(path, f"a list is wanted, not {shown(value)}")
            return ()
        known = tuple(known)
        found = [self.known((*path, i), item, known, what) for i, item in enumerate(value)]
        return tuple(item for item in found if item is not None)

    def their_name(self, path: Path, value: object) -> str | None:
        """The name of a parameter, a field or an action of theirs."""
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        self.wrong(path, f"a name of theirs is wanted, not {shown(value)}")
        return None

    def text(self, path: Path, value: object) -> str | None:
        """A text; a number is taken for one, for YAML reads an unquoted 104 as a number."""
        text = shown(value) if is_number(value) else value
        if isinstance(text, str) and text.strip() and len(text) <= TEXT_LIMIT:
            return text
        self.wrong(path, f"a text is wanted, not {shown(value)}")
        return None

    def yes_or_no(self, path: Path, value: object) -> bool:
        if not isinstance(value, bool):
            self.wrong(path, f"true or false is wanted, not {shown(value)}")
        return value is True


def is_number(value: object) -> TypeGuard[int]:
    """A whole number of a sane size: Python refuses to print one of 5000 digits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18


def shown(value: object) -> str:
    """A value as an operator recognizes it: short, and no deep structure walked."""
    if isinstance(value, str):
        return f"'{value[:60]}'"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if is_number(value):
        return str(value)
    return "a mapping" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def step(key: object) -> str:
    """A key of a mapping as a step of a path."""
    return key if isinstance(key, str) else shown(key)


def hint(text: object, known: Iterable[str]) -> str:
    """ " (did you mean ...?)", where something known is near."""
    near = difflib.get_close_matches(step(text)[:60], list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
