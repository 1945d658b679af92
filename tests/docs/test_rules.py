"""docs/understand/rules.md has one row for each rule that sources, tests and pages cite by its code, and no other."""

import collections
import functools
import re

import pytest

from programs import TOP

PAGE = TOP / "docs/understand/rules.md"
FOLDERS = [p for p in TOP.iterdir() if p.is_dir() and not p.name.startswith((".", "build"))]
SUFFIXES = ("", ".c", ".cc", ".h", ".md", ".proto", ".py", ".sh", ".yaml")
# G-LST-1, G-421-1, V-DEF-4, K-2; and several: G-LST-1…6, P-NAM-1 to 3, S-W-1 to S-W-7.
CODE = re.compile(r"(?<![\w-])((?:[EGPSV]-[A-Z0-9]{1,3}|[BKNRV])-)(\d+)(?:(?:…| to )(?:\1)?(\d+))?(?![\w-])")


def codes(text):
    return {f"{m[1]}{n}" for m in CODE.finditer(text) for n in range(int(m[2]), int(m[3] or m[2]) + 1)}


def is_searched(path):
    # The seeds of fuzzers are copies of other files.
    return path.suffix in SUFFIXES and path not in (PAGE, TOP / "tests/docs/test_rules.py") \
        and "fuzz/corpus" not in str(path) and path.is_file()


@functools.lru_cache
def cited():
    found = collections.defaultdict(set)
    for path in [*TOP.glob("*.md"), *(p for folder in FOLDERS for p in folder.rglob("*"))]:
        if is_searched(path):
            for code in codes(path.read_text(errors="replace")):
                found[code].add(str(path.relative_to(TOP)))
    return found


def rows():
    """The cells of each row about a rule, without the table of subjects at the top."""
    lines = PAGE.read_text().split("\n## ", 1)[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines
            if line.startswith("| ") and not line.startswith("| code |")]


@pytest.mark.parametrize("text, found", [
    ("G-LST-6", {"G-LST-6"}), ("(G-421-3)", {"G-421-3"}), ("K-2,", {"K-2"}), ("V-DEF-4, V-3.", {"V-DEF-4", "V-3"}),
    ("E-RD-1…3", {"E-RD-1", "E-RD-2", "E-RD-3"}), ("P-NAM-1 to 2", {"P-NAM-1", "P-NAM-2"}),
    ("R-56 to R-58", {"R-56", "R-57", "R-58"}), ("P-256 to P-521, UTF-8, GEP-1494, FNV-1a, AES-128-GCM, X-G-LST-6", set()),
])
def test_a_code_is_known_by_its_form(text, found):
    assert codes(text) == found


def test_each_rule_that_is_cited_has_one_row():
    count = collections.Counter(row[0] for row in rows())
    assert {code: sorted(files) for code, files in cited().items() if count[code] != 1} == {}


def test_each_row_is_cited():
    there = cited()
    assert [row[0] for row in rows() if row[0] not in there] == []


def test_each_row_says_the_rule_in_a_sentence_and_where_it_comes_from():
    assert [row[0] for row in rows() if len(row) != 3 or not re.fullmatch(r"[A-Z`].*\.", row[1]) or not row[2]] == []
