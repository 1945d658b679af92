"""The controller's default backend: who answers for names and paths that no Ingress has."""

import re

import pytest

from nginx import SETTINGS, World, config_map, nginx
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


@pytest.mark.parametrize("snippet, at, page", [
    ("location /gone { return 404; }", "/gone/x", True),
    ("location /gone { deny all; }", "/gone/x", True),
    ('if ($http_x_a = "") { return 404; }', "/", True),
    ("location /gone { return 404 text; }", "/gone/x", False),
    ("location /gone { return 410; }", "/gone/x", False),
])
def test_pages_of_what_a_server_snippet_answers(world, snippet, at, page):
    """By the ConfigMap: outside of the locations nginx knows no annotation of an Ingress."""
    world.write(config_map("controller", {"custom-http-errors": "403,404"}, "ingress-nginx"),
                nginx("a", world.host, server_snippet=snippet))
    answer = world.get(at)
    assert (answer.backend == "default") is page
    if page:
        assert world.site.backends["default"].asked[-1].headers["X-Code"] in ("403", "404")
    world.write(nginx("a", world.host, server_snippet=snippet, custom_http_errors="403,404,410", default_backend=f"{world.name}-echo"))
    assert world.get(at).backend is None
    world.site.remove(f"{world.name}.yaml")
