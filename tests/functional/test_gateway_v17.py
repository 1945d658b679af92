"""The tests that Gateway API v1.7.0 added to its conformance suite, or changed, against a real
Envoy: the suite itself is not here (docs/conformance/README.md). Each test has the name of the
suite's in its first line, or the text of v1.7.0 that no test of the suite's holds."""

import threading

import pytest

from certs import Authority
from gateway_objects import backend, gateway, grant, listener, route, rule, terminated, thing
from h2_backend import H2Backend
from objects import backend_objects, endpoint, port, service, slice_of, tls_secret
from backends import server_context
from test_gateway import site, world  # noqa: F401

OLD, NEW = "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
GRPC = {"content-type": "application/grpc", "te": "trailers"}


def calls(name, world, **more):
    """(backend, objects) of a Service that speaks gRPC."""
    server = H2Backend(name, world.address, **more)
    return server, [service(name, port(80, "grpc", target=server.port)),
                    slice_of(name, server.port, server.address, port_name="grpc")]


def conditions(world, kind, name):
    """{type: (status, reason)} of the first parent or ancestor."""
    found = world.status(kind, name)
    entry = (found.get("parents") or found.get("ancestors"))[0]
    return {c["type"]: (c["status"], c["reason"]) for c in entry["conditions"]}


def listener_conditions(world, name):
    found = world.status("Gateway", "web")["listeners"]
    return {c["type"]: (c["status"], c["reason"]) for l in found if l["name"] == name for c in l["conditions"]}


def test_rule_order(world):
    """HTTPRouteRuleOrder: of equal matches the first rule counts, whatever the order of headers;
    also if its backend is missing."""
    for name in ("one", "two"):
        world.backend(name)
    a, b = ({"name": n, "value": "1"} for n in ("x-a", "x-b"))
    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("one"), at="/plain"), rule(backend("two"), at="/plain"),
        rule(backend("one"), matches=[{"path": {"value": "/h"}, "headers": [b, a]}]),
        rule(backend("two"), matches=[{"path": {"value": "/h"}, "headers": [a, b]}]),
        rule(backend("two"), matches=[{"path": {"value": "/i"}, "headers": [a, b]}]),
        rule(backend("one"), matches=[{"path": {"value": "/i"}, "headers": [b, a]}]),
        rule(backend("missing"), at="/gone"), rule(backend("two"), at="/gone")))
    both = {"x-a": "1", "x-b": "1"}
    assert [world.ask(path=p, headers=both) for p in ("/plain", "/h", "/i", "/gone")] == ["one", "one", "two", 500]


HOSTS = [("abc.example.com", "*.example.com", "abc.example.com", "abc.example.com"),
         ("*.example.com", "*.com", "*.example.com", "x.example.com")]


@pytest.mark.parametrize("of_listener, general, exact, asked", HOSTS)
def test_intersection_precedence_of_http_routes(world, of_listener, general, exact, asked):
    """HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection: the route's own hostname decides,
    not the intersection; before path and age; requests that its rules do not match fall through."""
    for name in ("general", "exact", "header"):
        world.backend(name)
    world.write(gateway("web", listener("http", 80, hostname=of_listener)),
                route("old", rule(backend("general"), at="/"), rule(backend("general"), at="/a/long/prefix"), hosts=[general], created=OLD),
                route("new", rule(backend("exact"), at="/a"), rule(backend("header"), matches=[
                    {"path": {"value": "/h"}, "headers": [{"name": "x-a", "value": "1"}]}]), hosts=[exact], created=NEW))
    assert [world.ask(asked, p) for p in ("/", "/a", "/a/long/prefix", "/h")] == ["general", "exact", "exact", "general"]
    assert world.ask(asked, "/h", headers={"x-a": "1"}) == "header"


