"""Gateways of a class that share their Envoys, by requests through a real Envoy: their listeners are together at a port, and
none gets what is another's."""

import json
import subprocess

import pytest

import gateway_objects as api
import stage
from addresses import free_port, loopback
from backends import Backend, Client
from certs import Authority
from envoy_process import Envoy
from gateway_objects import backend, gateway, listener, route, rule, terminated
from objects import backend_objects, tls_secret
from programs import program
from stage import Pipeline

SHARED = {**api.CLASS, "metadata": {"name": "portolan", "annotations": {"portolan.io/merge-gateways": "true"}}}
FLEET = "portolan://fleet/GatewayClass/portolan"


class World:
    """Two namespaces, each with a backend of its name, and the Envoy of the class."""

    def __init__(self, folder, which):
        self.address = loopback()
        self.pipeline = Pipeline(folder)
        self.pipeline.xds.args = []
        self.pipeline.watcher.args += ["--config", str(folder / "portolan.yaml")]
        (folder / "portolan.yaml").write_text("portolan: {gateway: {provisioning: true}}\n")
        self.backends = [Backend(name, self.address) for name in ("red", "blue")]
        self.pipeline.start()
        self.envoy = Envoy(folder, self.pipeline.xds_address, which, bootstrap=["--node-cluster", FLEET])
        self.envoy.start()

    def write(self, *objects):
        more = []
        for one in self.backends:
            for o in backend_objects(one):
                o["metadata"]["namespace"] = one.name
                more.append(o)
        world = self.pipeline.write("world.yaml", SHARED, *more, *objects)
        self.pipeline.xds.wait_answered(world, 1)

    def ask(self, host, port, **kwargs):
        answer = Client("127.0.0.1", port, port).get(host, **kwargs)
        return answer.backend or answer.status

    def explain(self, url):
        status, body = stage.ask(self.pipeline.dir / "translator.control", f"/debug/explain?url={url}")
        assert status == 200, body
        return json.loads(body)

    def statuses(self, name, namespace):
        found = json.loads(self.pipeline.translator.get("/debug/statuses"))
        return next(s for s in found if (s["kind"], s.get("namespace"), s["name"]) == ("Gateway", namespace, name))

    def wait(self, *words):
        return subprocess.run([program("portolan"), "wait", f"--runtime-dir={self.pipeline.dir}", "--timeout=60s", *words],
                              capture_output=True, text=True, timeout=90)

    def close(self):
        self.envoy.close()
        self.pipeline.close()
        for one in self.backends:
            one.close()


@pytest.fixture(params=["newest", "oldest"])
def world(request, folder):
    one = World(folder, request.param)
    try:
        yield one
    finally:
        one.close()


def of(namespace, name, *listeners, created=None, **spec):
    made = gateway(name, *listeners, namespace=namespace, **spec)
    if created:
        made["metadata"]["creationTimestamp"] = created
    return made


def to(namespace, name, parent, section, *hosts):
    return route(name, rule(backend(namespace)), parents=[{"name": parent, "sectionName": section}], namespace=namespace, hosts=hosts)


def certificate(namespace, name, *hosts):
    made = tls_secret(name, Authority().issue(*hosts))
    made["metadata"]["namespace"] = namespace
    return made


def test_gateways_share_a_port_and_keep_their_hosts(world):
    port = free_port()
    world.write(
        of("red", "old", listener("any", port), listener("one", port, hostname="one.example"), created="2026-01-01T00:00:00Z"),
        of("blue", "young", listener("two", port, hostname="two.example"), listener("taken", port, hostname="one.example"),
           created="2026-02-01T00:00:00Z"),
        to("red", "any", "old", "any"), to("red", "stolen", "old", "any", "two.example"), to("red", "one", "old", "one"),
        to("blue", "two", "young", "two"), to("blue", "taken", "young", "taken"))
    assert {h: world.ask(h, port) for h in ("one.example", "two.example", "three.example")} == {
        "one.example": "red", "two.example": "blue", "three.example": "red"}
    made_by = world.explain(f"http://two.example:{port}/")["route"]["made_by"]
    assert (made_by["kind"], made_by["namespace"], made_by["name"]) == ("HTTPRoute", "blue", "two")


def test_requests_for_a_neighbours_host_are_misdirected(world):
    port = free_port()
    world.write(
        certificate("red", "red", "red.example"), certificate("blue", "blue", "blue.example"),
        of("red", "web", listener("https", port, "HTTPS", "red.example", **terminated("red"))),
        of("blue", "web", listener("https", port, "HTTPS", "blue.example", **terminated("blue"))),
        to("red", "r", "web", "https"), to("blue", "b", "web", "https"))

    def ask(sni, host):
        return world.ask(host, port, tls=True, sni=sni)

    table = [("red.example", "red.example", "red"), ("blue.example", "blue.example", "blue"),
             ("red.example", "blue.example", 421), ("blue.example", "red.example", 421)]
    assert [(s, h, ask(s, h)) for s, h, _ in table] == table
    for name in ("gateway/red/web", "gateway/blue/web"):
        done = world.wait(name)
        assert done.returncode == 0 and "accepted by 1 Envoy," in done.stdout, done


def test_a_bad_certificate_harms_no_neighbour(world):
    port = free_port()
    bad = certificate("blue", "blue", "blue.example")
    bad["stringData"]["tls.crt"] = "no certificate"
    world.write(
        certificate("red", "red", "red.example"), bad,
        of("red", "web", listener("https", port, "HTTPS", "red.example", **terminated("red"))),
        of("blue", "web", listener("https", port, "HTTPS", "blue.example", **terminated("blue"))), to("red", "r", "web", "https"))
    assert world.ask("red.example", port, tls=True, sni="red.example") == "red"
    [one] = world.statuses("web", "blue")["listeners"]
    assert next(c["reason"] for c in one["conditions"] if c["type"] == "ResolvedRefs") == "InvalidCertificateRef"


def test_the_oldest_may_go_and_come(world):
    """Its unit works for all of them: another takes its place."""
    port = free_port()
    blue = [of("blue", "web", listener("http", port, hostname="blue.example"), created="2026-02-01T00:00:00Z"),
            to("blue", "b", "web", "http")]
    red = [of("red", "web", listener("http", port, hostname="red.example"), created="2026-01-01T00:00:00Z"),
           to("red", "r", "web", "http")]
    for objects, answers in ((blue, {"blue.example": "blue", "red.example": 404}),
                             (blue + red, {"blue.example": "blue", "red.example": "red"}),
                             (blue, {"blue.example": "blue", "red.example": 404}),
                             (red, {"blue.example": 404, "red.example": "red"})):
        world.write(*objects)
        assert {h: world.ask(h, port) for h in answers} == answers
