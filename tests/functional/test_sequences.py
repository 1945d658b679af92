"""Objects come, go and change in turn: exactly these pushes reach an Envoy, heard by a real gRPC
client."""

import pytest

from certs import Authority
from objects import port, proxy, service, slice_of, tls_secret, to
from xds_client import World, describe, plain


class Told:
    """A pipeline and a client of it; each step is a change and the expected push."""

    def __init__(self, pipeline, world):
        self.pipeline, self.world = pipeline, world

    def _heard(self, change):
        source = change()
        heard = self.world.quiet()
        # A removal comes after its replacement has been accepted.
        self.pipeline.xds.wait_accepted(source)
        said = describe(heard + self.world.quiet())
        return {t: ([_short(n) for n in new], [_short(n) for n in gone]) for t, (new, gone) in said.items()}

    def write(self, name, *objects):
        return self._heard(lambda: self.pipeline.write(name, *objects))

    def remove(self, name):
        return self._heard(lambda: self.pipeline.remove(name))

    def routes(self, host, table="ingress_http"):
        """{path: cluster or status} of a host, None if it does not exist."""
        hosts = {h["name"]: h for h in plain(self.world.resources["RDS"][table]).get("virtual_hosts", [])}
        return {r["match"]["prefix"]: _action(r) for r in hosts[host]["routes"]} if host in hosts else None

    def reasons(self, name):
        return [p["reason"] for p in self.pipeline.statuses()[f"HTTPProxy {name}"]["problems"]]


def _short(name):
    """A cluster's name without the hash of its content."""
    parts = name.split("/")
    return "/".join(parts[:3]) if len(parts) == 4 else name


def _action(route):
    if "direct_response" in route:
        return route["direct_response"]["status"]
    return "redirect" if "redirect" in route else _short(route["route"]["cluster"])


@pytest.fixture
def told(pipeline):
    with World(pipeline.xds_address) as world:
        told = Told(pipeline, world)
        names = [(ns, n) for ns in ("default", "team", "other") for n in ("a", "b")]
        told.write("services.yaml", *(o for ns, n in names for o in (
            service(n, port(80), namespace=ns), slice_of(n, 8080, "10.0.0.1", namespace=ns))))
        yield told


ROUTES = {"RDS": (["ingress_http"], [])}


def added(*services):
    return {"CDS": ([f"{s}/80" for s in services], []), "EDS": (list(services), []), **ROUTES}


def removed(*services):
    return {"CDS": ([], [f"{s}/80" for s in services]), "EDS": ([], list(services)), **ROUTES}


# A TLS host that goes, the only one.
CLOSED = {**removed("default/a"), "LDS": ([], ["ingress_https"]),
          "RDS": (["ingress_http"], ["https/w.example.com"])}


def include(name, prefix, namespace="team"):
    return {"name": name, "namespace": namespace, "conditions": [{"prefix": prefix}]}


def test_an_include_before_its_child(told):
    assert told.write("root.yaml", proxy("root", to("a"), includes=[include("leaf", "/leaf")],
                                         fqdn="w.example.com")) == added("default/a")
    assert told.routes("w.example.com") == {"/leaf": 502, "/": "default/a/80"}
    assert told.reasons("default/root") == ["IncludeError/IncludeNotFound"]
    assert told.write("leaf.yaml", proxy("leaf", to("a"), to("b", conditions=[{"prefix": "/b"}]),
                                         namespace="team")) == added("team/a", "team/b")
    assert told.routes("w.example.com") == {
        "/leaf/b": "team/b/80", "/leaf": "team/a/80", "/": "default/a/80"}
    assert told.reasons("default/root") == told.reasons("team/leaf") == []
    assert told.remove("leaf.yaml") == removed("team/a", "team/b")
    assert told.routes("w.example.com") == {"/leaf": 502, "/": "default/a/80"}


