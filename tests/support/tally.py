#!/usr/bin/python3
"""Adds up test results: reads every JUnit file that ctest left in a directory, names what failed and what was skipped, and ends with the line
"N passed, N failed" (", N skipped" when something was). Called by tests/run.

usage: tally.py RESULTS_DIRECTORY BROKEN_FILE

BROKEN_FILE has a line for everything that could not be run at all; each counts as a failure.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

# ctest writes <skipped> both for a test that declared itself skipped and for one whose program is missing; only the first kind is a skip.
DECLARED_SKIPS = ("SKIP_REGULAR_EXPRESSION_MATCHED", "SKIP_RETURN_CODE")


def outcome(case):
    """Returns "passed", "failed" or "skipped" for one <testcase>."""
    status = case.get("status")
    if status == "run":
        return "passed"
    if status == "disabled":
        return "skipped"
    skipped = case.find("skipped")
    if status == "notrun" and skipped is not None:
        if skipped.get("message", "").startswith(DECLARED_SKIPS):
            return "skipped"
    return "failed"


def reason(case):
    """Returns the line of the output in which a skipped test says why, if there is one."""
    text = case.findtext("system-out") or ""
    lines = [line.strip() for line in text.splitlines()]
    for place, line in enumerate(lines):
        if line.startswith("SKIPPED:"):
            return line[len("SKIPPED:"):].strip()
        # What GTEST_SKIP() prints: "file:line: Skipped" and the message on the next line.
        if line.endswith(": Skipped") and place + 1 < len(lines):
            return lines[place + 1]
    return ""


def main():
    directory, broken = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    named = {"failed": [], "skipped": []}
    for line in broken.read_text().splitlines():
        counts["failed"] += 1
        named["failed"].append(line)
    for path in sorted(directory.glob("*.xml")):
        try:
            cases = ElementTree.parse(path).getroot().findall(".//testcase")
        except ElementTree.ParseError as error:
            counts["failed"] += 1
            named["failed"].append(f"{path.stem}: unreadable results ({error})")
            continue
        for case in cases:
            verdict = outcome(case)
            counts[verdict] += 1
            if verdict != "passed":
                why = reason(case) if verdict == "skipped" else ""
                named[verdict].append(f"{path.stem}: {case.get('name')}" + (f" ({why})" if why else ""))
    if counts["passed"] == 0 and counts["failed"] == 0:
        counts["failed"] = 1
        named["failed"].append("no test ran")
    for verdict in ("skipped", "failed"):
        for name in named[verdict]:
            print(f"{verdict.upper()} {name}")
    last = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        last += f", {counts['skipped']} skipped"
    print(last)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
