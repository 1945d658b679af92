"""The controller's default backend: who answers for names and paths that no Ingress has."""

import re

import pytest

from nginx import SETTINGS, World, nginx
from objects import port, service, slice_of


@pytest.fixture(scope="module")
def nginx_settings():
    return SETTINGS + "  defaultBackendService: ingress-nginx/default\n"


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    default = nginx_site.backends.get("default") or nginx_site.backend("default")
    nginx_site.write("default.yaml", service("default", port(80, target=default.port), namespace="ingress-nginx"),
                     slice_of("default", default.port, default.address, namespace="ingress-nginx"))
    return found


def test_unknown_names(world):
    world.write(nginx("a", world.host))
    assert world.get("/any/path", host="unknown.test").backend == "default"
    assert world.get("/any/path", host="unknown.test", tls=True).backend == "default"
    assert world.served() == "echo"


def test_unknown_names_before_there_is_any_ingress(world):
    assert world.get("/", host="unknown.test").backend == "default"


def test_unknown_paths_of_a_host(world):
    world.write(nginx("a", world.host, "/a"))
    assert (world.get("/b").backend, world.served("/a")) == ("default", "echo")
