"""A desk in a directory of its own."""

from pathlib import Path

import pytest

from tests.cli.support import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A sound configuration, and no database yet."""
    made = Desk(tmp_path)
    made.configure()
    return made


@pytest.fixture
def shop(desk: Desk) -> Desk:
    """The same with a reseller "shop", who has 10."""
    desk.reseller()
    return desk
