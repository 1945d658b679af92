"""XBackend (experimental): requests of a real Envoy, newest and oldest, to a name in DNS, and to pods by their labels."""

import contextlib
import json
import pathlib
import shutil
import tempfile

import pytest

import gateway_objects as api
from addresses import loopback
from backends import Backend
from certs import Authority
from gateway_objects import gateway, grant, listener, route, rule, thing
from h2_backend import H2Backend
from objects import port, service, slice_of, tls_secret
from stage_fixtures import _site
from test_gateway import world  # noqa: F401

GROUP = "gateway.networking.x-k8s.io"


@pytest.fixture(scope="module", params=["newest", "oldest"])
def site(request):
    """The only name that the tests can look up is this host's."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    config = path / "config.yaml"
    config.write_text("portolan: {destinations: {allow-local: true}}\n")
    for one in _site(path, watcher=("--config", config)):
        one.start(request.param)
        one.write("class.yaml", api.CLASS)
        yield one
    shutil.rmtree(path, ignore_errors=True)


def external(name, port, host="localhost", **spec):
    return thing("XBackend", name, {"type": "ExternalHostname", "externalHostname": {"hostname": host},
                                    "port": {"number": port}, **spec}, version="v1alpha1", group=GROUP)


def pods(name, number, labels=None, **spec):
    return thing("XBackend", name, {"type": "EndpointSelector", "endpointSelector": {"matchLabels": labels or {"app": "x"}},
                                    "port": {"number": number}, **spec}, version="v1alpha1", group=GROUP)


def to(*names):
    return [gateway("web", listener("http", 80)),
            route("r", *(rule({"group": GROUP, "kind": "XBackend", "name": n}, at=f"/{n}/") for n in names))]


def ca(authority, name="ca"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
            "data": {"ca.crt": authority.text}}


def validated(hostname, mode="ServerOnly", **more):
    return {"mode": mode, "validation": {
        "hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}, **more}


@contextlib.contextmanager
def twins(certificate):
    """Two backends with one port, as pods of a kind have it."""
    with contextlib.ExitStack() as stack:
        while True:
            a = stack.enter_context(Backend("a", loopback(), certificate=certificate))
            try:
                b = stack.enter_context(Backend("b", loopback(), certificate=certificate, port=a.port))
            except OSError:
                continue  # somebody has this port there
            yield a, b
            return


def problem(world, name):
    one, = world.status("XBackend", name)["problems"]
    return one


def accepted(world, name):
    """What its status says of the Gateway."""
    entry, = world.status("XBackend", name)["ancestors"]
    condition, = entry["conditions"]
    return condition["status"], condition["reason"]


def test_plain(world):
    """The name is looked up, and the client's Host stays. A protocol is spoken as it says."""
    h2 = H2Backend("h2")
    with Backend("far") as far:
        world.write(external("one", far.port), external("two", h2.port, protocol="H2C"), *to("one", "two"))
        assert world.ask(path="/one/x") == "far"
        assert far.asked[-1].headers["host"] == "a.com"
        assert world.get(path="/two/x").status == 200
        assert h2.asked
        assert accepted(world, "one") == ("True", "Accepted")
        world.write(external("one", far.port), *to("two"))
        assert world.status("XBackend", "one")["verdict"] == "ignored"
    h2.close()


def test_tls(world):
    """Its certificate has to be for the name of validation, and of its authority."""
    authority = Authority()
    with Backend("far", certificate=authority.issue("in.example")) as far:
        world.write(ca(authority), *to("right", "name"), external("right", far.port, tls=validated("in.example")),
                    external("name", far.port, tls=validated("out.example")))
        assert [world.ask(path=f"/{n}/") for n in ("right", "name")] == ["far", 503]
        world.write(ca(Authority()), *to("right"), external("right", far.port, tls=validated("in.example")))
        assert world.ask(path="/right/") == 503
        world.write(*to("right"), external("right", far.port, tls=validated("in.example")))
        assert world.ask(path="/right/") == 500
        assert accepted(world, "right") == ("False", "NoValidCACertificate")
        host = {"mode": "ServerOnly", "validation": {"hostname": "in.example", "wellKnownCACertificates": "System"}}
        world.write(*to("right"), external("right", far.port, tls=host))
        assert world.ask(path="/right/") == 503, "no authority of this host has signed it"
        assert accepted(world, "right") == ("True", "Accepted")


