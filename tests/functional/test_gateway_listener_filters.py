"""Filters of listeners (GEP-5224): services are asked about all requests of a listener before a route is chosen, through a
real Envoy, newest and oldest."""

import json

import pytest
from envoy.service.auth.v3 import external_auth_pb2
from google.rpc import code_pb2, status_pb2

import gateway_objects as api
from certs import Authority
from extension_services import AuthorizationServer, option
from gateway_objects import backend, gateway, grant, listener, route, rule, terminated
from objects import endpoint, port, service, slice_of, tls_secret
from test_gateway import site, world  # noqa: F401


def external(protocol, name, **more):
    return {"type": "ExternalAuth", "externalAuth": {
        "protocol": protocol, "backendRef": {"name": name, "port": 80}, protocol.lower(): {}, **more}}


def guarded(*filters):
    return {"filters": {"requests": list(filters)}}


def answer(world, path="/", **kwargs):
    """The backend's name, or the status: a refusal of a guard is a backend's answer, too."""
    found = world.get(path=path, **kwargs)
    return found.backend if found.status == 200 else found.status


def conditions(world, name="web", kind="Gateway", section="http"):
    """The listener's: "Type": "status reason"."""
    found = next(x for x in world.status(kind, name)["listeners"] if x["name"] == section)
    return {c["type"]: f"{c['status']} {c['reason']}" for c in found["conditions"]}


@pytest.fixture
def doorman(world):
    """Lets pass what has "good" in its path; its answer has two headers."""
    def reply(asked):
        return (200 if "good" in asked.path else 401), [("x-user", "me"), ("x-secret", "no")]
    return world.backend("doorman", reply)


class Editor(AuthorizationServer):
    """Lets all requests pass, with headers set."""

    def __init__(self, name, address, **headers):
        self.headers = [option(k.replace("_", "-"), v) for k, v in headers.items()]
        super().__init__(name, address)

    def Check(self, request, context):
        self.heard(request)
        return external_auth_pb2.CheckResponse(
            status=status_pb2.Status(code=code_pb2.OK),
            ok_response=external_auth_pb2.OkHttpResponse(headers=self.headers))


def grpc_service(server):
    return [service(server.name, port(80, "grpc")),
            slice_of(server.name, server.port, endpoint(server.address), port_name="grpc")]


def test_all_requests_of_a_listener_are_asked_about(world, doorman):
    """Also those that no route matches, and those of host names within the listener's; not those of its neighbour."""
    b = world.backend("b")
    world.write(
        gateway("web", listener("http", 80, **guarded(external("HTTP", "doorman", http={
            "path": "/check", "allowedResponseHeaders": ["X-User"]}))), listener("free", 80, hostname="free.com")),
        route("r", rule(backend("b"), at="/a"), hosts=["a.com", "free.com"]),
        route("deep", rule(backend("b"), at="/deep"), hosts=["*.deep.com"]))
    assert conditions(world)["Accepted"] == "True Accepted"
    assert conditions(world)["ResolvedRefs"] == "True ResolvedRefs"
    assert answer(world, path="/a/good?q=1") == "b"
    assert doorman.asked[-1].path == "/check/a/good?q=1"
    assert (b.asked[-1].headers["x-user"], b.asked[-1].headers["x-secret"]) == ("me", None)
    served = len(b.asked)
    assert [answer(world, path=p) for p in ("/a/bad", "/bad", "/", "/good")] == [401, 401, 401, 404]
    assert [answer(world, p, host="x.deep.com") for p in ("/deep/good", "/deep/bad", "/bad", "/good")] == ["b", 401, 401, 404]
    assert [answer(world, p, host="other.com") for p in ("/bad", "/good")] == [401, 404]
    assert len(b.asked) == served + 1
    asked = len(doorman.asked)
    assert [answer(world, p, host="free.com") for p in ("/a/bad", "/bad")] == ["b", 404]
    assert len(doorman.asked) == asked


