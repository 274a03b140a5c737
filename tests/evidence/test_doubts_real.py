"""The short form of ``benchmarks.doubts_real``."""

from benchmarks.doubts_real import run


async def test_doubts_over_sockets_are_never_decided_wrongly() -> None:
    """What was adopted had been bought, and what was called not placed had not."""
    findings = await run(doubts=8, seed=3)
    assert findings.violations == []
    assert findings.figures["adopted"]
    assert findings.figures["not placed"]
