"""Mistakes: what they are, how they are gathered, how they read.

A mistake is where (file, line, path of keys) and what. None of them shows a secret:
whatever quotes a value goes through ``shown``, and a value that came from the
environment is shown as it stands in the file, ``${GULF_KEY}``.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

Where = tuple[str | int, ...]
"""The keys from the top: ``("services", "1", "routes", 0, "provider")``."""

LONGEST = 60  # what is quoted is cut off here, so that a mistake stays one line


class Hidden(str):
    """A key in a path that must not be shown: it finds its line, and leaves no trace."""

    __slots__ = ()


def _part(part: str | int) -> str:
    text = str(part)
    return text[:LONGEST] if text.isprintable() else repr(text[:LONGEST])


@dataclass(frozen=True, slots=True)
class Mistake:
    """``str()`` gives ``config.yaml:17: services.1.rate: is missing``.

    ``line`` counts from 1; None where the file as a whole is meant.
    """

    file: str
    line: int | None
    path: Where
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        path = ".".join(_part(part) for part in self.path)
        return ": ".join(text for text in (place, path, self.message) if text)


def render(mistakes: Iterable[Mistake]) -> str:
    """One line each."""
    return "\n".join(str(mistake) for mistake in mistakes)


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, by file and line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda one: (one.file, one.line or 0))
        super().__init__(render(self.mistakes))


class Report:
    """Gathers mistakes and warnings; those without a file are located in the end."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []
        self._touched: set[Where] = set()

    def mistake(self, path: Where, message: str) -> None:
        """Noted, unless the value there (or part of it) is known to be wrong already.

        What follows from a mistake would only hide it: a service whose one route is
        misspelt should not be told that it has no route.
        """
        if path not in self._touched:
            self.mistake_at("", None, path, message)

    def mistake_at(self, file: str, line: int | None, path: Where, message: str) -> None:
        self.mistakes.append(Mistake(file, line, path, message))
        self._touched.update(path[:length] for length in range(1, len(path) + 1))

    def warning(self, path: Where, message: str) -> None:
        self.warnings.append(Mistake("", None, path, message))


def shown(value: object) -> str:
    """A value as a mistake quotes it; never call it with what may be a key."""
    if isinstance(value, str):
        text = repr(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…'"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return "a mapping" if isinstance(value, dict) else "a list"


class Unfit(ValueError):
    """A value that is not what it must be. ``discreet`` says so without the value, where that
    may be an API key in the wrong place: any text or number that comes close to nothing."""

    def __init__(self, wanted: str, value: object, hint: str = "") -> None:
        super().__init__(f"must be {wanted}, not {shown(value)}{hint}")
        harmless = hint or isinstance(value, bool) or not isinstance(value, str | int | Decimal)
        self.discreet = str(self) if harmless else f"must be {wanted}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` (did you mean 'gulf'?)``, or nothing where nothing comes close."""
    spellings = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word[:LONGEST].casefold(), spellings, n=1)
    return f" (did you mean {spellings[close[0]]!r}?)" if close else ""


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """``no provider 'gluf' (did you mean 'gulf'?)``"""
    return f"no {kind} {shown(word)}{did_you_mean(word, known)}"
