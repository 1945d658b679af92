"""Further names of a host, and its TLS connections: server-alias, from-to-www-redirect, ssl-passthrough."""

import pytest

from certs import Authority
from nginx import SETTINGS, World, nginx, redirect
from objects import path, tls_secret


@pytest.fixture(scope="module")
def nginx_settings():
    return SETTINGS + "  enableSslPassthrough: true\n"


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request, authority):
    found = World.of(nginx_site, request)
    nginx_site.client.__init__(nginx_site.address, ca=authority.text)
    return found


def test_aliases(world):
    world.write(nginx("a", world.host, server_alias=f"a.{world.host}, *.x.{world.host},.y.{world.host}"))
    served = {h: world.served(host=h) for h in (
        world.host, f"a.{world.host}", f"b.x.{world.host}", f"c.b.x.{world.host}", f"y.{world.host}",
        f"d.y.{world.host}", f"b.{world.host}")}
    assert served == {h: 404 if h == f"b.{world.host}" else "echo" for h in served}


def test_an_alias_that_is_a_host_belongs_to_the_host(world):
    world.backend("other")
    world.write(nginx("a", world.host, server_alias=f"a.{world.host}", created="2020-01-01T00:00:00Z"),
                nginx("b", f"a.{world.host}", path("other"), created="2021-01-01T00:00:00Z"))
    assert world.served(host=f"a.{world.host}") == "other"


def test_of_two_ingresses_the_older_has_aliases(world):
    world.write(nginx("a", world.host, server_alias=f"old.{world.host}", created="2020-01-01T00:00:00Z"),
                nginx("b", world.host, "/b", server_alias=f"new.{world.host}", created="2021-01-01T00:00:00Z"))
    assert world.served("/b", host=f"old.{world.host}") == "echo"
    assert world.served("/b", host=f"new.{world.host}") == 404


def test_an_alias_goes_when_the_annotation_goes(world):
    world.write(nginx("a", world.host, server_alias=f"a.{world.host}"))
    assert world.served(host=f"a.{world.host}") == "echo"
    world.write(nginx("a", world.host))
    assert world.served(host=f"a.{world.host}") == 404


def test_the_certificate_of_an_alias(world, authority):
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host, f"a.{world.host}")),
                nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)],
                      server_alias=f"a.{world.host} b.{world.host}".replace(" ", ",")))
    assert world.get(host=f"a.{world.host}", tls=True).backend == f"{world.name}-echo"
    assert redirect(world.get("/x", host=f"a.{world.host}")) == (308, f"https://a.{world.host}/x")
    # Its name is not in the certificate, so no certificate is configured for it.
    assert world.served("/x", host=f"b.{world.host}") == "echo"


@pytest.mark.parametrize("at, location", [("/foo", "/foo"), ("/foo/", "/foo"), ("/", ""), ("/?a=b", "/?a=b")])
def test_from_www(world, at, location):
    world.write(nginx("a", world.host, from_to_www_redirect="true"))
    assert redirect(world.get(at, host=f"www.{world.host}")) == (308, f"http://{world.host}:80{location}")
    assert world.served() == "echo"


def test_a_name_that_is_redirected_is_no_alias(world):
    world.write(nginx("a", world.host, from_to_www_redirect="true", server_alias=f"www.{world.host},b.{world.host}"))
    assert redirect(world.get("/x", host=f"www.{world.host}")) == (308, f"http://{world.host}:80/x")
    assert world.served(host=f"b.{world.host}") == "echo"


def test_from_www_goes_before_an_alias_of_another_host(world):
    """nginx has the servers of redirects first."""
    world.backend("other")
    world.write(nginx("a", f"a.{world.host}", path("other"), server_alias=f"www.{world.host},b.{world.host}"),
                nginx("b", world.host, from_to_www_redirect="true"))
    assert redirect(world.get("/x", host=f"www.{world.host}")) == (308, f"http://{world.host}:80/x")
    assert world.served(host=f"b.{world.host}") == "other"
    [status] = [v for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")]
    assert any(f"redirected to {world.host}" in p["message"] for p in status["problems"]), status


def test_to_www(world):
    world.write(nginx("a", f"www.{world.host}", from_to_www_redirect="true"))
    assert redirect(world.get("/foo")) == (308, f"http://www.{world.host}:80/foo")


def test_www_of_an_ingress_of_its_own_is_served(world):
    world.backend("other")
    world.write(nginx("a", world.host, from_to_www_redirect="true"),
                nginx("b", f"www.{world.host}", path("other")))
    assert world.served(host=f"www.{world.host}") == "other"


def test_from_www_over_https(world, authority):
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host, f"www.{world.host}")),
                nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)], from_to_www_redirect="true"))
    assert redirect(world.get("/foo", host=f"www.{world.host}", tls=True)) == (308, f"https://{world.host}:443/foo")


def test_passthrough(world, authority):
    world.backend("tls", certificate=authority.issue(world.host))
    world.write(nginx("a", world.host, path("tls"), ssl_passthrough="true", auth_url="http://nowhere.test"))
    assert world.get(tls=True).backend == f"{world.name}-tls"


def test_passthrough_without_the_path_is_named(world):
    world.write(nginx("a", world.host, "/x", ssl_passthrough="true"))
    assert world.served("/x") == "echo"
    [status] = [v for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")]
    assert "AnnotationWithoutEffect" in [p["reason"] for p in status["problems"]], status


def test_plain_http_beside_passthrough(world, authority):
    world.backend("tls", certificate=authority.issue(world.host))
    world.write(nginx("a", world.host, path("tls"), ssl_passthrough="true"))
    assert world.served() == "tls"


def test_ports_in_redirects(world, authority):
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host)),
                nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)], use_port_in_redirects="true"))
    assert redirect(world.get("/x")) == (308, f"https://{world.host}:443/x")
    assert redirect(world.get("/")) == (308, f"https://{world.host}:443")


def test_ciphers_of_a_host(world, authority):
    world.write(tls_secret(f"{world.name}-cert", authority.issue(world.host)),
                nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)],
                      ssl_ciphers="HIGH:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:NO-SUCH-NAME:!aNULL"))
    assert world.served(tls=True) == "echo"
