"""The demo's progress: a table that lives on a terminal, plain lines anywhere else."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aggregator.cli.demo.errands import Errand

_COLOURS = {"Completed": "green", "Partial": "yellow", "Canceled": "magenta"}


class Screen:
    """A context. ``say`` prints above the table; ``show`` brings it up to date."""

    def __init__(self, console: Console, errands: Sequence[Errand]) -> None:
        self._console = console
        self._errands = errands
        self._last: dict[int, str] = {}
        lives = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, auto_refresh=False) if lives else None

    def __enter__(self) -> "Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def show(self) -> None:
        if self._live is not None:
            self._live.update(_table(self._errands), refresh=True)
            return
        for errand in self._errands:
            line = _line(errand)
            if errand.order and self._last.get(errand.service) != line:
                self._last[errand.service] = line
                self.say(f"  {line}")


def _table(errands: Sequence[Errand]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ORDER", "PANEL", "WHAT", "STATUS", "REMAINS", "CHARGE"):
        right = heading in ("ORDER", "REMAINS", "CHARGE")
        table.add_column(heading, justify="right" if right else "left")
    for errand in errands:
        status = Text(_status(errand), style=_COLOURS.get(errand.status, ""))
        table.add_row(
            errand.order, errand.panel, errand.name, status, _told(errand, "remains"),
            _told(errand, "charge"),
        )  # fmt: skip
    return table


def _told(errand: Errand, name: str) -> str:
    return str(errand.answer.get(name, ""))


def _status(errand: Errand) -> str:
    parts = [errand.status or ("placed" if errand.order else "")]
    if errand.made:
        parts.append(f"{len(errand.made)} made of it")
    if errand.refilled:
        parts.append(f"refill {errand.refilled.lower()}")
    return ", ".join(parts)


def _line(errand: Errand) -> str:
    said = [_status(errand)]
    if errand.answer and not errand.ended:
        said.append(f"{_told(errand, 'remains')} remain")
    if errand.ended:
        said.append(f"charge {_told(errand, 'charge')}")
    return f"order {errand.order}  {errand.panel:<17}  {errand.name}: {', '.join(said)}"
