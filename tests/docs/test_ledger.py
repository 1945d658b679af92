"""The ledger names tests that exist, for each feature; the page for users leads from each row to a page."""

import re

import pytest

from programs import TOP

TESTS = TOP / "tests"
LEDGER = (TOP / "docs/understand/ledger.md").read_text()
FEATURES = (TOP / "docs/look-up/features.md").read_text()
# How many features Contour has in each area, and how many there are that it has not.
AREAS = {"A": 9, "B": 14, "C": 61, "D": 5, "E": 5, "F": 18, "G": 6, "H": 13, "I": 11, "J": 6, "K": 3, "L": 3, "M": 2, "N": 27}


def rows(text):
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in text.splitlines()
            if line.startswith("| ") and not line.startswith("| feature |")]


def area(letter):
    return re.search(rf"^## {letter}\. .*?(?=^## |\Z)", LEDGER, re.M | re.S)[0]


def is_there(name):
    path, _, function = name.partition("::")
    if path.startswith("conformance/") and not path.endswith(".py"):
        return True    # of Gateway API's suite, which is not here
    if path.startswith("unit/"):
        return (TESTS / f"{path}.c").exists()
    if path.startswith("bench/") and not path.endswith(".py"):
        return (TOP / path).exists()
    if not path.endswith(".py"):
        return any((TESTS / "golden").glob(f"{path}.in.yaml"))
    return any(TESTS.glob(path)) and (not function or f"\ndef {function}(" in (TESTS / path).read_text())


NAMED = sorted(set(re.findall(r"`([a-z]+/[\w*.-]+(?:::\w+)?)`", LEDGER)))


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name):
    assert is_there(name)


@pytest.mark.parametrize("letter", AREAS)
def test_each_area_has_all_its_features(letter):
    assert len(rows(area(letter))) == AREAS[letter]


def test_each_feature_has_a_test_or_says_what_is_missing():
    assert [row[0] for row in rows(LEDGER) if not re.search(r"`[a-z]+/", row[1]) and "issing" not in row[1]] == []


def test_each_row_for_users_says_more():
    last = [row[1:] for row in rows(FEATURES) if row[0] not in ("you can",)]
    assert len(last) > 30
    assert [row for row in last if not any("](" in cell or cell.startswith("yes") for cell in row)] == []
