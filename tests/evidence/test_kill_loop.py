"""The short form of ``benchmarks.kill_loop``."""

from benchmarks import kill_loop


async def test_nothing_is_lost_and_nothing_bought_twice() -> None:
    """However the server dies, what was acknowledged is there and was bought once."""
    findings = await kill_loop.run(5, seed=3, clients=8)
    assert findings.violations == []
    assert findings.figures["acknowledged"]
    assert findings.figures["accepted upstream"]
