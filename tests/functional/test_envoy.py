"""Requests through a real Envoy that the whole pipeline configures."""

import http.client
import ssl

import pytest

from certs import Authority
from objects import app, backend_objects, ingress, path, port, rule, service, slice_of, tls_secret
from backends import Load


@pytest.fixture(params=["newest", "oldest"])
def any_envoy(site, request):
    return site.start(request.param)


@pytest.fixture
def running(site):
    return site.start()


def test_routes_by_host_path_and_precedence(any_envoy):
    site = any_envoy
    names = ["root", "exact", "element", "longer", "regex", "plain", "other", "wild", "rest"]
    services = [o for n in names for o in backend_objects(site.backend(n))]
    site.write("all.yaml", *services, ingress(
        "web",
        rule("web.example.com", path("root"), path("exact", at="/exact", type="Exact"),
             path("element", at="/foo"), path("longer", at="/foo/bar"),
             path("regex", at="/v[0-9]+/.*", type="ImplementationSpecific"),
             path("plain", at="/plain", type="ImplementationSpecific")),
        rule("other.example.com", path("other")),
        rule("*.example.com", path("wild")),
        rule(None, path("rest", at="/rest"))))

    def asked(host, at):
        answer = site.get(host, at)
        return answer.backend if answer.status == 200 else answer.status

    assert {at: asked("web.example.com", at) for at in (
        "/", "/exact", "/exact/", "/exactly", "/foo", "/foo/", "/foo/x", "/foobar", "/foo/bar",
        "/foo/bar/x", "/foo/barx", "/v1/x", "/v/x", "/plainly", "/plain", "/foo?q=/exact")} == {
        "/": "root", "/exact": "exact", "/exact/": "root", "/exactly": "root", "/foo": "element",
        "/foo/": "element", "/foo/x": "element", "/foobar": "root", "/foo/bar": "longer",
        "/foo/bar/x": "longer", "/foo/barx": "element", "/v1/x": "regex", "/v/x": "root",
        "/plainly": "plain", "/plain": "plain", "/foo?q=/exact": "element"}
    assert {host: asked(host, "/") for host in (
        "other.example.com", "WEB.Example.com", "web.example.com:8080", "any.example.com",
        "two.labels.example.com", "example.com", "elsewhere.net")} == {
        "other.example.com": "other", "WEB.Example.com": "root", "web.example.com:8080": "root",
        "any.example.com": "wild", "two.labels.example.com": 404, "example.com": 404,
        "elsewhere.net": 404}
    assert asked("elsewhere.net", "/rest/x") == "rest"


def test_the_default_backend_takes_what_nothing_else_takes(running):
    site = running
    site.write("all.yaml", *backend_objects(site.backend("web")), *backend_objects(site.backend("rest")),
               ingress("web", rule("web.example.com", path("web", at="/web")),
                       default={"service": {"name": "rest", "port": {"number": 80}}}))
    assert site.get("web.example.com", "/web").backend == "web"
    assert site.get("elsewhere.net").backend == "rest"


def test_certificates_by_sni(any_envoy):
    site = any_envoy
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    backends = {n: site.backend(n) for n in ("a", "b", "wild")}
    objects = [o for b in backends.values() for o in backend_objects(b)]
    hosts = {"a": "a.example.com", "b": "b.example.com", "wild": "*.example.org"}
    for name, host in hosts.items():
        objects += [tls_secret(name, authority.issue(host)),
                    ingress(name, rule(host, path(name)), tls=[(name, host)])]
    site.write("all.yaml", *objects)
    assert site.get("a.example.com", tls=True).backend == "a"
    assert site.get("b.example.com", tls=True).backend == "b"
    assert site.get("any.example.org", tls=True).backend == "wild"
    with pytest.raises((ssl.SSLError, OSError)):
        site.get("unknown.example.com", tls=True)
    # Plaintext goes on beside it.
    assert site.get("a.example.com").backend == "a"
    # One host's connection is not a way to another's routes.
    answer = site.get("b.example.com", tls=True, sni="a.example.com")
    assert (answer.status, answer.backend) != (200, "b")


def test_a_rotated_certificate_is_served_without_a_failed_request(running):
    site = running
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    backend = site.backend("web")
    site.write("web.yaml", *backend_objects(backend),
               ingress("web", rule("web.example.com", path("web")), tls=[("cert", "web.example.com")]))
    site.write("cert.yaml", tls_secret("cert", authority.issue("web.example.com")))
    seen = {site.get("web.example.com", tls=True).certificate}
    with Load(site.client, "web.example.com", tls=True, per_connection=3) as load:
        for _ in range(3):
            site.write("cert.yaml", tls_secret("cert", authority.issue("web.example.com")))
            seen.add(site.get("web.example.com", tls=True).certificate)
            load.more(30)
    assert load.failed == []
    assert len(seen) == 4


def test_endpoints_change_under_load_without_a_failed_request(running):
    site = running
    backends = [site.backend(n) for n in ("one", "two", "three")]

    def slices(*which):
        return [slice_of("web", b.port, b.address, suffix=b.name) for b in which]

    site.write("web.yaml", ingress("web", rule("web.example.com", path("web"))),
               service("web", port(80, target=8080)))
    site.write("slices.yaml", *slices(backends[0]))
    with Load(site.client, "web.example.com") as load:
        for now in (backends[:2], backends[1:2], backends[1:], backends[2:], backends, backends[:1]):
            site.write("slices.yaml", *slices(*now))
            for backend in now:
                load.more(5, backend.name)
    assert load.failed == []
    assert set(load.by_backend) == {"one", "two", "three"}


def test_routes_and_services_change_under_load_without_a_failed_request(running):
    site = running
    one, two = site.backend("one"), site.backend("two")
    site.write("services.yaml", *backend_objects(one), *backend_objects(two))
    site.write("web.yaml", ingress("web", rule("web.example.com", path("one"))))
    with Load(site.client, "web.example.com") as load:
        for now in (two, one, two):
            site.write("web.yaml", ingress("web", rule("web.example.com", path(now.name))))
            load.more(20, now.name)
            site.write("more.yaml", *app(f"more-{now.name}", now.address, now.port))
            assert site.get(f"more-{now.name}.example.com").backend == now.name
    assert load.failed == []


def test_an_edit_changes_the_answer_at_once_and_a_deletion_ends_it(running):
    site = running
    one, two = site.backend("one"), site.backend("two")
    site.write("services.yaml", *backend_objects(one), *backend_objects(two))
    site.write("web.yaml", ingress("web", rule("web.example.com", path("one"))))
    assert site.get("web.example.com").backend == "one"
    site.write("web.yaml", ingress("web", rule("web.example.com", path("two"))))
    assert site.get("web.example.com").backend == "two"
    site.remove("web.yaml")
    assert answer_after_removal(site) == 404


def answer_after_removal(site):
    """If nothing is left to serve the listener may be gone too: then there is no answer."""
    try:
        return site.get("web.example.com").status
    except (OSError, http.client.HTTPException):
        return 404


def test_missing_services_and_endpoints_answer_503_and_neighbours_serve(running):
    site = running
    site.write("web.yaml", *backend_objects(site.backend("web")), service("empty", port(80)),
               ingress("web", rule("web.example.com", path("web"), path("gone", at="/gone"),
                                   path("empty", at="/empty"))))
    assert site.get("web.example.com").backend == "web"
    assert site.get("web.example.com", "/empty").status == 503
    assert site.get("web.example.com", "/gone").status == 503
