"""ExternalAuth filters (GEP-1494, E-EA-1 to E-EA-5, R-56 to R-58), through a real Envoy, newest and oldest."""

import http.client

import pytest

import gateway_objects as api
from backends import Client
from extension_services import AuthorizationServer
from gateway_objects import backend, gateway, listener, route, rule
from objects import backend_objects, endpoint, port, service, slice_of
from test_gateway import site, world  # noqa: F401


def external(protocol, name, **more):
    return [{"type": "ExternalAuth", "externalAuth": {
        "protocol": protocol, "backendRef": {"name": name, "port": 80}, protocol.lower(): {}, **more}}]


def web(*rules):
    return gateway("web", listener("http", 80)), route("r", *rules)


@pytest.fixture
def asked_by_http(world):
    """The answer depends on the path; its headers are two."""
    def reply(asked):
        return (200 if "/good" in asked.path else 401), [("x-user", "me"), ("x-secret", "no")]
    return world.backend("auth", reply)


def post(world, path, body, **headers):
    connection = http.client.HTTPConnection(world.address, 80, timeout=10)
    try:
        connection.request("POST", path, body, {"Host": "a.com", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_http(world, asked_by_http):
    """Host, method, path and Authorization are always told, others by name; of the answer the named headers go on."""
    b = world.backend("b")
    world.write(*web(rule(backend("b"), at="/a", filters=external("HTTP", "auth", http={
        "path": "/check", "allowedHeaders": ["X-Told"], "allowedResponseHeaders": ["X-User"]})), rule(backend("b"))))
    answer = world.get(path="/a/good?q=1", headers={"x-told": "1", "x-other": "2", "authorization": "Basic x"})
    assert answer.backend == "b"
    asked = asked_by_http.asked[-1]
    assert asked.path == "/check/a/good?q=1"
    assert (asked.headers["host"], asked.headers["x-told"], asked.headers["x-other"], asked.headers["authorization"]) == (
        "a.com", "1", None, "Basic x")
    assert (b.asked[-1].headers["x-user"], b.asked[-1].headers["x-secret"]) == ("me", None)
    assert world.get(path="/a/bad").status == 401
    n = len(asked_by_http.asked)
    assert world.ask(path="/free") == "b"
    assert len(asked_by_http.asked) == n, "a rule without the filter asks nobody"


def test_bodies(world, asked_by_http):
    """Only with maxSize; a larger body is refused, not cut."""
    world.backend("b")
    world.write(*web(
        rule(backend("b"), at="/none/", filters=external("HTTP", "auth")),
        rule(backend("b"), at="/some/", filters=external("HTTP", "auth", forwardBody={"maxSize": 10}))))
    assert post(world, "/some/good", "12345") == 200
    assert asked_by_http.asked[-1].headers["content-length"] == "5"
    assert post(world, "/some/good", "x" * 11) == 413
    assert post(world, "/none/good", "x" * 1000) == 200
    assert asked_by_http.asked[-1].headers["content-length"] == "0"


def test_grpc(world):
    with AuthorizationServer("checks", world.address) as checks:
        b = world.backend("b")
        world.write(service("checks", port(80, "grpc")), slice_of("checks", checks.port, endpoint(checks.address), port_name="grpc"),
                    *web(rule(backend("b"), at="/all", filters=external("GRPC", "checks")),
                         rule(backend("b"), at="/one", filters=external("GRPC", "checks", grpc={"allowedHeaders": ["X-User"]}))))
        headers = {"x-user": "friend", "x-two": "2"}
        assert world.get(path="/all", headers=headers).backend == "b"
        seen = checks.asked[-1].attributes.request.http.headers
        assert (seen["x-user"], seen["x-two"]) == ("friend", "2")
        assert b.asked[-1].headers["x-let-through-by"] == "checks"
        assert world.get(path="/one", headers=headers).backend == "b"
        seen = checks.asked[-1].attributes.request.http.headers
        assert seen["x-user"] == "friend" and "x-two" not in seen
        n = len(b.asked)
        assert world.get(path="/all", headers={"x-user": "foe"}).status == 401
        assert len(b.asked) == n


def test_who_cannot_be_asked_lets_nobody_pass(world, asked_by_http):
    """R-56, fail closed: out of reach 403; a reference that does not resolve 500; no request
    reaches the backend."""
    b = world.backend("b")
    world.write(service("empty", port(80)), *web(
        rule(backend("b"), at="/empty", filters=external("HTTP", "empty")),
        rule(backend("b"), at="/missing", filters=external("HTTP", "missing")),
        rule(backend("b"), at="/elsewhere", filters=[{"type": "ExternalAuth", "externalAuth": {
            "protocol": "HTTP", "http": {}, "backendRef": {"name": "auth", "namespace": "other", "port": 80}}}])))
    assert [world.get(path=p).status for p in ("/empty", "/missing", "/elsewhere")] == [403, 500, 500]
    assert not b.asked
    assert world.condition("HTTPRoute", "r", "ResolvedRefs")[0] == "False"
    assert world.condition("HTTPRoute", "r", "PartiallyInvalid") == ("True", "UnsupportedValue")


def test_redirects_ask_and_own_answers_do_not(world, asked_by_http):
    """R-57, E-EA-5: answers for a missing backend."""
    to = [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]
    world.write(*web(rule(at="/move", filters=external("HTTP", "auth") + to),
                     rule(backend("missing", 0), at="/own", filters=external("HTTP", "auth"))))
    assert (world.get(path="/move/good").status, world.get(path="/move/bad").status) == (302, 401)
    n = len(asked_by_http.asked)
    assert world.get(path="/own/good").status == 500
    assert len(asked_by_http.asked) == n


def test_one_backend_of_two_is_guarded(world, asked_by_http):
    """A filter of a backendRef is for its share."""
    world.backend("one")
    world.backend("two")
    world.write(*web(rule(backend("one", filters=external("HTTP", "auth")), backend("two"))))
    answers = [world.get(path="/x") for _ in range(60)]
    assert {a.backend if a.status == 200 else a.status for a in answers} == {401, "two"}
    assert {world.ask(path="/good") for _ in range(60)} == {"one", "two"}


def test_no_request_passes_while_the_filter_comes(world, asked_by_http):
    """A route that gets its filter later: the guard is there with the route, and no connection of the listener is lost."""
    world.backend("b")
    world.write(*web(rule(backend("b"))))
    client = Client(world.address, 80)
    connection = client.connect("a.com")
    assert client.on(connection, "a.com", "/bad").backend == "b"
    sock = connection.sock
    world.write(*web(rule(backend("b"), filters=external("HTTP", "auth"))))
    answer = client.on(connection, "a.com", "/bad")
    assert (answer.status, connection.sock) == (401, sock)
    connection.close()


def test_tls_to_who_is_asked(world):
    """A BackendTLSPolicy of its Service applies; while it is invalid all requests are refused."""
    from certs import Authority
    authority = Authority()
    auth = world.backend("secure", lambda asked: (200, ()), certificate=authority.issue("in.example"))
    world.backend("b")
    policy = api.thing("BackendTLSPolicy", "p", {
        "targetRefs": [{"group": "", "kind": "Service", "name": "secure"}],
        "validation": {"hostname": "in.example", "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}})
    ca = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"}, "data": {"ca.crt": authority.text}}
    rules = web(rule(backend("b"), filters=external("HTTP", "secure")))
    world.write(ca, policy, *backend_objects(auth), *rules)
    assert world.ask() == "b"
    world.write(policy, *rules)
    assert world.ask() == 500
