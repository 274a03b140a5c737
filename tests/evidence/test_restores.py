"""The short form of ``benchmarks.restores``."""

from benchmarks.restores import run


async def test_what_was_bought_since_a_backup_is_found_again() -> None:
    """No ID is given out twice, nothing is sold too early, no order stays unknown."""
    findings = await run(count=3, seed=5)
    assert findings.violations == []
    assert findings.figures["found"] == findings.figures["unknown after a restore"]
    assert findings.figures["found"]
