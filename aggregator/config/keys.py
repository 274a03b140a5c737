"""Secrets that stand in files of their own: providers' keys, the admin's token."""

import os
from collections.abc import Mapping
from pathlib import Path

from aggregator.config.environment import NoSecrets
from aggregator.config.sources import read_text
from aggregator.config.values import text


def read_secret(written: str, base: Path, environ: Mapping[str, str]) -> str:
    """The one line that a file holds, without the end of the line.

    ``written`` is the name of a systemd credential, where there is one of that name,
    else a path, relative to ``base``. ValueError says what is wrong with it.
    """
    if isinstance(environ, NoSecrets):
        return "-"
    content = read_text(_found(written, base, environ)).rstrip("\r\n")
    if not content.strip():
        raise ValueError("the file is empty")
    try:
        return text(content)
    except ValueError:
        raise ValueError("the file must hold one line of text") from None


def _found(written: str, base: Path, environ: Mapping[str, str]) -> Path:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory and "/" not in written:
        credential = Path(directory) / written
        if os.path.lexists(credential):
            return credential
    return base / written
