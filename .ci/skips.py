"""Fail if a test was skipped that should have run, or if none ran at all.

A skip is allowed only where its reason starts with "optional:", as for a test that wants a
PostgreSQL server. Everything else that skips looks like a pass and proves nothing.

Usage: skips.py JUNIT_XML
"""

import ast
import sys
import xml.etree.ElementTree as ET

ALLOWED = "optional:"


def reason_of(skipped: ET.Element) -> str:
    """The reason that the test gave. A module skipped as a whole carries it in a tuple's repr."""
    message = skipped.get("message", "")
    if message == "collection skipped":
        try:
            _path, _line, message = ast.literal_eval(skipped.text or "")
        except (ValueError, SyntaxError, TypeError):
            message = skipped.text or ""
    return str(message).removeprefix("Skipped: ")


def main(path: str) -> int:
    ran = 0
    wrong = []
    for case in ET.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if skipped is None or skipped.get("type") == "pytest.xfail":  # an xfail did run
            ran += 1
        elif not (reason := reason_of(skipped)).startswith(ALLOWED):
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            wrong.append(f"  {name}: {reason}")
    if wrong:
        print(f'Skipped, and the reason does not start with "{ALLOWED}":', *wrong, sep="\n")
    if not ran:
        print("No test was run.")
    return 1 if wrong or not ran else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
