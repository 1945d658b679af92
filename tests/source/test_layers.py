"""The sources keep the rules of ARCHITECTURE.md: which folder may include and link which, and how
long files may be."""

import pathlib
import re
import subprocess

import pytest

from programs import BUILD, TOP

PROCESSES = ("watcher", "translator", "xds-server", "supervisor", "admin", "recorder", "passwords", "portolan",
             "certgen", "envoy-shutdown", "xds-client")
# Headers that processes share are in common/, except the printing of Envoy's messages (libprint.a).
SHARED_HEADERS = {"translator/print/print.h"}
SOURCES = sorted(
    p.relative_to(TOP)
    for d in ("common", *PROCESSES)
    for p in (TOP / d).rglob("*")
    if p.suffix in (".c", ".h", ".cc")
)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)

# Include prefix: the folders that may name it. Others are free for all.
ONLY_FOR = {
    "curl/": {"watcher", "certgen"},
    "grpc/": {"xds-server", "xds-client"},
    "envoy/": {"translator", "portolan"},
    "xds.pb-c.h": {"xds-server", "xds-client"},
    "json-c/": {"common", "watcher", "certgen", "portolan"},
    "yaml.h": {"common", "watcher", "portolan"},
    "re2/": {"translator", "common"},
    # xds-server and xds-client: to tell the OpenSSL in gRPC when it ends.
    "openssl/": {
        "translator", "watcher", "recorder", "passwords", "certgen", "common", "xds-server",
        "xds-client",
    },
}
# Libraries that a process must not have (a process cannot be made to misuse a library that it
# lacks).
NOT_LINKED = {
    "portolan-watcher": ("libgrpc", "libre2"),
    "portolan-translator": ("libgrpc", "libcurl"),
    "portolan-xds-server": ("libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-recorder": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-passwords": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-supervisor": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2", "libssl"),
    "portolan-admin": ("libgrpc", "libcurl", "libyaml", "libre2"),
    "portolan-xds-client": ("libcurl", "libjson-c", "libyaml", "libre2"),
    "portolan-certgen": ("libgrpc", "libyaml", "libre2"),
    "portolan-envoy-shutdown": ("libgrpc", "libcurl", "libjson-c", "libyaml", "libre2", "libssl"),
}
# Folder of a folder: the folders beside it that it may include. "." means the files in the folder
# itself: they wire the others, and none of these may include them, except the headers in SHARED.
LAYERS = {
    "common": {
        "base": (),
        "answer": ("base",),
        "certificate": ("base",),
        "sandbox": ("base",),
        "link": ("base", "sandbox"),
        "daemon": ("base", "sandbox", "link"),
        "recording": ("base", "link"),
        "decode": ("base", "link"),
        "redact": ("base", "link", "decode"),
        "configuration": ("base", "decode"),
    },
    "translator": {
        "graph": (),
        "model": (),
        "check": (),
        "envoy": ("model", "check"),
        "resolve": ("graph", "model", "check", "envoy"),
        "guard": ("graph", "model", "resolve"),
        "policy": ("graph", "model", "check", "resolve"),
        "host": ("graph", "model", "envoy", "resolve", "policy"),
        "ingress": ("graph", "model", "check", "resolve", "policy", "host"),
        "httpproxy": ("graph", "model", "check", "resolve", "policy", "host"),
        "nginx": ("graph", "model", "check", "resolve", "host"),
        "gateway": ("graph", "model", "check", "resolve", "host"),
        "print": ("graph",),
        "explain": ("graph", "model", "check", "envoy", "resolve", "host", "guard", "print"),
    },
    "watcher": {
        "kube": (),
        "status": ("kube", "provision"),
        "provision": ("kube",),
        "manifests": (),
    },
}
# In translator/: the folders that may know Envoy's messages.
KNOW_ENVOY = {"envoy", "resolve", "host", "explain", "print"}
# Headers at the top of a folder that its subfolders may include: (header, which files).
SHARED = {
    "translator/units.h": re.compile(r"unit-"),  # each has the prototype of its own function there
    "translator/kinds.h": re.compile(""),  # the names of what the engine knows as numbers
    "watcher/source.h": re.compile(""),
    "watcher/store.h": re.compile(""),
}
FILE_LINES = 800
FUNCTION_LINES = 60


def includes(path):
    return [m[2] for m in INCLUDE.finditer((TOP / path).read_text())]


def layer(name):
    """(folder, subfolder) of a source; the subfolder is "." for files of the folder itself."""
    parts = pathlib.PurePath(name).parts
    return parts[0], parts[1] if len(parts) > 2 else "."


def breaks_layers(path, name):
    (folder, here), (other, there) = layer(path), layer(name)
    if folder != other or folder not in LAYERS or here in (".", there):
        return False
    if name in SHARED and SHARED[name].match(path.name):
        return False
    return there not in LAYERS[folder][here]


def wrong_includes(path):
    wrong = [f"{n}: a layer above, or beside" for n in includes(path) if breaks_layers(path, n)]
    for name in includes(path):
        folder = path.parts[0]
        first = name.split("/")[0]
        if first in PROCESSES and first != folder and name not in SHARED_HEADERS:
            wrong.append(f"{name}: another process")
        for prefix, who in ONLY_FOR.items():
            if name.startswith(prefix) and folder not in who:
                wrong.append(f"{name}: only for {', '.join(sorted(who))}")
        if name.startswith(("envoy/", "proto/envoy-names.h")) and (
            folder == "translator" and layer(path)[1] not in KNOW_ENVOY
        ):
            wrong.append(f"{name}: front ends and policies know the model only")
        if name.startswith("grpc/") and not path.name.startswith("grpc-"):
            wrong.append(f"{name}: only for grpc-*")
    return wrong


def functions(text):
    """(name, first line, number of lines) of each function: its braces are in the first column."""
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


FRONT_ENDS = ("ingress", "httpproxy", "nginx", "gateway")
FRONT_END_KINDS = re.compile(
    r"\bOBJECT_(?:INGRESS|HTTP_PROXY|HTTP_ROUTE|GRPC_ROUTE|TLS_ROUTE|TCP_ROUTE|UDP_ROUTE|GATEWAY|LISTENER_SET)\b")


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parts[0] == "translator" and layer(p)[1] not in (".", *FRONT_ENDS)], ids=str
)
def test_kinds_of_front_ends_are_known_to_these_only(path):
    """A row of translator/front-ends.c says how they differ to everybody else."""
    assert FRONT_END_KINDS.findall((TOP / path).read_text()) == []


