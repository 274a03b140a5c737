"""The short form of ``benchmarks.restarts``."""

from benchmarks import restarts


async def test_a_restart_fails_no_request() -> None:
    """While the server is restarted, every request is answered, on kept and fresh connections."""
    findings = await restarts.run(2, rate=40, seed=3, connections=4)
    assert findings.violations == []
    assert findings.figures["requests"]
