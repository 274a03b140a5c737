"""The short form of ``benchmarks.hostile_replies``."""

from benchmarks.hostile_replies import run


def test_no_answer_is_misread() -> None:
    """No bytes raise, and the oracle agrees with every reading."""
    findings = run(answers=1500, seed=1)
    assert findings.violations == []