@pytest.mark.parametrize("of_listener, general, exact, asked", HOSTS)
def test_intersection_precedence_of_grpc_routes(world, of_listener, general, exact, asked):
    """GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection."""
    servers = [calls(n, world) for n in ("general", "exact")]
    world.write(*(o for _, objects in servers for o in objects), gateway("web", listener("http", 80, hostname=of_listener)),
                route("old", {"backendRefs": [backend("general")]}, kind="GRPCRoute", hosts=[general], created=OLD),
                route("new", {"matches": [{"method": {"service": "a.B"}, "headers": [{"name": "x-a", "value": "1"}]},
                                          {"method": {"service": "a.C"}}], "backendRefs": [backend("exact")]},
                      kind="GRPCRoute", hosts=[exact], created=NEW))
    asks = [world.get(asked, p, headers={**GRPC, **h}).headers.get("x-backend") for p, h in (
        ("/a.C/D", {}), ("/a.B/D", {}), ("/a.B/D", {"x-a": "1"}), ("/a.X/Y", {}))]
    assert asks == ["exact", "general", "exact", "general"]
    for server, _ in servers:
        server.close()


@pytest.mark.parametrize("mode", ["Passthrough", "Terminate"])
@pytest.mark.parametrize("of_listener, general, exact, asked", HOSTS)
def test_intersection_precedence_of_tls_routes(world, of_listener, general, exact, asked, mode):
    """TLSRouteMultipleRoutesAttachmentSameHostnameIntersection."""
    authority = Authority()
    certificate = authority.issue(asked)
    for name in ("general", "exact"):
        world.backend(name, **({"certificate": certificate} if mode == "Passthrough" else {}))
    tls = {"tls": {"mode": mode}} if mode == "Passthrough" else terminated("cert")
    world.write(tls_secret("cert", certificate), gateway("web", listener("tls", 443, "TLS", of_listener, **tls)),
                route("old", {"backendRefs": [backend("general")]}, kind="TLSRoute", hosts=[general], created=OLD),
                route("new", {"backendRefs": [backend("exact")]}, kind="TLSRoute", hosts=[exact], created=NEW))
    assert world.client(443, 443, authority.text).get(asked, tls=True).backend == "exact"


def test_one_grpc_route_of_two_gateways(world):
    """GRPCRouteMultipleGateways: each Gateway serves the common route, and its own."""
    servers = [calls(n, world) for n in ("both", "first", "second")]
    world.write(*(o for _, objects in servers for o in objects), gateway("web", listener("http", 80)),
                gateway("other", listener("http", 8090)), *(
                    route(n, {"matches": [{"method": {"service": f"a.{n}"}}], "backendRefs": [backend(n)]}, kind="GRPCRoute",
                          parents=[{"name": p} for p in parents])
                    for n, parents in (("both", ["web", "other"]), ("first", ["web"]), ("second", ["other"]))))
    found = {(p, n): world.get(path=f"/a.{n}/X", port=p, headers=GRPC).headers.get("x-backend")
             for p in (80, 8090) for n in ("both", "first", "second")}
    assert found == {(80, "both"): "both", (80, "first"): "first", (80, "second"): None,
                     (8090, "both"): "both", (8090, "first"): None, (8090, "second"): "second"}
    assert len(world.status("GRPCRoute", "both")["parents"]) == 2
    for server, _ in servers:
        server.close()


def test_header_modifier_of_a_grpc_route(world):
    """GRPCRouteRequestHeaderModifier, with the headers that the suite does not look at."""
    server, objects = calls("calls", world)
    world.write(*objects, gateway("web", listener("http", 80)), route(
        "g", {"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "X-Set", "value": "new"}], "add": [{"name": "X-Add", "value": "more"}], "remove": ["X-Remove"]}}],
            "backendRefs": [backend("calls")]}, kind="GRPCRoute"))
    assert world.get(path="/a.B/C", headers={**GRPC, "x-set": "old", "x-remove": "1"}).headers["x-backend"] == "calls"
    assert (server.asked[0]["x-set"], server.asked[0]["x-add"], server.asked[0].get("x-remove")) == ("new", "more", None)
    server.close()


