"""What ingress-nginx's backends and clients see of X-Forwarded-… headers that a proxy before it sent, with
use-forwarded-headers in the ConfigMap and without."""

import re

import pytest

from certs import Authority
from nginx import World, config_map, nginx, redirect
from objects import tls_secret

SENT = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "myproto", "X-Forwarded-Port": "1234",
        "X-Forwarded-Host": "myhost.test, other.test"}


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    yield found
    nginx_site.remove(f"{found.name}.yaml")


def configured(world, *objects, **keys):
    world.write(config_map("controller", {k.replace("_", "-"): v for k, v in keys.items()}, "ingress-nginx"), *objects)


def test_headers_are_believed_where_that_is_asked_for(world):
    configured(world, nginx("a", world.host), use_forwarded_headers="true")
    seen = world.seen(headers=SENT).headers
    assert {n: seen[n] for n in ("Host", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-For",
                                 "X-Real-IP", "X-Scheme", "X-Forwarded-Scheme", "X-Original-Forwarded-Host")} == {
        "Host": "myhost.test", "X-Forwarded-Host": "myhost.test", "X-Forwarded-Port": "1234", "X-Forwarded-Proto": "myproto",
        "X-Forwarded-For": "1.2.3.4", "X-Real-IP": "1.2.3.4", "X-Scheme": "myproto", "X-Forwarded-Scheme": "myproto", "X-Original-Forwarded-Host": "myhost.test, other.test"}


def test_without_such_headers_it_says_what_it_knows(world):
    configured(world, nginx("a", world.host), use_forwarded_headers="true")
    seen = world.seen().headers
    assert (seen["Host"], seen["X-Forwarded-Host"], seen["X-Forwarded-Port"], seen["X-Forwarded-Proto"], seen["X-Scheme"]) == (
        world.host, world.host, "80", "http", "http")
    assert seen["X-Original-Forwarded-Host"] is None


@pytest.mark.parametrize("believed, sent, port", [
    ("true", SENT, "1234"), ("true", {}, "80"), ("true", {"X-Forwarded-Proto": "https"}, "443"), ("false", SENT, "80")])
def test_a_snippet_knows_the_port_that_backends_are_told(world, believed, sent, port):
    """To backends and to clients, and where a snippet answers by itself."""
    configured(world, nginx("a", world.host, configuration_snippet="""
        proxy_set_header X-Port $pass_port;
        more_set_headers "X-Answer: $pass_server_port";
        if ($uri = /gone) { return 302 http://else.test:$pass_port/; }
        """), use_forwarded_headers=believed)
    assert world.seen(headers=sent).headers["X-Port"] == port
    assert world.get(headers=sent).headers["x-answer"] == port
    assert redirect(world.get("/gone", headers=sent)) == (302, f"http://else.test:{port}/")


def test_headers_are_replaced_otherwise(world):
    configured(world, nginx("a", world.host))
    seen = world.seen(headers=SENT).headers
    assert (seen["Host"], seen["X-Forwarded-Host"], seen["X-Forwarded-Port"], seen["X-Forwarded-Proto"], seen["X-Scheme"]) == (
        world.host, world.host, "80", "http", "http")
    assert seen["X-Forwarded-For"] == seen["X-Real-IP"] != "1.2.3.4"
    assert (seen["X-Original-Forwarded-For"], seen["X-Original-Forwarded-Host"]) == (
        "1.2.3.4", "myhost.test, other.test")


def test_what_a_client_says_of_originals_is_dropped(world):
    configured(world, nginx("a", world.host))
    seen = world.seen(headers={"X-Original-Forwarded-For": "6.6.6.6", "X-Original-Forwarded-Host": "evil.test"}).headers
    assert (seen["X-Original-Forwarded-For"], seen["X-Original-Forwarded-Host"]) == (None, None)


def test_the_address_alone_is_believed(world):
    configured(world, nginx("a", world.host), enable_real_ip="true")
    seen = world.seen(headers=SENT).headers
    assert (seen["X-Real-IP"], seen["X-Forwarded-Proto"], seen["X-Forwarded-Host"], seen["Host"]) == (
        "1.2.3.4", "http", world.host, world.host)


def test_a_snippet_reads_what_the_client_said(world):
    """The listener sets these headers, or the route that reads the client's: backends see the same."""
    names = ("Host", "X-Real-IP", "X-Forwarded-For", "X-Original-Forwarded-For", "X-Original-Forwarded-Host",
             "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Scheme", "X-Forwarded-Proto", "Proxy")
    sent = {**SENT, "X-Real-IP": "6.6.6.6", "X-Scheme": "ftp", "Proxy": "evil"}
    configured(world, nginx("a", world.host))
    by_listener = world.seen(headers=sent).headers
    configured(world, nginx("a", world.host, configuration_snippet=(
        "proxy_set_header X-Said $http_x_forwarded_host; proxy_set_header X-Said-IP $http_x_real_ip;")))
    by_route = world.seen(headers=sent).headers
    assert (by_route["X-Said"], by_route["X-Said-IP"]) == ("myhost.test, other.test", "6.6.6.6")
    assert {n: by_listener[n] for n in names} == {n: by_route[n] for n in names}
    assert (by_route["X-Scheme"], by_route["Proxy"]) == ("http", None)


