"""Which host of ingress-nginx a request reaches: names in any form, unknown names, default backends, and
the certificate that each gets."""

import re
import socket
import ssl

import pytest

from certs import Authority
from nginx import World, nginx, redirect
from objects import backend, path, port, service, tls_secret


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def world(nginx_site, request):
    found = World(nginx_site, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-"))
    found.backend("echo")
    return found


def status(world, host):
    """Of a request with this Host, which may be one that http.client would not send."""
    with socket.create_connection((world.site.address, 8080), 10) as s:
        s.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return int(s.makefile("rb").readline().split()[1])


def subject(answer):
    """Of the certificate that the answer came with."""
    text = ssl.DER_cert_to_PEM_cert(answer.certificate)
    return text.strip()


@pytest.mark.parametrize("form", ["{}", "{}:8080", "{}.", "{}.:8080"])
def test_forms_of_a_name(world, form):
    world.write(nginx("a", world.host))
    assert status(world, form.format(world.host)) == 200
    assert status(world, form.format(world.host.upper())) == 200


def test_unknown_hosts_are_404_over_both(world):
    world.write(nginx("a", world.host))
    for at in ("/", "/demo"):
        assert world.get(at, host="unknown.test").status == 404
        assert world.get(at, host="unknown.test", tls=True).status == 404
        assert world.get(at, host="unknown.test", tls=True, sni="").status == 404


def test_unknown_hosts_have_a_page_for_health_checks(world):
    world.write(nginx("a", world.host))
    assert world.get("/healthz", host="unknown.test").status == 200
    assert world.get("/healthz").body.startswith(f"{world.name}-echo")


def test_a_host_without_tls_is_served_over_https_too(world):
    world.write(nginx("a", world.host))
    answer = world.get(tls=True)
    assert (answer.status, answer.headers["strict-transport-security"]) == (200, "max-age=31536000; includeSubDomains")
    assert world.get().status == 200, "and it does not redirect"
    assert subject(answer) == subject(world.get(host="unknown.test", tls=True))


def test_a_rule_without_a_host_is_for_all(world):
    world.write(nginx("a", None, default=None), {**nginx("b", None), "spec": {
        "ingressClassName": "nginx", "rules": [{"http": {"paths": [path("echo", at="/any-host")]}}]}})
    assert world.served("/any-host/x", host="whoever.test") == "echo"
    assert world.served("/any-host/x", host="whoever.test", tls=True) == "echo"


def test_a_rule_without_a_host_annotates_its_own_paths_alone(world):
    world.write({**nginx("a", None, whitelist_source_range="1.2.3.4"), "spec": {
        "ingressClassName": "nginx", "defaultBackend": backend("echo", 80),
        "rules": [{"http": {"paths": [path("echo", at="/closed")]}}]}})
    assert world.served("/closed", host="whoever.test") == 403
    assert world.served("/another", host="whoever.test") == 404
    world.site.remove(f"{world.name}.yaml")


def test_a_default_backend_for_all_hosts_has_no_redirects(world):
    world.write(nginx("a", None, default=backend("echo", 80), enable_cors="true", app_root="/x",
                      permanent_redirect="https://r.test", force_ssl_redirect="true"))
    for at in ("/", "/x"):
        answer = world.get(at, host="whoever.test")
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    world.site.remove(f"{world.name}.yaml")


def test_a_host_with_a_default_backend_alone(world):
    world.write({**nginx("a", world.host), "spec": {
        "ingressClassName": "nginx", "defaultBackend": backend("echo", 80), "rules": [{"host": world.host}]}})
    assert (world.served("/x"), world.served(host="another.test")) == ("echo", 404)


def test_a_backend_that_is_no_service(world):
    bad = nginx("a", world.host)
    bad["spec"]["rules"][0]["http"]["paths"][0]["backend"] = {
        "resource": {"apiGroup": "x.test", "kind": "Bucket", "name": "b"}}
    world.write(bad, nginx("b", f"b.{world.host}"))
    assert (world.served(), world.served(host=f"b.{world.host}")) == (404, "echo")


def test_a_service_without_endpoints(world):
    world.write(service(f"{world.name}-empty", port(80)), nginx("a", world.host, path(f"{world.name}-empty")))
    assert world.served() == 503


def test_two_hosts_of_one_object(world):
    world.backend("other")
    two = nginx("a", world.host)
    two["spec"]["rules"].append({"host": f"b.{world.host}", "http": {"paths": [path("other")]}})
    world.write(two)
    assert (world.served(), world.served(host=f"b.{world.host}")) == ("echo", "other")


@pytest.mark.parametrize("bad", ["/bad;alias /etc/;", "/bad/var/run/secrets", "/bad/x_by_lua", "/bad/etc/nginx"])
def test_paths_that_reach_into_nginx_leave_the_ingress_unserved(world, bad):
    world.write(nginx("a", world.host, bad, "/other"), nginx("b", world.host, "/good"))
    assert (world.served(bad.replace(" ", "%20")), world.served("/other"), world.served("/good")) == (404, 404, "echo")
    [status] = [v for k, v in world.site.pipeline.statuses().items() if k.endswith(f"/{world.name}-a")]
    assert "InvalidPath" in [p["reason"] for p in status["problems"]], status


def test_tls_of_a_wildcard_counts_for_its_hosts(world, authority):
    certificate = authority.issue(f"*.{world.host}")
    world.write(tls_secret(f"{world.name}-cert", certificate),
                nginx("w", f"*.{world.host}", "/w", tls=[(f"{world.name}-cert", f"*.{world.host}")]),
                nginx("x", f"x.{world.host}"))
    assert redirect(world.get(host=f"x.{world.host}")) == (308, f"https://x.{world.host}")
    answer = world.get(host=f"x.{world.host}", tls=True)
    assert answer.backend and subject(answer) in certificate.chain


def test_a_certificate_that_covers_the_host_counts_whatever_its_entry_names(world, authority):
    certificate = authority.issue(world.host, f"z.{world.host}")
    world.write(tls_secret(f"{world.name}-cert", certificate),
                nginx("w", world.host, tls=[(f"{world.name}-cert", f"z.{world.host}")]))
    assert redirect(world.get()) == (308, f"https://{world.host}")
    assert subject(world.get(tls=True)) in certificate.chain


def test_a_certificate_for_another_host_is_not_shown(world, authority):
    certificate = authority.issue("else.test")
    world.write(tls_secret(f"{world.name}-cert", certificate),
                nginx("w", world.host, tls=[(f"{world.name}-cert", world.host)]))
    assert redirect(world.get()) == (308, f"https://{world.host}")
    answer = world.get(tls=True)
    assert answer.backend and subject(answer) not in certificate.chain


def test_a_secret_that_comes_later_and_goes(world, authority):
    """The host is served with the default certificate before and after."""
    first, second = authority.issue(world.host), authority.issue(world.host)
    entry = nginx("a", world.host, tls=[(f"{world.name}-cert", world.host)])
    served = []
    for objects in ([], [tls_secret(f"{world.name}-cert", first)], [tls_secret(f"{world.name}-cert", second)], []):
        world.write(entry, *objects)
        assert redirect(world.get()) == (308, f"https://{world.host}")
        served.append(subject(world.get(tls=True)))
    assert served[1] in first.chain and served[2] in second.chain
    assert served[0] == served[3] == subject(world.get(host="unknown.test", tls=True))
