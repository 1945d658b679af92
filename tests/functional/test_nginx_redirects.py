"""Redirects, HTTPS and HSTS as ingress-nginx has them."""

import pytest

from certs import Authority
from nginx import World, nginx, redirect
from objects import tls_secret


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request, authority):
    found = World.of(nginx_site, request)
    nginx_site.client.__init__(nginx_site.address, ca=authority.text)
    return found


def secured(world, authority, *ingresses):
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host)), *ingresses)


def tls(world):
    return [(f"{world.name}-cert", world.host)]


@pytest.mark.parametrize("annotations, expected", [
    ({"permanent_redirect": "http://r.test"}, (301, "http://r.test")),
    ({"permanent_redirect": "http://r.test", "permanent_redirect_code": "302"}, (302, "http://r.test")),
    ({"permanent_redirect": "http://r.test", "permanent_redirect_code": "399"}, (301, "http://r.test")),
    ({"temporal_redirect": "http://t.test", "permanent_redirect": "http://p.test"}, (302, "http://t.test")),
    ({"temporal_redirect": "http://t.test", "temporal_redirect_code": "308"}, (302, "http://t.test")),
    ({"temporal_redirect": "http://t.test", "temporal_redirect_code": "307"}, (307, "http://t.test")),
    ({"permanent_redirect": "/target", "relative_redirects": "true"}, (301, "/target")),
])
def test_fixed(world, annotations, expected):
    world.write(nginx("a", world.host, "/something", **annotations))
    assert redirect(world.get("/something")) == expected
    assert redirect(world.get("/something?a=b")) == expected


def test_a_path_alone_becomes_a_whole_address(world):
    world.write(nginx("a", world.host, permanent_redirect="/target"))
    assert redirect(world.get("/x")) == (301, f"http://{world.host}/target")


@pytest.mark.parametrize("code", [300, 304, 305, 306, 307, 308])
def test_codes_of_fixed_redirects(world, code):
    world.write(nginx("a", world.host, permanent_redirect="http://r.test/", permanent_redirect_code=str(code)))
    assert redirect(world.get()) == (code, "http://r.test/")


def test_a_redirect_leaves_out_the_port_of_the_request(world):
    world.write(nginx("a", world.host, "/app/"), nginx("b", world.host, "/p", permanent_redirect="/target"))
    assert redirect(world.get("/app", host=f"{world.host}:8080")) == (301, f"http://{world.host}/app/")
    assert redirect(world.get("/p", host=f"{world.host}:8080")) == (301, f"http://{world.host}/target")


def test_a_redirect_to_the_slash_can_be_relative(world):
    world.write(nginx("a", world.host, "/app/", relative_redirects="true"))
    assert redirect(world.get("/app")) == (301, "/app/")
    assert redirect(world.get("/app?x=1")) == (301, f"http://{world.host}/app/?x=1")


@pytest.mark.parametrize("value", ["/target", "ftp://t.test"])
def test_a_temporal_redirect_that_is_no_url_has_no_effect(world, value):
    world.write(nginx("a", world.host, temporal_redirect=value, permanent_redirect="http://p.test"))
    assert world.served() == "echo"


def test_of_two_app_roots_that_of_the_longest_path_counts(world):
    world.write(nginx("a", world.host, "/a", app_root="/one", created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, "/longer", app_root="/two", created="2021-01-01T00:00:00Z"))
    assert redirect(world.get("/")) == (302, f"http://{world.host}/two")


def test_app_root(world):
    world.write(nginx("a", world.host, app_root="/foo"))
    assert redirect(world.get("/")) == (302, f"http://{world.host}/foo")
    assert redirect(world.get("/?x=1")) == (302, f"http://{world.host}/foo")
    assert world.served("/bar") == "echo"


def test_force_ssl_redirect_without_tls(world):
    world.write(nginx("a", world.host, force_ssl_redirect="true"))
    assert redirect(world.get("/")) == (308, f"https://{world.host}")
    assert redirect(world.get("/a/b?c=d")) == (308, f"https://{world.host}/a/b?c=d")
    assert redirect(world.get("/a/")) == (308, f"https://{world.host}/a")


def test_hosts_with_tls_redirect(world, authority):
    secured(world, authority, nginx("a", world.host, tls=tls(world), preserve_trailing_slash="true"))
    assert redirect(world.get("/")) == (308, f"https://{world.host}/")
    assert world.served("/", tls=True) == "echo"


def test_hosts_with_a_wildcard_redirect(world, authority):
    host = f"a.{world.host}"
    world.write(tls_secret(f"{world.name}-cert", authority.issue(f"*.{world.host}")),
                nginx("a", f"*.{world.host}", tls=[(f"{world.name}-cert", f"*.{world.host}")]))
    assert {at: redirect(world.get(at, host=host)) for at in ("/", "/x/", "/x?y=/z")} == {
        "/": (308, f"https://{host}"), "/x/": (308, f"https://{host}/x"), "/x?y=/z": (308, f"https://{host}/x?y=/z")}


def test_ssl_redirect_off(world, authority):
    secured(world, authority, nginx("a", world.host, tls=tls(world), ssl_redirect="false"))
    assert world.served("/") == "echo"


def test_the_acme_challenge_is_not_redirected(world, authority):
    secured(world, authority, nginx("a", world.host, tls=tls(world)),
            nginx("solver", world.host, "/.well-known/acme-challenge/x"))
    assert world.served("/.well-known/acme-challenge/x") == "echo"
    assert world.get("/other").status == 308


def test_permanent_redirect_goes_before_https(world, authority):
    secured(world, authority, nginx("a", world.host, tls=tls(world), permanent_redirect="http://p.test"))
    assert redirect(world.get("/")) == (301, "http://p.test")


def test_slash_then_https(world, authority):
    secured(world, authority, nginx("a", world.host, "/app/", tls=tls(world)))
    assert redirect(world.get("/app")) == (301, f"http://{world.host}/app/")
    assert redirect(world.get("/app/")) == (308, f"https://{world.host}/app")
    assert redirect(world.get("/app", tls=True)) == (301, f"https://{world.host}/app/")


def test_answers_before_all_others_have_hsts(world, authority):
    secured(world, authority, nginx("a", world.host, "/app/", "/x", tls=tls(world)))
    connection = world.site.client.connect(world.host, tls=True)
    try:
        connection.request("PUT", "/x", headers={"Host": world.host, "Content-Length": "2000000"})
        large = connection.getresponse()
        assert (large.status, large.getheader("strict-transport-security")) == (413, "max-age=31536000; includeSubDomains")
    finally:
        connection.close()
    answer = world.get("/app", tls=True)
    assert (answer.status, answer.headers["strict-transport-security"]) == (301, "max-age=31536000; includeSubDomains")


def test_https_answers_have_hsts(world, authority):
    secured(world, authority, nginx("a", world.host, "/x", tls=tls(world)))
    for at in ("/x", "/unknown"):
        assert world.get(at, tls=True).headers["strict-transport-security"] == (
            "max-age=31536000; includeSubDomains")
    assert "strict-transport-security" not in world.get("/x").headers