@pytest.mark.parametrize("lists, expected", [
    ({"denylist_source_range": "18.0.0.0/8,56.0.0.1"},
     {"18.0.0.1": 403, "56.0.0.1": 403, "56.0.0.2": "echo"}),
    ({"denylist_source_range": "18.1.0.0/16", "whitelist_source_range": "18.0.0.0/8, 55.0.0.0/8"},
     {"18.1.0.1": 403, "10.10.10.10": 403, "18.4.0.1": "echo", "55.55.55.55": "echo"})])
def test_lists_of_addresses(world, lists, expected):
    configured(world, nginx("a", world.host, **lists), use_forwarded_headers="true")
    assert {a: world.served(headers={"X-Forwarded-For": a}) for a in expected} == expected


def test_limits_count_addresses_apart(world):
    configured(world, nginx("a", world.host, limit_rpm="1", limit_burst_multiplier="1"), use_forwarded_headers="true")
    for address in ("1.1.1.1", "2.2.2.2"):
        assert [world.get(headers={"X-Forwarded-For": address}).status for _ in range(3)] == [200, 200, 503]


def test_behind_a_proxy_that_ends_tls_there_is_no_loop(world):
    configured(world, nginx("a", world.host, force_ssl_redirect="true"), use_forwarded_headers="true")
    assert redirect(world.get("/x")) == (308, f"https://{world.host}/x")
    assert world.served("/x", headers={"X-Forwarded-Proto": "https"}) == "echo"
    assert world.get("/x", headers={"X-Forwarded-Proto": "http"}).status == 308


@pytest.mark.parametrize("reported", ["https,https", "https,http", "wss", "HTTPS"])
def test_only_http_is_redirected(world, reported):
    configured(world, nginx("a", world.host, force_ssl_redirect="true"), use_forwarded_headers="true")
    assert world.served("/x", headers={"X-Forwarded-Proto": reported}) == "echo"


def test_the_reported_scheme_counts_over_https_too(world, authority):
    configured(world, tls_secret(f"{world.name}-cert", authority.issue(world.host)),
               nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)]), use_forwarded_headers="true")
    assert world.served("/x", tls=True) == "echo"
    assert redirect(world.get("/x", tls=True, headers={"X-Forwarded-Proto": "http"})) == (308, f"https://{world.host}/x")


def test_signin_returns_to_the_reported_scheme(world, authority):
    world.backend("auth", lambda asked: (401, []))
    configured(world, tls_secret(f"{world.name}-cert", authority.issue(world.host)),
               nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)], ssl_redirect="false",
                     auth_url=f"http://{world.name}-auth.default.svc:80/check", auth_method="GET",
                     auth_signin="https://sso.test/in"), use_forwarded_headers="true")
    at = f"https://sso.test/in?rd=%s://{world.host}%%2Fq"
    assert redirect(world.get("/q")) == (302, at % "http")
    assert redirect(world.get("/q", headers={"X-Forwarded-Proto": "https"})) == (302, at % "https")
    asked = world.backends["auth"].wait_asked(2)[-1]
    assert (asked.headers["X-Scheme"], asked.headers["X-Forwarded-Proto"]) == ("https", None)
    assert redirect(world.get("/q", tls=True, headers={"X-Forwarded-Proto": "http"})) == (302, at % "http")


def test_www_behind_a_proxy_that_ends_tls(world):
    configured(world, nginx("a", f"www.{world.host}", from_to_www_redirect="true"), use_forwarded_headers="true")
    assert redirect(world.get("/x")) == (308, f"http://www.{world.host}:80/x")
    assert redirect(world.get("/x", headers={"X-Forwarded-Proto": "https"})) == (308, f"https://www.{world.host}:443/x")
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443", "X-Forwarded-Host": "a.test, b.test"}
    assert redirect(world.get("/x/", headers=told)) == (308, f"https://www.{world.host}:8443/x")
    assert redirect(world.get("/", headers={"X-Forwarded-Port": "8080"})) == (308, f"http://www.{world.host}:8080")
    assert redirect(world.get("/x?y=/", headers={"X-Forwarded-Port": "a:b"})) == (308, f"http://www.{world.host}:80/x?y=")


def test_a_redirect_goes_to_the_name_that_the_client_knows(world, authority):
    configured(world, tls_secret(f"{world.name}-cert", authority.issue(world.host)),
               nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)]), use_forwarded_headers="true")
    told = {"X-Forwarded-Host": "example.test:80"}
    assert redirect(world.get(headers=told)) == (308, "https://example.test")
    assert redirect(world.get("/a/?b=c", headers=told)) == (308, "https://example.test/a/?b=c")
    assert redirect(world.get("/a/", headers=told)) == (308, "https://example.test/a")
