"""The short form of ``benchmarks.double_spend``."""

from benchmarks.double_spend import run


async def test_money_for_n_orders_buys_n() -> None:
    """However many ask at once, over sockets, exactly what was paid for is bought."""
    findings = await run(clients=64, each=2, rounds=1, seed=1)
    assert findings.violations == []
