"""`Programmed` follows Envoy: it waits for an acknowledgement, and refused sockets are withdrawn
(S-GW-4, G-ADR-2, E-IN-6, B-10)."""

import json
import socket
import time

import pytest

import gateway_objects as api
from backends import Client
from envoy_process import Envoy
from gateway_objects import backend, gateway, listener, route, rule
from objects import backend_objects


def programmed(translator, kind, name, section=None):
    """(status, reason) of the object's condition or of that of one of its listeners."""
    status = next(s for s in json.loads(translator.get("/debug/statuses")) if (s["kind"], s["name"]) == (kind, name))
    if section:
        status = next(x for x in status["listeners"] if x["name"] == section)
    one = next(c for c in status["conditions"] if c["type"] == "Programmed")
    return one["status"], one["reason"]


def wait_for(pipeline, wanted, *what):
    """Statuses follow a moment after Envoy's answer: another world is written until they have."""
    until, i = time.monotonic() + 60, 0
    while programmed(pipeline.translator, *what) != wanted and time.monotonic() < until:
        i += 1
        pipeline.manifests.write("later.yaml", {
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"later-{i}"}})
        pipeline.xds.wait_answered(pipeline.settle())
    assert programmed(pipeline.translator, *what) == wanted


LISTENERS = api.thing("ListenerSet", "more", {
    "parentRef": {"name": "web"}, "listeners": [listener("extra", 8091)]})


def test_nothing_is_programmed_before_an_envoy_has_it(site):
    pipeline = site.pipeline
    pipeline.start()
    pipeline.write("web.yaml", api.CLASS, gateway(
        "web", listener("http", 8090), allowedListeners={"namespaces": {"from": "All"}}), LISTENERS)
    pipeline.settle("watcher", "translator")
    pending = ("False", "Pending")
    for what in (("Gateway", "web"), ("Gateway", "web", "http"), ("ListenerSet", "more"), ("ListenerSet", "more", "extra")):
        assert programmed(pipeline.translator, *what) == pending
    assert "Pending" not in {p["reason"] for s in json.loads(pipeline.translator.get("/debug/statuses"))
                             for p in s.get("problems", ())}
    site.envoy = Envoy(site.folder, pipeline.xds_address, "newest")
    site.envoy.start()
    site.settle()
    good = ("True", "Programmed")
    for what in (("Gateway", "web"), ("Gateway", "web", "http"), ("ListenerSet", "more"), ("ListenerSet", "more", "extra")):
        wait_for(pipeline, good, *what)
    # A listener that comes later waits for itself; the Gateway does not.
    site.write("two.yaml", gateway("two", listener("http", 8092)))
    wait_for(pipeline, good, "Gateway", "two")
    # A new translator knows it at once; an Envoy that goes revokes nothing.
    pipeline.translator.restart()
    pipeline.settle()
    assert programmed(pipeline.translator, "Gateway", "two") == good
    site.envoy.close()
    site.envoy = None
    pipeline.write("three.yaml", gateway("three", listener("http", 8093)))
    assert programmed(pipeline.translator, "Gateway", "two") == good
    assert programmed(pipeline.translator, "Gateway", "three") == pending


@pytest.mark.parametrize("protocol", ["HTTP", "TCP"])
def test_a_new_listener_that_envoy_refuses_is_withdrawn(site, protocol):
    """Its port is in use by another. Other listeners of the Gateway go on, and later changes are
    not delayed."""
    site.start()
    pipeline = site.pipeline
    site.backend("b")
    taken = socket.socket()
    taken.bind((site.address, 8099))
    taken.listen()
    kind = "HTTPRoute" if protocol == "HTTP" else "TCPRoute"
    one = {"backendRefs": [backend("b")]}
    more = [route("r", rule(backend("b")), parents=[{"name": "web", "sectionName": "good"}])]
    more.append(route("t", one, kind=kind, parents=[{"name": "web", "sectionName": "bad"}]))
    pipeline.manifests.write("web.yaml", api.CLASS, *backend_objects(site.backends["b"]), *more, gateway(
        "web", listener("good", 8090), listener("bad", 8099, protocol)))
    pipeline.xds.wait_answered(pipeline.settle())
    wait_for(pipeline, ("False", "Invalid"), "Gateway", "web", "bad")
    wait_for(pipeline, ("True", "Programmed"), "Gateway", "web", "good")
    assert programmed(pipeline.translator, "Gateway", "web") == ("True", "Programmed")
    assert not any("/8099" in name for kind, name in pipeline.resources() if kind == "listener")
    message = next(s for s in json.loads(pipeline.translator.get("/debug/statuses")) if s["name"] == "web")
    assert "Address already in use" in json.dumps(message)
    assert Client(site.address, 8090).get("a.com").backend == "b"
    # Accepted, not only answered: no refused resource blocks others.
    site.write("later.yaml", route("later", rule(backend("b"), at="/later"), parents=[{"name": "web", "sectionName": "good"}]))
    # The port becomes free, and another listener goes: it is tried again.
    taken.close()
    site.write("other.yaml", gateway("other", listener("http", 8100)))
    site.remove("other.yaml")
    wait_for(pipeline, ("True", "Programmed"), "Gateway", "web", "bad")
    assert Client(site.address, 8099).get("a.com").backend == "b"
