"""The short form of ``benchmarks.status_storm``."""

from benchmarks.status_storm import run


async def test_every_end_is_settled_once() -> None:
    """Told again and again, on both ways and late, every end costs what it should, once."""
    findings = await run(deliveries=6, copies=1, seed=1)
    assert findings.violations == []