def test_guards_are_asked_in_order(world, doorman):
    """The refusal of one ends it. A route's own ExternalAuth comes last."""
    order = []

    def saying(name, status):
        def reply(asked):
            order.append(name)
            return (401 if f"no-{name}" in asked.path else status), ()
        return reply

    for name in ("one", "two", "own"):
        world.backend(name, saying(name, 200))
    world.backend("b")
    world.write(
        gateway("web", listener("http", 80, **guarded(external("HTTP", "two"), external("HTTP", "one")))),
        route("r", rule(backend("b"), at="/a"), rule(backend("b"), at="/own", filters=[external("HTTP", "own")])))

    def ask(path):
        order.clear()
        return answer(world, path=path), "".join(f"{x} " for x in order).strip()

    assert ask("/a") == ("b", "two one")
    assert ask("/a/no-two") == (401, "two")
    assert ask("/a/no-one") == (401, "two one")
    assert ask("/none") == (404, "two one")
    assert ask("/own") == ("b", "two one own")
    assert ask("/own/no-own") == (401, "two one own")


def test_the_answer_of_a_guard_chooses_the_route(world):
    """The service says who the client is, and a route matches on that: all filters of that route hold, and none of the route
    that the client's own headers would choose. Host stays as it is."""
    with Editor("who", world.address, x_tenant="blue", host="free.com") as who:
        world.backend("door", lambda asked: (403 if "shut" in asked.path else 200, ()))
        blue, red = world.backend("blue"), world.backend("red")
        world.backend("free")
        tenant = {c: [{"path": {"value": "/"}, "headers": [{"name": "x-tenant", "value": c}]}] for c in ("blue", "red")}
        world.write(
            *grpc_service(who),
            gateway("web", listener("http", 80, **guarded(external("GRPC", "who"))), listener("free", 80, hostname="free.com")),
            route("r", rule(backend("red"), matches=tenant["red"]),
                  rule(backend("blue"), matches=tenant["blue"], filters=[
                      external("HTTP", "door"),
                      {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-of", "value": "blue"}]}}])),
            route("free", rule(backend("free")), parents=[{"name": "web", "sectionName": "free"}]))
        assert answer(world) == "blue"
        assert answer(world, headers={"x-tenant": "red"}) == "blue"
        asked = blue.asked[-1].headers
        assert (asked["x-tenant"], asked["x-of"], asked["host"]) == ("blue", "blue", "a.com")
        assert answer(world, path="/shut", headers={"x-tenant": "red"}) == 403
        assert not red.asked


def test_grpc_refuses(world):
    with AuthorizationServer("checks", world.address) as checks:
        world.backend("b")
        world.write(*grpc_service(checks), gateway("web", listener("http", 80, **guarded(external("GRPC", "checks")))),
                    route("r", rule(backend("b"), at="/a")))
        assert answer(world, path="/a", headers={"x-user": "friend"}) == "b"
        found = world.get(path="/a", headers={"x-user": "foe"})
        assert (found.status, found.headers["x-denied-by"]) == (401, "checks")
        assert answer(world, path="/none", headers={"x-user": "foe"}) == 401
        assert answer(world, path="/none", headers={"x-user": "friend"}) == 404


def test_a_guard_that_cannot_be_asked_lets_no_request_pass(world, doorman):
    """A wrong reference: 500 and ResolvedRefs by GEP-5224; out of reach: 403. One bad guard of two is enough."""
    b = world.backend("b")
    bad = {
        "missing": (external("HTTP", "missing"), 500, "False InvalidListenerFilterRef"),
        "elsewhere": ({"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {
            "name": "doorman", "namespace": "other", "port": 80}}}, 500, "False RefNotPermitted"),
        "kind": ({"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {
            "group": "example.com", "kind": "Oracle", "name": "doorman", "port": 80}}}, 500, "False InvalidListenerFilterRef"),
        "empty": (external("HTTP", "empty"), 403, "True ResolvedRefs"),
    }
    for name, (filter_, status, resolved) in bad.items():
        world.write(service("empty", port(80)),
                    gateway("web", listener("http", 80, **guarded(external("HTTP", "doorman"), filter_))),
                    route("r", rule(backend("b"), at="/good")))
        assert [answer(world, path=p) for p in ("/good", "/none/good")] == [status, status], name
        found = conditions(world)
        assert (found["Accepted"], found["ResolvedRefs"]) == ("True Accepted", resolved), name
    assert not b.asked


