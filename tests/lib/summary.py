"""Counts tests: make check's logs and pytest's JUnit files of a folder, as one line.

A C program counts its tests itself (tests/lib/test.h): it names each as it begins, and ends at the
first failure. A program without such lines is one test.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree

PASSED = re.compile(r"^(\d+) tests passed$", re.M)
BEGUN = re.compile(r"^test \w+$", re.M)


def of_program(trs):
    result = re.search(r"^:test-result: (\w+)", trs.read_text(), re.M)[1]
    log = trs.with_suffix(".log").read_text(errors="replace")
    if result == "SKIP":
        return 0, 0, 1
    if result in ("PASS", "XFAIL"):
        said = PASSED.search(log)
        return int(said[1]) if said else 1, 0, 0
    return max(0, len(BEGUN.findall(log)) - 1), 1, 0


def of_junit(path):
    passed = failed = skipped = 0
    for suite in xml.etree.ElementTree.parse(path).iter("testsuite"):
        n = {k: int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")}
        failed += n["failures"] + n["errors"]
        skipped += n["skipped"]
        passed += n["tests"] - n["failures"] - n["errors"] - n["skipped"]
    return passed, failed, skipped


def count(folder):
    rows = [of_program(p) for p in sorted(folder.glob("*.trs"))]
    rows += [of_junit(p) for p in sorted(folder.glob("*.xml"))]
    return [sum(column) for column in zip(*rows)] if rows else [0, 0, 0]


def main():
    counts = [sum(column) for column in zip(*(count(pathlib.Path(a)) for a in sys.argv[1:]))]
    print("{} passed, {} failed, {} skipped".format(*counts))
    # No test at all is no success.
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