def names_kinds(text):
    """Names that the engine must not know: kinds of units, facts, indexes, objects and xDS. Parts
    and fleets are the link's."""
    return re.findall(r"\b(?:UNIT|FACT|INDEX|OUTPUT|OBJECT|RESOURCE(?!_PART|_FLEET_SET|_KIND_MAX))_[A-Z]\w*", text)


@pytest.mark.parametrize("path", [p for p in SOURCES if p.match("translator/graph/*")], ids=str)
def test_the_engine_knows_kinds_as_numbers(path):
    assert names_kinds((TOP / path).read_text()) == []
    assert "translator/kinds.h" not in includes(path)


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
    assert needed or program == "portolan-envoy-shutdown"  # which is static
    assert [n for n in needed if n.startswith(NOT_LINKED[pathlib.Path(program).name])] == []


# The rules themselves: they must detect what they forbid.


@pytest.mark.parametrize(
    "path, text",
    [
        ("watcher/x.c", '#include "translator/unit.h"'),
        ("xds-server/x.c", "#include <json-c/json.h>"),
        ("xds-server/stream.c", "#include <grpc/grpc.h>"),
        ("translator/x.c", "#  include <curl/curl.h>"),
        ("common/x.c", '#include "envoy/config/route/v3/route.pb-c.h"'),
        ("common/base/x.c", '#include "common/link/state.h"'),
        ("translator/model/x.h", '#include "translator/envoy/envoy.h"'),
        ("translator/ingress/x.c", '#include "translator/httpproxy/proxy.h"'),
        ("translator/ingress/x.c", '#include "translator/units.h"'),
        ("translator/httpproxy/x.c", '#include "envoy/config/route/v3/route.pb-c.h"'),
        ("translator/policy/x.h", '#include "proto/envoy-names.h"'),
        ("watcher/kube/x.c", '#include "watcher/watcher.h"'),
    ],
)
def test_a_forbidden_include_is_seen(path, text, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda self: text + "\n")
    assert len(wrong_includes(pathlib.Path(path))) == 1


def test_every_subfolder_has_a_layer():
    assert {layer(p) for p in SOURCES if layer(p)[0] in LAYERS and layer(p)[1] != "."} == {
        (folder, sub) for folder, subs in LAYERS.items() for sub in subs
    }


def test_layers_have_no_circle():
    for folder, subs in LAYERS.items():
        for sub, below in subs.items():
            assert sub not in below
            assert all(sub not in LAYERS[folder][b] for b in below), f"{folder}/{sub}"


def test_a_kind_in_the_engine_is_seen():
    assert names_kinds("x = FACT_HOST, RESOURCE_PART + RESOURCE_CLUSTER;") == ["FACT_HOST", "RESOURCE_CLUSTER"]


def test_a_long_function_is_measured():
    text = "int f(int a,\n      int b)\n{\n" + "\ta;\n" * 120 + "}\n"
    assert list(functions(text)) == [("f", 2, 122)]