def test_grants_and_listener_sets(world, doorman):
    """The reference is the Gateway's, or that of the ListenerSet that has the listener."""
    world.backend("b")
    there = {"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "http": {}, "backendRef": {
        "name": "doorman", "namespace": "other", "port": 80}}}
    elsewhere = [service("doorman", port(80), namespace="other"),
                 slice_of("doorman", doorman.port, doorman.address, namespace="other")]
    listeners = api.thing("ListenerSet", "more", {"parentRef": {"name": "web"}, "listeners": [
        listener("set", 80, hostname="set.com", **guarded(there))]})
    objects = [*elsewhere, listeners,
               gateway("web", listener("http", 80, **guarded(there)), allowedListeners={"namespaces": {"from": "Same"}}),
               route("r", rule(backend("b")), parents=[{"name": "web"}, {"name": "more", "kind": "ListenerSet"}])]

    def answers():
        return [answer(world, p, host=h) for h in ("a.com", "set.com") for p in ("/good", "/bad")]

    world.write(*objects)
    assert answers() == [500] * 4
    assert conditions(world, "more", "ListenerSet", "set")["ResolvedRefs"] == "False RefNotPermitted"
    world.write(*objects, grant("g", "other", "Service", from_kind="Gateway"))
    assert answers() == ["b", 401, 500, 500]
    world.write(*objects, grant("g", "other", "Service", from_kind="Gateway"),
                grant("s", "other", "Service", from_kind="ListenerSet"))
    assert answers() == ["b", 401, "b", 401]


def test_https(world, doorman):
    world.backend("b")
    authority = Authority()
    world.write(
        tls_secret("cert", authority.issue("*.a.com")),
        gateway("web", listener("http", 443, "HTTPS", "x.a.com", **terminated("cert"), **guarded(external("HTTP", "doorman"))),
                listener("free", 443, "HTTPS", "y.a.com", **terminated("cert"))),
        route("r", rule(backend("b"), at="/a")))

    def ask(host, path):
        found = world.client(https=443, ca=authority.text).get(host, path, tls=True)
        return found.backend if found.status == 200 else found.status

    assert [ask("x.a.com", p) for p in ("/a/good", "/a/bad", "/good", "/bad")] == ["b", 401, 404, 401]
    assert [ask("y.a.com", p) for p in ("/a/bad", "/bad")] == ["b", 404]


def test_explain_says_so(world, site, doorman):
    """Of a request that has a route, of one without, and of one that nobody can be asked about."""
    world.backend("b")

    def explain(path):
        return json.loads(site.pipeline.translator.get(f"/debug/explain?url=http://a.com{path}"))

    rules = route("r", rule(backend("b"), at="/a"))
    world.write(gateway("web", listener("http", 80, **guarded(external("HTTP", "doorman")))), rules)
    for path in ("/a", "/none"):
        found = explain(path)
        assert [f["name"] for f in found["filters"]] == ["portolan.guard"], path
    assert (found["status"], found["why"]) == (404, "no route of host * matches")
    assert [m["match"] for m in found["missed"]] == ["path /a and below"], found
    world.write(gateway("web", listener("http", 80, **guarded(external("HTTP", "missing")))), rules)
    found = explain("/a")
    assert found["status"] == answer(world, path="/a") == 500
    assert found["route"]["made_by"]["field"] == "spec.listeners[0].filters.requests"
    assert "missing" in json.dumps(found)