def policy(authority, hostname, target="secure"):
    ca = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"}, "data": {"ca.crt": authority.text}}
    return [ca, thing("BackendTLSPolicy", "p", {
        "targetRefs": [{"group": "", "kind": "Service", "name": target}],
        "validation": {"hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}})]


def test_tls_to_a_grpc_backend(world):
    """BackendTLSPolicyGRPCRoute: right name and authority, wrong name, wrong authority; accepted in all three."""
    authority = Authority()
    context = server_context(authority.issue("in.example"))
    context.set_alpn_protocols(["h2"])
    server, objects = calls("secure", world, context=context)
    common = [*objects, gateway("web", listener("http", 80)), route("g", {"backendRefs": [backend("secure")]}, kind="GRPCRoute")]
    found = []
    for trusted, name in ((authority, "in.example"), (authority, "other.example"), (Authority(), "in.example")):
        world.write(*common, *policy(trusted, name))
        found.append(world.get(path="/a.B/C", headers=GRPC).headers.get("x-backend"))
        assert conditions(world, "BackendTLSPolicy", "p") == {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}
    assert found == ["secure", None, None]
    server.close()


def test_tls_anew_behind_a_terminating_tls_route(world):
    """BackendTLSPolicyTLSRouteTerminate: the policy's hostname is checked, not the route's."""
    authority = Authority()
    world.backend("secure", certificate=authority.issue("in.example"))
    common = [tls_secret("cert", authority.issue("term.com")), gateway("web", listener("tls", 443, "TLS", "term.com", **terminated("cert"))),
              route("t", {"backendRefs": [backend("secure")]}, kind="TLSRoute", hosts=["term.com"])]
    world.write(*common, *policy(authority, "in.example"))
    client = world.client(443, 443, authority.text)
    assert client.get("term.com", tls=True).backend == "secure"
    world.write(*common, *policy(authority, "term.com"))
    with pytest.raises(OSError):
        client.get("term.com", tls=True)


def test_a_pod_that_refuses_connections_is_tried_again_elsewhere(world):
    """HTTPRouteRetryConnectionError: attempts 100 and no codes, one pod of two refuses."""
    b = world.backend("b")
    gone = H2Backend("gone", world.address)
    gone.close()
    world.write(service("half", port(80, "http")), *(
        slice_of("half", p, endpoint(world.address), port_name="http", suffix=n) for n, p in (("a", b.port), ("b", gone.port))),
        gateway("web", listener("http", 80)), route("r", rule(backend("half"), retry={"attempts": 100})))
    assert [world.ask() for _ in range(20)] == ["b"] * 20


class Flaky:
    """Fails n times a path, each after a pause."""

    def __init__(self):
        self.seen, self.lock = {}, threading.Lock()

    def __call__(self, asked):
        _, kind, fails, seconds, *_ = asked.path.split("/")
        with self.lock:
            n = self.seen[asked.path] = self.seen.get(asked.path, 0) + 1
        threading.Event().wait(float(seconds))
        return (500 if n <= int(fails) else 200), ()


def test_retries_within_timeouts(world):
    """HTTPRouteRetryWithRequestTimeout, HTTPRouteRetryWithBackendTimeout, and attempts: 0 of HTTPRouteRetry."""
    flaky = Flaky()
    world.backend("b", flaky)
    retry = {"codes": [500, 502, 503, 504], "attempts": 3, "backoff": "1ms"}
    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("b"), at="/request", retry=retry, timeouts={"request": "2s"}),
        rule(backend("b"), at="/backend", retry=retry, timeouts={"backendRequest": "1500ms"}),
        rule(backend("b"), at="/none", retry={**retry, "attempts": 0}),
        rule(backend("b"), at="/default", retry={"codes": [500]})))

    def ask(path):
        return world.get(path=path).status, flaky.seen[path]

    assert ask("/request/2/0.01/a") == (200, 3)
    assert ask("/request/3/1.2/b") == (504, 2)
    assert ask("/backend/2/0.05/c") == (200, 3)
    assert ask("/backend/2/0.8/d") == (200, 3)
    assert ask("/none/1/0/e") == (500, 1)
    assert ask("/default/1/0/f") == (200, 2)
    assert ask("/default/2/0/g") == (500, 2)


def test_rewrites_of_a_backend(world):
    """HTTPRouteBackendURLRewrite: full path and prefix, each of a rule with one backend and of one with several."""
    for name in ("one", "two"):
        world.backend(name)

    def to(kind, text):
        return [{"type": "URLRewrite", "urlRewrite": {"path": {"type": kind, kind[0].lower() + kind[1:]: text}}}]

    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("one", filters=to("ReplacePrefixMatch", "/new")), at="/prefix/one"),
        rule(backend("one", filters=to("ReplaceFullPath", "/full")), at="/full/one"),
        rule(backend("one", filters=to("ReplacePrefixMatch", "/first")), backend("two"), at="/some")))
    assert {p: world.get(path=p).body.split()[2] for p in ("/prefix/one/two", "/prefix/one", "/full/one/x")} == {
        "/prefix/one/two": "/new/two", "/prefix/one": "/new", "/full/one/x": "/full"}
    assert {tuple(world.get(path="/some/x").body.split()[::2]) for _ in range(60)} == {("one", "/first/x"), ("two", "/some/x")}


