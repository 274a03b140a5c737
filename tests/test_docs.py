"""The documentation says what the code does."""

import re
from pathlib import Path

from aggregator.core import lifecycle

ROOT = Path(__file__).parent.parent


def test_the_state_diagram_is_the_table() -> None:
    """The diagram in the architecture page is the one generated from the table."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    found = re.search(r"<!-- states:begin -->\n```mermaid\n(.*?)\n```", page, re.DOTALL)
    assert found is not None
    assert found[1] == lifecycle.diagram()


def test_every_room_is_on_the_map() -> None:
    """Each room of the package is named in its docstring and on the architecture page."""
    import aggregator

    page = (ROOT / "docs" / "architecture.md").read_text()
    for item in (ROOT / "aggregator").iterdir():
        name = item.stem
        if name.startswith("__") or item.suffix not in ("", ".py"):
            continue
        assert f"``{name}``" in (aggregator.__doc__ or ""), name
        assert f"aggregator/{name}" in page, name


def test_every_link_leads_somewhere() -> None:
    """Every relative link of a page names a file that exists."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commands_of_the_walk_through_exist() -> None:
    """Every command that the page on providers shows is one, with the options it shows."""
    import shlex

    from click.testing import CliRunner

    from aggregator.cli import main

    page = (ROOT / "docs" / "providers.md").read_text()
    shown = re.findall(r"^\$ aggregator (.*)$", page, re.MULTILINE)
    assert len(shown) >= 7
    for line in shown:
        result = CliRunner().invoke(main, [*shlex.split(line), "--help"])
        assert result.exit_code == 0, f"{line}: {result.output}"
