"""No file of the project names the machine that it was written on."""

import os
import re
import subprocess

import pytest

from programs import TOP

# Written so that this file does not find itself.
FORBIDDEN = {
    "a folder of one machine": re.compile(r"(?<![\w.$}~])/(wo[r]k|ro[o]t|ho[m]e/[a-z]+)/\.?\w"),
    "an address of a private network that tests could reach": re.compile(
        r"https?://(?:10|192\.168)\.\d+"
    ),
}
GENERATED = re.compile(r"(^|/)(build[^/]*|autom4te\.cache|__pycache__|\.git|\.pytest_cache)(/|$)|"
                       r"^(configure~?|aclocal\.m4|Makefile\.in|config\.h\.in~?)$")


def files():
    if (TOP / ".git").exists():
        run = ["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        out = subprocess.run(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if out.returncode == 0:
            return [os.fsdecode(n) for n in out.stdout.split(b"\0") if n]
    return [
        str(p.relative_to(TOP))
        for p in TOP.rglob("*")
        if p.is_file() and not GENERATED.search(str(p.relative_to(TOP)))
    ]


def found(text):
    return [f"{what}: {m[0]}" for what, pattern in FORBIDDEN.items() for m in pattern.finditer(text)]


def test_no_file_names_a_machine():
    wrong = {}
    seen = 0
    for name in files():
        path = TOP / name
        if not path.is_file() or path.is_symlink():
            continue
        seen += 1
        hits = found(path.read_bytes().decode(errors="replace"))
        if hits:
            wrong[name] = hits
    assert seen > 100
    assert wrong == {}


@pytest.mark.parametrize("text", ["cd /wo" + "rk/main", "/ho" + "me/jane/src", '"/ro' + 'ot/.cache"'])
def test_such_a_name_is_seen(text):
    assert len(found(text)) == 1


def test_names_that_every_machine_has_are_fine():
    assert found("/usr/bin/env $HOME/x /tmp/y ~/work/z frame/work/x ${root}/work/a") == []
