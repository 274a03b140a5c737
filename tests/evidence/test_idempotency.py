"""The short form of ``benchmarks.idempotency``."""

from benchmarks.idempotency import run


async def test_a_request_id_buys_once_across_restarts() -> None:
    """Every repeat of a key gets the same bytes, and the panel sees one add, restart or not."""
    findings = await run(keys=40, repeats=8, seed=1)
    assert findings.violations == []
