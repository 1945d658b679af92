"""ingress-nginx's ConfigMaps: the controller's keys, and ports of TCP and UDP services."""

import re
import socket

import pytest

from addresses import free_port
from certs import Authority
from nginx import SETTINGS, World, config_map, nginx
from objects import path, tls_secret


@pytest.fixture(scope="module")
def nginx_settings():
    return SETTINGS + """\
  tcpServicesConfigMap: ingress-nginx/tcp
  udpServicesConfigMap: ingress-nginx/udp
"""


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    yield found
    nginx_site.remove(f"{found.name}.yaml")


def configured(world, *more, paths=("/",), annotations={}, **keys):
    world.write(config_map("controller", {k.replace("_", "-"): v for k, v in keys.items()}, "ingress-nginx"),
                *more, nginx("a", world.host, *paths, **annotations))


def told(world):
    problems = world.site.pipeline.statuses()["ConfigMap ingress-nginx/controller"]["problems"]
    return [(p["reason"], p["field"]) for p in problems]


def test_blocked_browsers_and_referers(world):
    configured(world, block_user_agents="~*bot, AlphaBot , Beta", block_referers="qwerty")
    assert [world.served(headers={"User-Agent": a}) for a in ("a BOT", "AlphaBot", "Beta", "human")] == [403, 403, 403, "echo"]
    assert [world.served(headers={"Referer": r}) for r in ("qwerty", "qwerty123")] == [403, "echo"]


@pytest.mark.parametrize("key, value", [
    ("block-user-agents", "good, ~*(bad"), ("block-referers", "~a(?!b)"), ("block-cidrs", "10.0.0.0/8,10.0.0.0/33"),
    ("hsts", "no"), ("hsts", "false\n"), ("use-forwarded-headers", "yes"), ("http-redirect-code", "303"), ("hsts-max-age", "1y"),
    ("limit-req-status-code", "700"), ("limit-req-status-code", "x"), ("retry-non-idempotent", "on"), ("use-gzip", "on")])
def test_values_that_count_as_absent_are_named(world, key, value):
    configured(world, **{key: value})
    assert ("KeyInvalid", f"data[{key}]") in told(world)
    configured(world, **{key: ""})
    assert told(world) == [t for t in told(world) if t[0] != "KeyInvalid"]


def test_modsecurity_for_all_paths_closes_them(world):
    """But for those whose own annotation says otherwise."""
    world.write(config_map("controller", {"enable-modsecurity": "true"}, "ingress-nginx"), nginx("a", world.host),
                nginx("b", f"b.{world.host}", enable_modsecurity="false"))
    assert (world.served(), world.served("/x"), world.served(host=f"b.{world.host}")) == (503, 503, "echo")
    problems = world.site.pipeline.statuses()[f"Ingress default/{world.name}-a"]["problems"]
    assert any(p["reason"] == "AccessClosed" and "remove that key" in p["message"] for p in problems), problems
    world.write(config_map("controller", {"enable-modsecurity": "false"}, "ingress-nginx"), nginx("a", world.host))
    assert world.served() == "echo"


def test_blocked_addresses(world):
    configured(world, block_cidrs="10.0.0.0/8, 127.0.0.0/8")
    assert world.served() == 403


def test_a_list_of_its_own_stands_instead_of_blocked_addresses(world):
    configured(world, block_cidrs="127.0.0.0/8", annotations={"denylist_source_range": "10.0.0.0/8"})
    assert world.served() == "echo"


@pytest.mark.parametrize("key, items, expected", [
    ("whitelist", "10.0.0.0/8, none", 403), ("whitelist", "none", 403), ("whitelist", "none, 127.0.0.0/8", "echo"),
    ("denylist", "none", "echo"), ("denylist", "none, 127.0.0.0/8", 403)])
def test_bad_addresses_in_lists(world, key, items, expected):
    configured(world, **{f"{key}_source_range": items})
    assert world.served() == expected
    assert told(world) == [("KeyInvalid", f"data[{key}-source-range]")]


