"""The short form of ``benchmarks.reloads``."""

from benchmarks import reloads


async def test_a_reload_fails_no_request() -> None:
    """While configurations come and go, every request is answered, by one of them."""
    findings = await reloads.run(12, 40, seed=3, connections=4)
    assert findings.violations == []
    assert findings.figures["requests"]
