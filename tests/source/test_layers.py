"""The sources keep the rules of ARCHITECTURE.md: who may include and link what, and how long it is."""

import pathlib
import re
import subprocess

import pytest

from programs import BUILD, TOP

PROCESSES = ("watcher", "translator", "xds-server", "supervisor", "admin", "recorder", "portolan")
SOURCES = sorted(
    p.relative_to(TOP)
    for d in ("common", *PROCESSES)
    for p in (TOP / d).rglob("*")
    if p.suffix in (".c", ".h", ".cc")
)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)

# Include prefix: the folders that may name it. What is not listed is everybody's.
ONLY_FOR = {
    "curl/": {"watcher"},
    "grpc/": {"xds-server"},
    "envoy/": {"translator", "portolan"},
    "xds.pb-c.h": {"xds-server"},
    "json-c/": {"common", "watcher", "portolan"},
    "yaml.h": {"common", "watcher", "portolan"},
    "re2/": {"translator", "common"},
    "openssl/": {"translator", "watcher", "recorder", "common"},
}
# Libraries that a process must not have (design of the processes: what it does not need, it cannot
# be made to misuse).
NOT_LINKED = {
    "portolan-watcher": ("libgrpc", "libre2"),
    "portolan-translator": ("libgrpc", "libcurl"),
    "portolan-xds-server": ("libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-recorder": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-supervisor": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2", "libssl"),
    "portolan-admin": ("libgrpc", "libcurl", "libyaml", "libre2"),
}
FILE_LINES = 900
FUNCTION_LINES = 100


def includes(path):
    return [m[2] for m in INCLUDE.finditer((TOP / path).read_text())]


def wrong_includes(path):
    wrong = []
    for name in includes(path):
        folder = path.parts[0]
        first = name.split("/")[0]
        if first in PROCESSES and first != folder:
            wrong.append(f"{name}: another process")
        for prefix, who in ONLY_FOR.items():
            if name.startswith(prefix) and folder not in who:
                wrong.append(f"{name}: only for {', '.join(sorted(who))}")
        if name.startswith("grpc/") and not path.name.startswith("grpc-"):
            wrong.append(f"{name}: only for grpc-*")
    return wrong


def functions(text):
    """(name, first line, number of lines) of each function: its braces stand in the first column."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            name = re.search(r"(\w+)\(", " ".join(lines[max(0, start - 4) : start][::-1]))
            yield (name[1] if name else "?"), start, number - start + 1
            start = None


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_includes_only_what_its_layer_may(path):
    assert wrong_includes(path) == []


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_files_and_functions_stay_short(path):
    text = (TOP / path).read_text()
    long = [f"{n} ({size} lines)" for n, _, size in functions(text) if size > FUNCTION_LINES]
    assert long == []
    assert text.count("\n") <= FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_begins_by_saying_what_it_is_for(path):
    assert (TOP / path).read_text().startswith("/* ")


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".h"], ids=str)
def test_headers_are_guarded_by_pragma(path):
    assert "#pragma once\n" in (TOP / path).read_text()


def declared():
    """The programs that the build makes."""
    rules = "".join(p.read_text() for p in TOP.glob("*/local.mk"))
    return re.findall(r"^pkglibexec_PROGRAMS \+= (\S+)", rules, re.M)


@pytest.mark.parametrize("program", declared())
def test_links_nothing_that_its_job_does_not_need(program):
    run = ["readelf", "-d", BUILD / program]
    dynamic = subprocess.run(run, check=True, text=True, stdout=subprocess.PIPE).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert needed
    assert [n for n in needed if n.startswith(NOT_LINKED[pathlib.Path(program).name])] == []


# The rules themselves: they have to see what they forbid.


@pytest.mark.parametrize(
    "path, text",
    [
        ("watcher/x.c", '#include "translator/unit.h"'),
        ("xds-server/x.c", "#include <json-c/json.h>"),
        ("xds-server/stream.c", "#include <grpc/grpc.h>"),
        ("translator/x.c", "#  include <curl/curl.h>"),
        ("common/x.c", '#include "envoy/config/route/v3/route.pb-c.h"'),
    ],
)
def test_a_forbidden_include_is_seen(path, text, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda self: text + "\n")
    assert len(wrong_includes(pathlib.Path(path))) == 1


def test_a_long_function_is_measured():
    text = "int f(int a,\n      int b)\n{\n" + "\ta;\n" * 120 + "}\n"
    assert list(functions(text)) == [("f", 2, 122)]