def test_values_that_count_as_absent(world):
    """And a name that is an annotation's only is no key."""
    configured(world, ssl_redirect="maybe", enable_cors="true")
    answer = world.get()
    assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)
    assert told(world) == [("KeyUnknown", "data[enable-cors]"), ("KeyInvalid", "data[ssl-redirect]")]


def test_headers_for_all(world):
    world.backends["echo"].reply = lambda asked: (200, [("X-Secret", "a"), ("X-Kept", "b")])
    configured(world, config_map("requests", {"X-Using": "ingress $namespace", "Accept-Encoding": ""}, "ingress-nginx"),
               config_map("answers", {"X-From": "portolan"}, "ingress-nginx"),
               proxy_set_headers="ingress-nginx/requests", add_headers="ingress-nginx/answers", hide_headers="X-Secret",
               proxy_add_original_uri_header="true")
    seen = world.seen("/a?b=c", headers={"Accept-Encoding": "gzip"}).headers
    assert (seen["X-Using"], seen["Accept-Encoding"], seen["X-Original-Uri"]) == ("ingress default", None, "/a?b=c")
    answer = world.get().headers
    assert (answer["x-from"], answer["x-kept"]) == ("portolan", "b") and "x-secret" not in answer


def test_headers_that_are_left_out(world):
    configured(world, config_map("requests", {"X-Good": "1", "X-Bad": "$made_up", "X Bad": "1"}, "ingress-nginx"),
               proxy_set_headers="ingress-nginx/requests", add_headers="answers")
    seen = world.seen().headers
    assert (seen["X-Good"], seen["X-Bad"]) == ("1", None)
    assert told(world) == [("KeyInvalid", f"data[{key}]") for key in ("add-headers", "proxy-set-headers", "proxy-set-headers")]


def test_what_a_client_says_of_others_needs_belief(world):
    """compute-full-forwarded-for acts with use-forwarded-headers only."""
    configured(world, compute_full_forwarded_for="true")
    assert world.seen(headers={"X-Forwarded-For": "192.0.2.9"}).headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    configured(world, compute_full_forwarded_for="true", use_forwarded_headers="true")
    assert world.seen(headers={"X-Forwarded-For": "192.0.2.9"}).headers["X-Forwarded-For"].startswith("192.0.2.9,")


def test_snippets_for_all(world):
    configured(world, location_snippet='more_set_headers "X-All: 1";', server_snippet="location /metrics { return 404; }",
               annotations={"configuration_snippet": 'more_set_headers "X-Own: 2";'})
    answer = world.get()
    assert (answer.headers["x-all"], answer.headers["x-own"]) == ("1", "2")
    assert world.served("/metrics") == 404


def test_words_that_are_forbidden(world):
    configured(world, annotation_value_word_blocklist="load_module,evil", annotations={"upstream_vhost": "evil.test"})
    assert world.served() == 404


@pytest.mark.parametrize("keys, status", [({"http_redirect_code": "301"}, 301), ({}, 308)])
def test_codes_of_redirects(world, keys, status):
    configured(world, annotations={"force_ssl_redirect": "true"}, **keys)
    assert world.get("/x").status == status


def secured(world, authority, *more, **keys):
    world.write(config_map("controller", {k.replace("_", "-"): v for k, v in keys.items()}, "ingress-nginx"),
                tls_secret(f"{world.name}-cert", authority.issue(world.host)), *more)


def test_paths_that_are_not_redirected(world, authority):
    secured(world, authority, nginx("b", world.host, "/check", "/.well-known/acme-challenge/x", "/",
                                    tls=[(f"{world.name}-cert", world.host)]), no_tls_redirect_locations="/check")
    assert [world.served(at) for at in ("/check", "/check/x", "/.well-known/acme-challenge/x", "/other")] == [
        "echo", "echo", 308, 308]