def test_a_certificate_of_its_own(world):
    """ClientAndServer: the certificate that it names, with a grant; ServerOnly: none, not even the Gateway's."""
    authority, clients = Authority(), Authority()
    own, other = clients.issue("own.example"), clients.issue("gateway.example")
    mutual = validated("in.example", "ClientAndServer", clientCertificateRef={"name": "own"})
    elsewhere = validated("in.example", "ClientAndServer", clientCertificateRef={"name": "own", "namespace": "other"})
    with Backend("far", certificate=authority.issue("in.example"), clients=clients.text) as far:
        web, routes = to("mutual", "elsewhere", "only")
        web["spec"]["tls"] = {"backend": {"clientCertificateRef": {"name": "gateway"}}}
        objects = [ca(authority), tls_secret("own", own), tls_secret("gateway", other), tls_secret("own", own, "other"), web, routes,
                   external("mutual", far.port, tls=mutual), external("elsewhere", far.port, tls=elsewhere),
                   external("only", far.port, tls=validated("in.example"))]
        world.write(*objects)
        assert world.ask(path="/mutual/") == "far"
        assert b"own.example" in far.asked[-1].certificate
        assert [world.ask(path=f"/{n}/") for n in ("elsewhere", "only")] == [500, 503]
        assert accepted(world, "elsewhere") == ("False", "RefNotPermitted")
        permit = grant("g", "other", "Secret", from_kind="XBackend")
        permit["spec"]["from"][0]["group"] = GROUP
        world.write(*objects, permit)
        assert world.ask(path="/elsewhere/") == "far"


def test_what_cannot_be_reached(world):
    """A backend that is not there, or pods that no Service selects: 500, and the statuses say why. No such name: 503."""
    world.write(pods("pods", 80), external("nowhere", 80, "nowhere.invalid"), *to("missing", "pods", "nowhere"))
    assert [world.ask(path=f"/{n}/") for n in ("missing", "pods", "nowhere")] == [500, 500, 503]
    assert world.condition("HTTPRoute", "r", "ResolvedRefs") == ("False", "BackendNotFound")
    assert accepted(world, "pods") == ("False", "NoService")


def test_pods(site, world):
    """The Service with exactly these labels knows them; the port is the backend's own."""
    with Backend("pod", world.address) as pod, Backend("other", world.address) as other:
        wide = service("wide", 80, selector={"app": "x"}), slice_of("wide", other.port, other.address)
        narrow = service("narrow", 80, selector={"app": "x", "tier": "front", "track": "new"}), slice_of(
            "narrow", other.port, other.address)
        exact = service("exact", port(9100, "metrics"), selector={"tier": "front", "app": "x"})
        addresses = slice_of("exact", 9100, pod.address, port_name="metrics")
        backend = pods("pods", pod.port, {"app": "x", "tier": "front"})
        world.write(*wide, *narrow, backend, *to("pods"))
        assert world.ask(path="/pods/") == 500
        assert accepted(world, "pods") == ("False", "NoService")
        assert "app=x,tier=front" in problem(world, "pods")["message"]
        world.write(*wide, *narrow, exact, backend, *to("pods"))
        assert world.ask(path="/pods/") == 503
        assert accepted(world, "pods") == ("True", "Accepted")
        assert problem(world, "pods")["reason"] == "NoEndpoints"
        world.write(*wide, *narrow, exact, addresses, backend, *to("pods"))
        assert world.ask(path="/pods/") == "pod"
        assert not world.status("XBackend", "pods").get("problems")
        told = json.loads(site.pipeline.translator.get("/debug/explain?url=http://a.com/pods/"))
        cluster, = told["clusters"]
        assert [(e["address"], e["port"]) for e in cluster["endpoints"]] == [(pod.address, pod.port)]
        assert {"XBackend default/pods", "Service default/exact"} <= {
            f"{o['kind']} {o['namespace']}/{o['name']}" for o in cluster["made_by"]}
        world.write(*wide, *narrow, service("exact", 9100, selector={"app": "y"}), addresses, backend, *to("pods"))
        assert world.ask(path="/pods/") == 500


def test_pods_with_tls_and_sessions(world):
    """A cookie keeps a client at its pod; validation is that of names in DNS."""
    authority = Authority()
    certificate = authority.issue("in.example")
    with twins(certificate) as (a, b):
        world.write(ca(authority), *to("pods", "wrong"), service("any", 80, selector={"app": "x"}),
                    slice_of("any", 80, a.address, b.address),
                    pods("pods", a.port, tls=validated("in.example"),
                         sessionPersistence={"type": "Cookie", "cookie": {"name": "stay"}}),
                    pods("wrong", a.port, tls=validated("out.example")))
        first = world.get(path="/pods/")
        cookie = {"Cookie": next(c for c in first.cookies if c.startswith("stay=")).split(";")[0]}
        assert {world.ask(path="/pods/", headers=cookie) for _ in range(10)} == {first.backend}
        assert {world.ask(path="/pods/") for _ in range(10)} == {"a", "b"}, "by turns"
        assert world.ask(path="/wrong/") == 503
