"""The short form of ``benchmarks.planted_bugs``."""

from benchmarks import planted_bugs
from benchmarks.evidence import ROOT

SOME = ("redirects are followed", "a transition does not", "a doubt is answered with an error")


def test_some_planted_bugs_are_caught() -> None:
    """Three of the bugs, each in a part of its own, make the tests fail that should."""
    findings = planted_bugs.run(SOME, control=False)
    assert findings.violations == []
    assert findings.figures["caught"] == len(SOME)


def test_every_planted_bug_still_applies() -> None:
    """The text that each bug replaces stands exactly once in its file, and what comes of it
    is Python: a program that does not even start catches nothing."""
    for bug in planted_bugs.bugs():
        for change in bug.changes:
            text = (ROOT / change.file).read_text()
            assert text.count(change.old) == 1, f"{bug.name}: {change.file}"
            if change.file.endswith(".py"):
                compile(text.replace(change.old, change.new), f"{bug.name}: {change.file}", "exec")