@pytest.mark.parametrize("keys, expected", [
    ({"hsts_max_age": "86400", "hsts_include_subdomains": "false", "hsts_preload": "true"}, ["max-age=86400; preload"]),
    ({"hsts": "false"}, ["max-age=1"]), ({}, ["max-age=31536000; includeSubDomains"])])
def test_hsts(world, authority, keys, expected):
    """In place of the backend's own."""
    world.backends["echo"].reply = lambda asked: (200, [("Strict-Transport-Security", "max-age=1")])
    secured(world, authority, nginx("b", world.host, tls=[(f"{world.name}-cert", world.host)]), **keys)
    connection = world.site.client.connect(world.host, tls=True)
    try:
        connection.request("GET", "/", headers={"Host": world.host})
        assert connection.getresponse().headers.get_all("strict-transport-security") == expected
    finally:
        connection.close()


@pytest.mark.parametrize("versions, spoken", [("TLSv1.2", "TLSv1.2"), ("TLSv1.3", "TLSv1.3"), ("TLSv1.2 TLSv1.3", "TLSv1.3")])
def test_versions_of_tls(world, authority, versions, spoken):
    secured(world, authority, nginx("b", world.host, tls=[(f"{world.name}-cert", world.host)]), ssl_protocols=versions)
    connection = world.site.client.connect(world.host, tls=True)
    assert connection.sock.version() == spoken
    connection.close()


def test_compression(world):
    configured(world, use_gzip="true")
    assert world.get("/" + "x" * 3000, headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"


def test_defaults_of_annotations(world):
    configured(world, proxy_redirect_from="http://a/", proxy_redirect_to="http://b/", custom_http_errors="404")
    world.backends["echo"].reply = lambda asked: (200, [("Location", "http://a/x")])
    assert world.get().headers["location"] == "http://b/x"


def test_tcp_ports(world):
    port = free_port(socket.SOCK_STREAM)
    world.write(config_map("tcp", {str(port): f"default/{world.name}-echo:80", "80": f"default/{world.name}-absent:80"},
                           "ingress-nginx"))
    with socket.create_connection((world.site.address, port), timeout=10) as connection:
        connection.sendall(b"GET /over/tcp HTTP/1.0\r\nHost: x\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b"/over/tcp" in answer


@pytest.mark.parametrize("first, own, asked", [
    ("rewrite ^/old/(.*) /new/$1 break;", "if ($http_x_token != t) { return 403; }", {"/old/a": "/new/a", "/a": 403}),
    ("rewrite ^/old/(.*) /new/$1 break;", "rewrite ^/a/(.*) /b/$1 break;", {"/old/a": "/new/a", "/a/a": "/b/a", "/x": "/x"}),
    ("rewrite ^/old/(.*) /new/$1 break;", "more_set_headers 'A: b';", {"/old/a": "/new/a", "/a": "/a"}),
    ("rewrite ^/old/(.*) /new/$1 break;", "internal;", {"/old/a": 404, "/a": 404}),
    ("return 200 open;", "internal;", {"/": 404}),
])
def test_the_snippet_of_all_locations_is_run_before_the_ingresss_own(world, first, own, asked):
    configured(world, location_snippet=first, annotations={"configuration_snippet": own})
    for at, expected in asked.items():
        assert (world.seen(at).path if isinstance(expected, str) else world.served(at)) == expected


@pytest.mark.parametrize("own, status, kind", [("return 200 '{}';", 200, "application/json"), ("default_type text/x; return 200 '{}';", 503, None)])
def test_a_type_is_for_the_locations_of_both_server_snippets(world, own, status, kind):
    """The ConfigMap's locations would have the Ingress's type, too."""
    configured(world, server_snippet="default_type application/json; location = /v { return 200 '{}'; }",
               annotations={"server_snippet": f"if ($uri = /x) {{ return 403; }} {own}"})
    assert world.get("/w").status == status
    if kind:
        assert [world.get(at).headers["content-type"] for at in ("/v", "/w")] == [kind] * 2
