"""``alert_command``: the operator's program hears of every alert."""

import json
import sys
from pathlib import Path

import pytest

from aggregator.background.bell import IN_LINE, Bell
from tests.actions.conftest import Shop

# Writes what it is given on standard input behind what the file has.
KEEP = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"


def kept(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_the_command_gets_the_event_as_json(shop: Shop, tmp_path: Path) -> None:
    """An alert of the world's reaches the program's standard input."""
    bell = Bell([sys.executable, "-c", KEEP, str(tmp_path / "said")])
    shop.world.ring = bell.ring
    shop.world.alert("in_doubt", order=7, cause="cut off")
    await bell.answer()
    assert kept(tmp_path / "said") == [
        {"event": "in_doubt", "order": 7, "cause": "cut off", "dropped_before": 0}
    ]


async def test_a_flood_is_counted(tmp_path: Path) -> None:
    """What finds no place is not waited for, and the next alert tells how many it was."""
    bell = Bell([sys.executable, "-c", KEEP, str(tmp_path / "said")])
    for number in range(IN_LINE + 5):
        bell.ring({"event": "e", "number": number})
    await bell.answer()
    bell.ring({"event": "last"})
    for _ in range(IN_LINE):
        await bell.answer()
    assert kept(tmp_path / "said")[-1] == {"event": "last", "dropped_before": 5}


async def test_a_missing_program_is_an_error_of_the_job() -> None:
    """The clockwork logs it and goes on; nothing else notices."""
    bell = Bell(["/nonexistent/program"])
    bell.ring({"event": "e"})
    with pytest.raises(FileNotFoundError):
        await bell.answer()
