"""ARCHITECTURE.md and HACKING.md say of the sources what they are: the units of translation, the folders, the limits."""

import re

import pytest

from programs import TOP
from test_layers import FILE_LINES, FUNCTION_LINES, LAYERS, SOURCES

ARCHITECTURE = (TOP / "ARCHITECTURE.md").read_text()
FOLDERS = re.search(r"^## The folders$.*?(?=^## )", ARCHITECTURE, re.M | re.S)[0]


def named(text):
    """The units in the first column of the table, in its order."""
    table = text.split("| unit | lives while | reads | emits |\n")[1].split("\n\n")[0]
    return [name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1])]


def test_the_units_are_listed_in_their_order():
    rows = re.findall(r'\[UNIT_(\w+)\] = \{ \.name = "([\w-]+)"', (TOP / "translator/units.c").read_text())
    kinds = re.search(r"enum unit_kind \{(.*?)UNIT_KIND_MAX_", (TOP / "translator/kinds.h").read_text(), re.S)[1]
    assert [kind for kind, _ in rows] == re.findall(r"^\tUNIT_(\w+),", kinds, re.M)
    assert named(ARCHITECTURE) == [name for _, name in rows]


def test_a_row_may_have_several_units():
    text = "| unit | lives while | reads | emits |\n|---|---|---|---|\n| `a` | `x` | y | z |\n| `b`, `c-d` | x | y | z |\n\n`e`"
    assert named(text) == ["a", "b", "c-d"]


@pytest.mark.parametrize("folder", sorted({p.parts[0] for p in SOURCES} | {p.parent.name for p in TOP.glob("*/local.mk")}))
def test_a_folder_is_listed(folder):
    assert f"`{folder}/`" in FOLDERS


@pytest.mark.parametrize("folder", ["common", "watcher"])
def test_its_folders_are_listed(folder):
    row = re.search(rf"^\| `{folder}/` \|.*", FOLDERS, re.M)[0]
    assert set(re.findall(r"`([\w-]+)/`", row)) == {folder, *LAYERS[folder]}


def test_the_folders_of_tests_are_listed():
    row = re.search(r"^\| `tests/` \|.*", FOLDERS, re.M)[0]
    there = {p.name for p in (TOP / "tests").iterdir() if p.is_dir() and p.name[0] not in "._"}
    assert set(re.findall(r"`([\w-]+)/`", row)) == {"tests", *there}


def test_the_folders_of_the_translator_are_drawn():
    drawn = ARCHITECTURE.split("## Inside the translator")[1].split("```")[1]
    assert set(re.findall(r"([a-z]+)/(?=\s)", drawn)) == {"translator", *LAYERS["translator"]}


def test_the_limits_are_those_that_are_tested():
    style = (TOP / "HACKING.md").read_text().split("## Style")[1]
    columns = re.search(r"^ColumnLimit: (\d+)$", (TOP / ".clang-format").read_text(), re.M)[1]
    assert f"at most {FUNCTION_LINES} lines" in style and f"at most {FILE_LINES} (" in style
    assert f" {columns} columns" in style


def test_the_formatter_formats_each_folder():
    named = re.search(r"^find (.*?)\\\n\s*\\\(", (TOP / "scripts/format").read_text(), re.M | re.S)[1]
    assert {p.parts[0] for p in SOURCES} <= set(named.replace("\\", " ").split())
