"""XBackend of type ExternalHostname (experimental): requests of a real Envoy, newest and oldest, to a name in DNS."""

import pathlib
import shutil
import tempfile

import pytest

import gateway_objects as api
from backends import Backend
from certs import Authority
from gateway_objects import gateway, grant, listener, route, rule, thing
from h2_backend import H2Backend
from objects import tls_secret
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


def to(*names):
    return [gateway("web", listener("http", 80)),
            route("r", *(rule({"group": GROUP, "kind": "XBackend", "name": n}, at=f"/{n}/") for n in names))]


def ca(authority, name="ca"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
            "data": {"ca.crt": authority.text}}


def validated(hostname, mode="ServerOnly", **more):
    return {"mode": mode, "validation": {
        "hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}, **more}


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
    """A backend that is not there, or of a type that is not supported: 500, and the statuses say why. No such name: 503."""
    pods = thing("XBackend", "pods", {"type": "EndpointSelector", "endpointSelector": {"matchLabels": {"app": "x"}},
                                      "port": {"number": 80}}, version="v1alpha1", group=GROUP)
    world.write(pods, external("nowhere", 80, "nowhere.invalid"), *to("missing", "pods", "nowhere"))
    assert [world.ask(path=f"/{n}/") for n in ("missing", "pods", "nowhere")] == [500, 500, 503]
    assert world.condition("HTTPRoute", "r", "ResolvedRefs") == ("False", "BackendNotFound")
    assert accepted(world, "pods") == ("False", "Unsupported")
