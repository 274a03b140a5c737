"""An operator's desk: a configuration, a database, and commands run at it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
import yaml
from click.testing import CliRunner, Result

from aggregator.cli import main
from aggregator.cli.opening import load, reading, writing
from aggregator.core.model import State
from aggregator.core.outcome import InDoubt, Outcome, Placed
from aggregator.ports import Opened
from aggregator.store import attempts, orders, resellers
from aggregator.store.tx import Tx
from tests.store import builders

T = TypeVar("T")

LINK = "https://example.org/p/1"


def configuration(url: str = "http://127.0.0.1:9/api/v2", **changes: Any) -> dict[str, Any]:
    """One provider, one service; nothing listens for admins."""
    return {
        "listen": "127.0.0.1:0",
        "admin_listen": None,
        "providers": {"gulf": {"url": url, "key": "sandbox-key", "dialect": "smmgulf"}},
        "services": {
            1: {
                "name": "Followers",
                "category": "Demo",
                "rate": "1.20",
                "min": 10,
                "max": 10_000,
                "cancel": True,
                "routes": [{"provider": "gulf", "service": 1}],
            }
        },
        **changes,
    }


@dataclass(frozen=True)
class Desk:
    """``run`` and ``json`` go through click; ``subprocess`` through a real one."""

    folder: Path

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    def configure(self, **changes: Any) -> None:
        self.config_path.write_text(yaml.safe_dump(configuration(**changes)))

    def run(self, *args: str, status: int = 0, given: str | None = None) -> Result:
        """The result, once its exit status is the one that was expected. Bugs are raised."""
        environ = {"AGGREGATOR_CONFIG": str(self.config_path)}
        try:
            result = CliRunner().invoke(
                main, args, input=given, env=environ, catch_exceptions=False
            )
        finally:
            structlog.reset_defaults()  # a command logs warnings only; other tests read more
        assert result.exit_code == status, result.output
        return result

    def json(self, *args: str, status: int = 0) -> Any:
        return json.loads(self.run(*args, "--json", status=status).stdout)

    def refused(self, *args: str) -> str:
        """The one line that says why a command did nothing."""
        result = self.run(*args, status=1)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        return line

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "aggregator", *args]

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "AGGREGATOR_CONFIG": str(self.config_path)}

    # -- past the commands, into the database

    def write(self, script: Callable[[Tx], T]) -> T:
        with writing(load(self.config_path), create=True) as tx:
            return script(tx)

    def look(self, script: Callable[[Tx], T]) -> T:
        with reading(load(self.config_path)) as tx:
            return script(tx)

    def reseller(self, name: str = "shop", money: int = 10_000_000) -> int:
        return self.write(lambda tx: builders.reseller(tx, name, money))

    def order(self, outcome: Outcome | None, reseller: str = "shop", **changes: Any) -> int:
        """An order that was sent and came to ``outcome``; None: it is still being sent."""

        def script(tx: Tx) -> int:
            draft = builders.draft(resellers.get(tx, reseller).id, **changes)
            opened = orders.open_order(tx, draft)
            assert isinstance(opened, Opened)
            if outcome is not None:
                closing = builders.closing(opened.order_id, opened.attempt_id, outcome)
                attempts.close_attempt(tx, closing)
            return opened.order_id

        return self.write(script)

    def placed(self, upstream_order_id: str = "9311", **changes: Any) -> int:
        return self.order(Placed(upstream_order_id), **changes)

    def doubt(self, **changes: Any) -> int:
        return self.order(InDoubt("read timeout"), **changes)

    def queued(self) -> int:
        return self.order(None, first=None, queued_until_ms=builders.NOW + builders.HOUR)

    def state(self, order_id: int) -> State:
        return self.look(lambda tx: orders.get(tx, order_id)).state

    def available(self, name: str = "shop") -> int:
        return self.look(lambda tx: resellers.get(tx, name)).available_micros


def on_terminal(command: Sequence[str], environ: dict[str, str], typed: str) -> tuple[int, str]:
    """Exit status and screen of a command whose operator types ``typed``."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    screen = b""
    with suppress(OSError):  # how a terminal says that nobody writes to it any more
        while piece := os.read(ours, 65_536):
            screen += piece
    os.close(ours)
    return process.wait(), screen.decode()
