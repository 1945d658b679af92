"""`portolan xds` shows the resources that an Envoy would get."""

import json
import subprocess

import pytest
import yaml

from backends import Backend
from certs import Authority
from objects import backend_objects, ingress, path, rule, tls_secret
from programs import program
from resources import ServerAlone, cluster

HOST = "web.example.com"


def xds(address, *words, check=0):
    done = subprocess.run([program("portolan"), "xds", "--address", address, *map(str, words)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == check, done.stderr
    return done


def documents(address, *words):
    return list(yaml.safe_load_all(xds(address, *words).stdout))


def names(address, *words):
    return [r["name"] for d in documents(address, *words) for r in d["resources"]]


@pytest.fixture(scope="module")
def backend():
    with Backend("web") as running:
        yield running


@pytest.fixture
def served(pipeline, backend):
    certificate = Authority().issue(HOST)
    pipeline.write("web.yaml", *backend_objects(backend), tls_secret("cert", certificate),
                   ingress("web", rule(HOST, path("web")), tls=[("cert", HOST)]))
    pipeline.settle()
    return pipeline.xds_address


@pytest.mark.parametrize("how", [(), ("--delta",)], ids=["sotw", "delta"])
def test_all_kinds_are_shown_as_yaml(served, how):
    assert sorted(names(served, *how, "lds")) == ["ingress_http", "ingress_https"]
    [cds] = [r for d in documents(served, *how, "cds") for r in d["resources"]]
    endpoints = cds["resource"]["eds_cluster_config"]["service_name"]
    assert names(served, *how, "eds", endpoints) == [endpoints]
    [rds] = documents(served, *how, "rds", f"https/{HOST}")
    [route] = rds["resources"]
    assert route["resource"]["virtual_hosts"][0]["domains"][0] == HOST
    assert len(route["version"]) == 32
    assert names(served, *how, "sds", "default/cert") == ["default/cert"]


def test_private_keys_are_shown_only_where_they_are_asked_for(served):
    hidden = documents(served, "sds", "default/cert")[0]["resources"][0]["resource"]["tls_certificate"]
    shown = documents(served, "--show-keys", "sds", "default/cert")[0]["resources"][0]["resource"]["tls_certificate"]
    assert "[redacted]" in json.dumps(hidden["private_key"])
    assert hidden["certificate_chain"] == shown["certificate_chain"] and hidden["private_key"] != shown["private_key"]


def test_json_is_json(served):
    found = json.loads(xds(served, "--json", "lds").stdout)
    assert found["type"] == "LDS" and len(found["resources"]) == 2


def test_what_is_not_there_is_said_by_delta_and_waited_for_otherwise(served):
    [gone] = documents(served, "--delta", "eds", "nothing")
    assert (gone["resources"], gone["removed"]) == ([], ["nothing"])
    said = xds(served, "--timeout-seconds", 1, "eds", "nothing", check=1).stderr
    assert "not all that was asked for has come within 1 s" in said


def read_document(stream):
    """The next one: its end is seen when the one after it begins, or when no more is buffered."""
    lines = []
    for line in stream:
        if line.startswith("---") and lines:
            break
        lines.append(line)
        if line.startswith("removed:"):
            break
    return yaml.safe_load("".join(lines))


def test_a_watch_shows_what_changes(folder):
    with ServerAlone(folder / "run") as server:
        server.start(cluster("a"))
        command = [program("portolan"), "xds", "--address", server.address, "--delta", "--watch", "cds"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
            try:
                assert [r["name"] for r in read_document(watch.stdout)["resources"]] == ["a"]
                # This is an answer of its own only if the earlier one was accepted.
                server.commit(cluster("a"), cluster("b"))
                assert [r["name"] for r in read_document(watch.stdout)["resources"]] == ["b"]
            finally:
                watch.terminate()


def test_with_certificates(folder):
    authority = Authority()
    ca, crt, key = authority.write(folder / "tls", "portolan")
    mine = authority.write(folder / "mine", "envoy")
    with ServerAlone(folder / "run", "--tls-ca", ca, "--tls-cert", crt, "--tls-key", key) as server:
        server.start(cluster("a"))
        tls = ("--tls-ca", mine[0], "--tls-cert", mine[1], "--tls-key", mine[2])
        assert names(server.address, *tls, "cds") == ["a"]
        assert "xds: " in xds(server.address, "--timeout-seconds", 5, "cds", check=1).stderr
        assert "not reachable" in xds(server.address, *tls, "--tls-name", "other", "cds", check=1).stderr


def test_by_the_socket_in_the_runtime_directory(folder):
    said = subprocess.run([program("portolan"), "xds", "--runtime-dir", folder, "lds"], capture_output=True,
                          text=True, timeout=60)
    assert said.returncode == 1 and f"unix:{folder}/xds.sock: not reachable" in said.stderr


@pytest.mark.parametrize("words, why", [
    ((), "say what"),
    (("xyz",), "no such type"),
    (("rds",), "name the resources"),
    (("--envoy-version", "new", "lds"), "--envoy-version"),
    (("--tls-cert", "x", "lds"), "go together"),
    (("--timeout-seconds", "0", "lds"), "--timeout-seconds"),
])
def test_misuse_is_said(words, why):
    assert why in xds("127.0.0.1:1", *words, check=2).stderr
