"""docs/understand/what-was-tried.md names tests that exist, for each row that it should have."""

import re

import pytest

from programs import TOP

PAGE = (TOP / "docs/understand/what-was-tried.md").read_text()
NAMED = sorted(set(re.findall(r"`([a-z]+/[\w-]+\.(?:py|c)(?:::\w+)?)`", PAGE)))
ROWS = [f"{part}{n}" for part, last in (("A", 11), ("B", 10), ("C", 3), ("E", 14), ("F", 11)) for n in range(1, last + 1)]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name):
    path, _, function = name.partition("::")
    text = (TOP / "tests" / path).read_text()
    assert not function or re.search(rf"^(def {function}\(|{function} = )", text, re.M)


def test_every_row_is_there():
    first = [re.split(r"[, ]+", line.split("|")[1].strip()) for line in PAGE.splitlines() if line.startswith("| ")]
    found = {word for row in first for word in row}
    assert [r for r in [*ROWS, "B12", "D"] if r not in found] == []
    assert all("`" in line.split("|")[-2] for line in PAGE.splitlines() if re.match(r"\| [A-F]\d", line))
