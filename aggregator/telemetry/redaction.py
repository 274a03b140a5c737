"""What holds secrets back from the log: the three nets, and what a request brought.

Keys, links and comments must never reach a log. Three nets hold them back, and
every line, ours or a library's, falls through all three (``Redactor``):

1. a value logged under a telling name (``key``, ``link``...) is replaced whole;
2. secrets known from the start (providers' keys) are cut out of every text;
3. what the request at hand brought (``conceal``) is cut out of every text logged
   by its task, or by a task that it started. (Tracebacks show code, no variables; those
   of work that no request began show no exception's text either.)

Hardly ever is there something to cut. So the texts of a line are first searched all at
once (``_is_harmless``), and only where something turns up, or a value is no plain one, is
each looked through by itself (``_clean``). The first must find whatever the second cuts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from urllib.parse import quote_plus

from structlog.typing import EventDict, WrappedLogger

_CONCEALED: ContextVar[tuple[str, ...]] = ContextVar("concealed", default=())

REDACTED = "[redacted]"
SHORTEST_SECRET = 4  # cutting out shorter ones would only garble the lines
MOST_CONCEALED = 16_384  # characters; to look for more would take too long
_FRAME = re.compile(r'^ +File "[^"\n]+", line [0-9]+, in [\w<>]+$', re.MULTILINE)

_TELLING = frozenset(
    {
        *("key", "api_key", "api_token", "token", "authorization", "password", "secret"),
        *("link", "comments", "custom_data", "usernames", "username", "hashtags", "hashtag"),
        *("media", "keywords", "groups", "params", "fields", "query", "body", "headers"),
    }
)
# Texts that may hold anything, in any guise. So may all of a line that tells of trouble.
_FREE = frozenset({"error", "exception"})
_PLAIN = frozenset({int, float, bool, type(None)})
# Words of ours. A client must not blank them by sending them as a link.
_OURS = frozenset(
    {"at", "level", "call", "room", "face", "action", "answer", "address", "reseller"}
)


def conceal(*secrets: str) -> None:
    """From now on, cut these (and no longer any earlier ones) out of all this task logs."""
    _CONCEALED.set(secrets)


def concealed() -> list[str]:
    """What this task conceals, the longest first."""
    long_enough = [secret for secret in _CONCEALED.get() if len(secret) >= SHORTEST_SECRET]
    return sorted(long_enough, key=len, reverse=True)


def _guises(secrets: Iterable[str]) -> set[str]:
    """The secrets, whole and by lines: plain, quoted, in a repr, in a repr of a repr."""
    lines = {line.strip() for secret in secrets for line in secret.splitlines()}
    plain = lines.union(secrets)
    escaped = {repr(text)[1:-1] for text in plain}
    twice = {repr(text)[1:-1] for text in escaped}
    guises = plain.union(escaped, twice, map(_quoted, plain))
    return {text for text in guises if len(text) >= SHORTEST_SECRET}


def _quoted(text: str) -> str:
    """A header may bring bytes that are no text, as halves of surrogate pairs."""
    try:
        return quote_plus(text, errors="surrogateescape")
    except UnicodeEncodeError:  # other halves, which stand for no bytes
        return quote_plus(text, errors="surrogatepass")


@lru_cache(1_000)  # a line has the same names whenever it is said
def _to_be_searched(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Of an event's fields, those that may hold a secret; None where one of them does."""
    if any(name.lower() in _TELLING for name in names):
        return None
    return tuple(name for name in names if name not in _OURS)


def _is_trouble(method: str, event: EventDict) -> bool:
    return method not in ("debug", "info") or not _FREE.isdisjoint(event)


def _frames(name: str, value: object) -> object:
    """Of a traceback only where it went, of other texts nothing."""
    if name in _OURS or isinstance(value, int | float):
        return value
    return "\n".join(_FRAME.findall(str(value))) or REDACTED


class Redactor:
    """A structlog processor that lets no secret through, however deep it lies."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Cut these out too, from now on: say, the keys of newly configured providers."""
        long_enough = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._known = self._known | long_enough  # another, for other threads walk through this one
        longest_first = sorted(map(re.escape, self._known), key=len, reverse=True)
        self._pattern = re.compile("|".join(longest_first)) if self._known else None

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if self._is_harmless(method, event):
            return event
        secrets = concealed()
        if secrets and _is_trouble(method, event):
            if sum(map(len, secrets)) > MOST_CONCEALED:
                event = {name: _frames(name, value) for name, value in event.items()}
            else:
                secrets = sorted(_guises(secrets), key=len, reverse=True)
        for name, value in event.items():
            if name not in _OURS:
                event[name] = self._clean(name, value, secrets)
        return event

    def _is_harmless(self, method: str, event: EventDict) -> bool:
        """Whether there is nothing to cut out of it, so far as can be told in passing."""
        names = _to_be_searched(tuple(event))
        if names is None:
            return False
        texts = []
        for name in names:
            value = event[name]
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind not in _PLAIN:
                return False
        text = "\n".join(texts)
        for secret in self._known:
            if secret in text:
                return False
        secrets = _CONCEALED.get()
        for secret in secrets:
            if secret in text and len(secret) >= SHORTEST_SECRET:
                return False
        return not (secrets and _is_trouble(method, event))

    def _clean(self, name: object, value: object, secrets: Sequence[str]) -> object:
        if isinstance(name, str) and name.lower() in _TELLING and value is not None:
            return REDACTED
        if isinstance(value, str):
            return self._cut(value, secrets)
        if value is None or isinstance(value, int | float):
            return value
        if isinstance(value, Mapping):
            return {
                self._cut(str(inner), secrets): self._clean(inner, item, secrets)
                for inner, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", item, secrets) for item in value]
        return self._cut(repr(value), secrets)

    def _cut(self, text: str, secrets: Sequence[str]) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(REDACTED, text)
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text
