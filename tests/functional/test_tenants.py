"""Neighbours: objects of two namespaces that want one host, with requests through a real Envoy."""

import json

import pytest

import offline
from certs import Authority
from objects import ingress, path, port, rule, service, slice_of, tls_secret

HOST = "web.example.com"
OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


def ownership(mode):
    return {"apiVersion": "projectcontour.io/v1alpha1", "kind": "ContourConfiguration",
            "metadata": {"name": "portolan", "namespace": "portolan"},
            "spec": {"portolan": {"hosts": {"ownership": mode}}}}


def proxy(namespace, created, at="/", tls=None):
    return {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
            "metadata": {"name": "own", "namespace": namespace, "creationTimestamp": created},
            "spec": {"virtualhost": {"fqdn": HOST, **({"tls": {"secretName": tls}} if tls else {})},
                     "routes": [{"conditions": [{"prefix": at}], "services": [{"name": namespace, "port": 80}]}]}}


def plain(namespace, created, at="/", tls=None):
    return ingress("own", rule(HOST, path(namespace, at=at)), namespace=namespace, created=created,
                   tls=[(tls, HOST)] if tls else ())


KINDS = {"proxy": proxy, "ingress": plain}


@pytest.fixture
def tenants(site):
    """Two namespaces with a backend each, which answers with the namespace's name."""
    site.start()
    for name in ("team-a", "team-b"):
        web = site.backend(name)
        site.write(f"{name}.yaml", service(name, port(80, target=web.port), namespace=name),
                   slice_of(name, web.port, web.address, namespace=name))
    return site


def answers(site, at="/", tls=False):
    got = site.get(HOST, at, tls=tls)
    return got.backend if got.status == 200 else got.status


# older, newer, mode: which object answers "/" and "/login"; the older wants "/" and the newer
# "/login"
TABLE = [
    ("proxy", "ingress", "owner", ("team-a", "team-a")),
    ("ingress", "proxy", "owner", (404, "team-b")),
    ("proxy", "proxy", "owner", ("team-a", "team-a")),
    ("ingress", "ingress", "owner", ("team-a", "team-b")),
    ("proxy", "ingress", "strict", ("team-a", "team-a")),
    ("ingress", "proxy", "strict", (404, "team-b")),
    ("proxy", "proxy", "strict", ("team-a", "team-a")),
    ("ingress", "ingress", "strict", ("team-a", "team-a")),
    ("proxy", "ingress", "contour", ("team-a", "team-b")),
    ("ingress", "proxy", "contour", ("team-a", "team-b")),
    ("proxy", "proxy", "contour", (404, 404)),
    ("ingress", "ingress", "contour", ("team-a", "team-b")),
]


def test_a_host_is_served_by_who_has_it(tenants):
    found = []
    for older, newer, mode, _ in TABLE:
        tenants.write("objects.yaml", ownership(mode), KINDS[older]("team-a", OLD), KINDS[newer]("team-b", NEW, "/login"))
        found.append((older, newer, mode, (answers(tenants), answers(tenants, "/login"))))
    assert found == TABLE


def test_nobody_answers_under_anothers_certificate(tenants):
    authority = Authority()
    tenants.client.__init__(tenants.address, ca=authority.text)
    secrets = [tls_secret("cert", authority.issue(HOST), namespace=n) for n in ("team-a", "team-b")]
    tenants.write("objects.yaml", *secrets, proxy("team-a", NEW, tls="cert"), plain("team-b", OLD, "/login", "cert"))
    assert answers(tenants, "/login", tls=True) == "team-a"
    # Not even while the owner cannot be served.
    tenants.write("objects.yaml", secrets[1], proxy("team-a", NEW, tls="cert"), plain("team-b", OLD, "/login", "cert"))
    with pytest.raises(OSError):
        answers(tenants, "/login", tls=True)


def test_an_ingress_of_the_owners_namespace_adds_paths(tenants):
    """Like cert-manager's solver."""
    solver = ingress("solver", rule(HOST, path("team-a", at="/.well-known/acme-challenge/x", type="ImplementationSpecific")),
                     namespace="team-a")
    tenants.write("objects.yaml", proxy("team-a", OLD, "/app"), solver)
    assert answers(tenants, "/.well-known/acme-challenge/x") == "team-a"
    assert answers(tenants, "/other") == 404


def test_each_is_told(folder):
    def told(*objects):
        (folder / "all.yaml").write_text("\n---\n".join(json.dumps(o) for o in objects))
        statuses = offline.statuses(offline.translate(folder, folder / "all.yaml").statuses)
        return {key.partition(" ")[2]: [(p["reason"], p["message"]) for p in row.get("problems", ()) if p["reason"] in (
            "HostOwned", "HostShared", "VirtualHostError/DuplicateVhost")] for key, row in statuses.items() if "/own" in key}

    assert told(proxy("team-a", OLD), plain("team-b", OLD)) == {"team-a/own": [], "team-b/own": [
        ("HostOwned", f"host {HOST} belongs to HTTPProxy team-a/own of another namespace: its paths are not served")]}
    assert told(plain("team-a", OLD), plain("team-b", NEW)) == {
        "team-a/own": [("HostShared", f"host {HOST} is shared with Ingress team-b/own of another namespace")],
        "team-b/own": [("HostShared", f"host {HOST} is shared with Ingress team-a/own of another namespace")]}
    assert told(proxy("team-b", OLD), proxy("team-a", NEW)) == {"team-b/own": [], "team-a/own": [
        ("VirtualHostError/DuplicateVhost", f"host {HOST} is served by the older HTTPProxy team-b/own")]}
