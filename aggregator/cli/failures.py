"""What went wrong, in one line, with the exit status that says whose it is to mend.

====  =========================================================================
1     it could not be done: no such order, not enough money, a database in use
2     a mistake in the configuration or on the command line
====  =========================================================================

A bug of ours is neither: it keeps its traceback.
"""

import errno
import io
import sqlite3
import sys
from typing import Any

import click

FAILED = 1
MISTAKEN = 2


class Mistaken(click.ClickException):
    """The configuration is not sound; the message is the list of its mistakes."""

    exit_code = MISTAKEN

    def show(self, file: Any = None) -> None:
        click.echo(self.format_message(), err=True)


class Commands(click.Group):
    """A group whose commands end with a message where an operator can do something."""

    def invoke(self, ctx: click.Context) -> Any:
        _print_anything()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            told = in_words(error)
            if told is None:
                raise
            raise told from error


def _print_anything() -> None:
    """A terminal that cannot show a character is shown its code, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def in_words(error: Exception) -> click.ClickException | None:
    """The failure as an operator should read it; None for a bug."""
    from aggregator.config import ConfigErrors
    from aggregator.store.exceptions import StoreError
    from aggregator.store.sqlite_tx import fault

    if isinstance(error, ConfigErrors):
        return Mistaken(str(error))
    if isinstance(error, StoreError):
        return click.ClickException(str(error))
    if isinstance(error, sqlite3.Error) and (damage := fault(error)) is not None:
        return click.ClickException(str(damage))
    if isinstance(error, OSError) and error.errno not in (None, errno.EPIPE):
        what = f"{error.filename}: " if error.filename else ""
        return click.ClickException(f"{what}{error.strerror or error}")
    return None