def test_an_include_that_moves_to_another_parent(told):
    def parent(name, *includes):
        return proxy(name, to("a"), includes=includes, namespace="other")

    leaf = include("leaf", "/leaf")
    told.write("leaf.yaml", proxy("leaf", to("b"), namespace="team"))
    told.write("parents.yaml", parent("one", leaf), parent("two"))
    told.write("root.yaml", proxy("root", includes=[include("one", "/one", "other"),
                                                    include("two", "/two", "other")], fqdn="w.example.com"))
    assert told.routes("w.example.com") == {
        "/one/leaf": "team/b/80", "/one": "other/a/80", "/two": "other/a/80"}
    # The clusters are the same, so only the routes are sent.
    assert told.write("parents.yaml", parent("one"), parent("two", leaf)) == ROUTES
    assert told.routes("w.example.com") == {
        "/two/leaf": "team/b/80", "/one": "other/a/80", "/two": "other/a/80"}
    assert told.write("parents.yaml", parent("one"), parent("two")) == removed("team/b")
    assert told.reasons("team/leaf") == ["Orphaned/Orphaned"]
    # A proxy that no other includes may change as it likes.
    assert told.write("leaf.yaml", proxy("leaf", to("a"), namespace="team")) == {}


def test_a_root_that_changes_its_class_and_comes_back(told):
    def root(name):
        found = proxy("root", to("a"), fqdn="w.example.com")
        return {**found, "spec": {**found["spec"], "ingressClassName": name}}

    told.write("stays.yaml", proxy("stays", to("b"), fqdn="stays.example.com"))
    assert told.write("root.yaml", root("portolan")) == added("default/a")
    assert told.write("root.yaml", root("contour")) == removed("default/a")
    assert told.routes("w.example.com") is None
    assert told.reasons("default/root") == ["OtherClass"]
    # While it is not ours, it has no effect.
    assert told.write("root.yaml", root("nginx")) == {}
    assert told.write("root.yaml", root("portolan")) == added("default/a")
    assert told.routes("w.example.com") == {"/": "default/a/80"}
    assert told.routes("stays.example.com") == {"/": "default/b/80"}


def delegation(*namespaces):
    return {"apiVersion": "projectcontour.io/v1", "kind": "TLSCertificateDelegation",
            "metadata": {"name": "lent", "namespace": "team"},
            "spec": {"delegations": [{"secretName": "cert", "targetNamespaces": list(namespaces)}]}}


def test_a_certificate_that_is_lent_taken_back_and_lent_again(told):
    told.write("cert.yaml", tls_secret("cert", Authority().issue("w.example.com"), namespace="team"))
    told.write("root.yaml", proxy("root", to("a"), fqdn="w.example.com", tls={"secretName": "team/cert"}))
    assert told.reasons("default/root") == ["TLSError/DelegationNotPermitted"]
    assert told.world.resources["SDS"] == {}
    lent = {"CDS": (["default/a/80"], []), "EDS": (["default/a"], []), "SDS": (["team/cert"], []),
            "LDS": (["ingress_https"], []), "RDS": (["https/w.example.com", "ingress_http"], [])}
    assert told.write("lent.yaml", delegation("default")) == lent
    assert told.routes("w.example.com", "https/w.example.com") == {"/": "default/a/80"}
    assert told.routes("w.example.com") == {"/": "redirect"}
    # To another namespace as well: nothing changes for this host.
    assert told.write("lent.yaml", delegation("default", "other")) == {}
    assert told.write("lent.yaml", delegation("other")) == CLOSED
    assert told.reasons("default/root") == ["TLSError/DelegationNotPermitted"]
    assert told.write("lent.yaml", delegation("*")) == lent


def test_a_secret_that_is_rotated_broken_and_mended(told):
    authority = Authority()
    host = "w.example.com"

    def secret():
        return tls_secret("cert", authority.issue(host))

    told.write("cert.yaml", secret())
    told.write("root.yaml", proxy("root", to("a"), fqdn=host, tls={"secretName": "cert"}))
    before = told.world.resources["SDS"]["default/cert"].SerializeToString()
    assert told.write("cert.yaml", secret()) == {"SDS": (["default/cert"], [])}
    rotated = told.world.resources["SDS"]["default/cert"].SerializeToString()
    assert rotated != before
    broken = tls_secret("cert", ("no certificate", "no key"))
    # The certificate in use stays until there is a usable one, and the status says so.
    assert told.write("cert.yaml", broken) == {}
    assert told.reasons("default/root") == ["TLSError/SecretNotValid"]
    assert told.routes(host, f"https/{host}") == {"/": "default/a/80"}
    assert told.write("cert.yaml", secret()) == {"SDS": (["default/cert"], [])}
    assert told.world.resources["SDS"]["default/cert"].SerializeToString() != rotated
    assert told.reasons("default/root") == []
    assert told.remove("cert.yaml") == CLOSED
    assert told.routes(host) is None
