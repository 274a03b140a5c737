"""``${NAME}`` in a value: the environment's text, which may be a secret."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


class FromEnvironment(str):
    """A text with variables filled in, whose ``repr`` is what stands in the file.

    So whatever quotes it, a mistake or a traceback, shows the variable's name.
    """

    written: str
    __slots__ = ("written",)

    def __new__(cls, text: str, written: str) -> "FromEnvironment":
        made = super().__new__(cls, text)
        made.written = written
        return made

    def __repr__(self) -> str:
        return repr(self.written)


class NoSecrets(dict[str, str]):
    """An environment for commands that talk to no provider.

    Keys of providers and the admin's token are neither looked up nor read: an
    operator who is woken at night need not have the service's secrets at hand.
    """


def expand(written: str, environ: Mapping[str, str]) -> str:
    """The text with its variables filled in; ``$${`` stands for ``${``.

    Raises ValueError, naming the variable, where one is not set or not closed.
    """
    if "${" not in written:
        return written
    names = [match["name"] for match in _VARIABLE.finditer(written) if match[0] != "$${"]
    if None in names:
        raise ValueError("'${' wants a variable's name and '}' behind it ('$${' is a plain '${')")
    if missing := sorted({name for name in names if name not in environ}):
        raise ValueError(f"environment variable {', '.join(missing)} is not set")
    text = _VARIABLE.sub(lambda m: environ[m["name"]] if m["name"] else "${", written)
    return FromEnvironment(text, written) if names else text