def test_a_secret_elsewhere_that_does_not_exist_is_not_told(world):
    """GatewaySecretMissingReferenceGrant: without a grant, a Secret of another namespace is
    RefNotPermitted, whether it exists or not; with a grant its fault is reported."""
    def listeners():
        return [listener(n, p, "HTTPS", tls={"certificateRefs": [{"name": n, "namespace": "other"}]}) for n, p in (("there", 443), ("gone", 8443))]

    secret = tls_secret("there", Authority().issue("a.com"), "other")
    world.write(secret, gateway("web", *listeners()))
    for name in ("there", "gone"):
        assert listener_conditions(world, name)["ResolvedRefs"] == ("False", "RefNotPermitted")
    world.write(secret, gateway("web", *listeners()), grant("g", "other", "Secret", from_kind="Gateway"))
    assert listener_conditions(world, "there")["ResolvedRefs"] == ("True", "ResolvedRefs")
    assert listener_conditions(world, "gone")["ResolvedRefs"] == ("False", "InvalidCertificateRef")


def test_the_longest_name_of_a_gateway(world):
    """GatewayNameMaximumLength: it serves, and has conditions."""
    name = ".".join(["x" * 63] * 3 + ["y" * 61])
    assert len(name) == 253
    world.backend("b")
    world.write(gateway(name, listener("http", 80)), route("r", rule(backend("b")), parents=[{"name": name}]))
    assert world.ask() == "b"
    assert world.condition("Gateway", name, "Programmed") == ("True", "Programmed")


def test_routes_of_both_kinds_with_one_hostname(world):
    """GRPCRoute.spec.hostnames: an HTTPRoute and a GRPCRoute of one listener may both be served."""
    server, objects = calls("calls", world)
    world.backend("pages")
    world.write(*objects, gateway("web", listener("http", 80)), route("h", rule(backend("pages")), hosts=["a.com"]),
                route("g", {"backendRefs": [backend("calls")]}, kind="GRPCRoute", hosts=["a.com"]))
    assert world.get(path="/a.B/C", headers=GRPC).headers["x-backend"] == "calls"
    assert world.ask() == "pages"
    for kind, name in (("HTTPRoute", "h"), ("GRPCRoute", "g")):
        assert conditions(world, kind, name)["Accepted"] == ("True", "Accepted")
    server.close()


def test_retries_of_what_was_sent_are_by_code_only(world):
    """GEP-1731: a connection that ends after the request was sent is not tried again."""
    tries = []

    def reply(asked):
        tries.append(asked.path)
        raise ConnectionAbortedError

    world.backend("b", reply)
    world.write(*(o for b in world.backends.values() for o in backend_objects(b)), gateway("web", listener("http", 80)),
                route("r", rule(backend("b"), retry={"codes": [500], "attempts": 3})))
    assert world.ask() == 503
    assert len(tries) == 1
