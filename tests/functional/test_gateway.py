"""Gateway API: the answers to requests through a real Envoy, the newest and the oldest."""

import collections
import contextlib
import json
import pathlib
import shutil
import socket
import tempfile

import pytest

import gateway_objects as api
from backends import Client, Load
from certs import Authority
from events import Deadline
from gateway_objects import backend, gateway, listener, route, rule, terminated
from h2_backend import H2Backend
from kube import poll
from objects import backend_objects, service, port, slice_of, tls_secret
from stage_fixtures import _site


@pytest.fixture(scope="module", params=["newest", "oldest"])
def site(request):
    path = pathlib.Path(tempfile.mkdtemp(prefix="portolan-test-"))
    for one in _site(path):
        one.start(request.param)
        one.write("class.yaml", api.CLASS)
        yield one
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def world(site):
    """Writes objects into one file, which goes with the test; and asks a port."""
    class World:
        address = site.address

        def __init__(self):
            self.backends = {}

        def backend(self, name, *args, **kwargs):
            if name not in self.backends:
                self.backends[name] = site.backend(name, *args, **kwargs)
            return self.backends[name]

        def write(self, *objects):
            """Names of `backends` are there as Services."""
            more = [o for b in self.backends.values() for o in backend_objects(b)]
            return site.write("world.yaml", *more, *objects)

        def client(self, http=80, https=443, ca=None):
            return Client(site.address, http, https, ca)

        def get(self, host="a.com", path="/", port=80, **kwargs):
            return self.client(port, port).get(host, path, **kwargs)

        def ask(self, host="a.com", path="/", port=80, **kwargs):
            answer = self.get(host, path, port, **kwargs)
            return answer.backend or answer.status

        def status(self, kind, name):
            """The status of an object of the namespace default, as a page of the translator has it."""
            return next(s for s in json.loads(site.pipeline.translator.get("/debug/statuses"))
                        if (s["kind"], s["name"]) == (kind, name))

        def condition(self, kind, name, condition):
            """Of what Envoy has answered: its answer reaches the status a moment after it reaches us."""
            for _ in range(20):
                found = self.status(kind, name)
                lists = [found.get("conditions", []), *(p["conditions"] for p in found.get("parents", []))]
                one = next(c for c in lists[0] or lists[1] if c["type"] == condition)
                if one["reason"] != "Pending":
                    break
                self.another_world()
            return one["status"], one["reason"]

        def write_refused(self, *objects):
            """The same if Envoy refuses a resource: until the translator has heard of it."""
            site.pipeline.manifests.write("world.yaml", *objects)
            source = site.pipeline.settle()
            site.pipeline.xds.wait_answered(source)
            self.another_world()

        def another_world(self):
            """An object that changes nothing: reports on the former world come before its own."""
            site.pipeline.manifests.write("later.yaml", {
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later"}})
            site.pipeline.xds.wait_answered(site.pipeline.settle())
            site.pipeline.manifests.remove("later.yaml")

    yield World()
    site.remove("world.yaml")


def test_the_more_exact_match_goes_first(world):
    """G-PRE-1, G-PRE-3: exact, longer prefix, method, headers, query; whole path elements."""
    for name in ("root", "exact", "long", "method", "header", "query"):
        world.backend(name)
    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("root")), rule(backend("exact"), exact="/v2"), rule(backend("long"), at="/v2/long/"),
        rule(backend("header"), matches=[{"path": {"value": "/m"}, "headers": [{"name": "X-A", "value": "1"}]}]),
        rule(backend("query"), matches=[{"path": {"value": "/m"}, "queryParams": [{"name": "q", "value": "1"}]}]),
        rule(backend("method"), matches=[{"path": {"value": "/m"}, "method": "GET"}])))
    assert {p: world.ask(path=p) for p in ("/v2", "/v2/", "/v2x", "/v2/long", "/v2/long/x", "/v2/longer", "/m?q=1")} == {
        "/v2": "exact", "/v2/": "root", "/v2x": "root", "/v2/long": "long", "/v2/long/x": "long",
        "/v2/longer": "root", "/m?q=1": "method"}


def test_listeners_are_isolated(world):
    """G-ISO-1, G-ISO-2, G-PRE-2: the most specific listener has the host, even without a route for it."""
    for name in ("any", "wild", "deep", "general"):
        world.backend(name)
    hosts = ["bar.com", "a.example.com", "x.foo.example.com", "abc.foo.example.com"]
    world.write(
        gateway("web", listener("any", 80), listener("wild", 80, hostname="*.example.com"),
                listener("deep", 80, hostname="*.foo.example.com"),
                listener("exact", 80, hostname="abc.foo.example.com")),
        route("any", rule(backend("any")), hosts=hosts, parents=[{"name": "web", "sectionName": "any"}]),
        route("wild", rule(backend("wild"), at="/wild"), hosts=["a.example.com"],
              parents=[{"name": "web", "sectionName": "wild"}]),
        route("general", rule(backend("general")), parents=[{"name": "web", "sectionName": "wild"}]),
        route("deep", rule(backend("deep")), parents=[{"name": "web", "sectionName": "deep"}]))
    assert {h: world.ask(h) for h in [*hosts, "bar.com:8080", "unknown.org"]} == {
        "bar.com": "any", "a.example.com": "general", "x.foo.example.com": "deep", "abc.foo.example.com": 404,
        "bar.com:8080": "any", "unknown.org": 404}
    assert world.ask("a.example.com", "/wild") == "wild"


def test_misdirected_requests_get_421(world):
    """G-421-1: all 15 pairs of the suite's table."""
    authority = Authority()
    world.backend("b")
    cert = tls_secret("cert", authority.issue("*.org", "example.org", "*.wildcard.org"))
    world.write(cert, gateway(
        "web", listener("none", 443, "HTTPS", **terminated("cert")),
        *(listener(n, 443, "HTTPS", h, **terminated("cert")) for n, h in (
            ("second", "second-example.org"), ("wild", "*.wildcard.org"), ("fourth", "fourth-example.wildcard.org")))),
        *(route(n, rule(backend("b")), parents=[{"name": "web", "sectionName": s}], hosts=h) for n, s, h in (
            ("one", "none", ["example.org"]), ("two", "second", []), ("three", "wild", ["third-example.wildcard.org"]),
            ("four", "fourth", []))))

    def ask(sni, host):
        return world.get(host, port=443, tls=True, sni=sni).status

    table = [("example.org", "example.org", 200), ("example.org", "second-example.org", 421),
             ("example.org", "unknown-example.org", 404), ("second-example.org", "second-example.org", 200),
             ("second-example.org", "example.org", 421), ("second-example.org", "unknown-example.org", 421),
             ("third-example.wildcard.org", "third-example.wildcard.org", 200),
             ("third-example.wildcard.org", "fifth-example.wildcard.org", 404),
             ("third-example.wildcard.org", "fourth-example.wildcard.org", 421),
             ("fourth-example.wildcard.org", "fourth-example.wildcard.org", 200),
             ("fourth-example.wildcard.org", "third-example.wildcard.org", 421),
             ("fourth-example.wildcard.org", "second-example.org", 421),
             ("unknown-example.org", "example.org", 200), ("unknown-example.org", "unknown-example.org", 404),
             ("unknown-example.org", "second-example.org", 421)]
    assert [(s, h, ask(s, h)) for s, h, _ in table] == table


def test_shares_are_exact(world):
    """G-BE-2, E-BK-1: missing backends 500, empty ones 503, the rest unharmed."""
    world.backend("good")
    world.write(service("empty", port(80)), gateway("web", listener("http", 80)), route(
        "r", rule(backend("good", 1), backend("missing", 1), backend("empty", 1), backend("good", 0)),
        rule(backend("good", 0), at="/zero"), rule(at="/none")))
    seen = collections.Counter(world.ask() for _ in range(240))
    assert set(seen) == {"good", 500, 503}
    assert all(45 <= n <= 120 for n in seen.values()), seen
    assert world.ask(path="/zero") == 500
    assert world.ask(path="/none") == 500


def test_redirects_name_the_right_port(world):
    """G-FLT-4, E-RD-1…5: the given one, the scheme's, or the listener's."""
    def to(**redirect):
        return [{"type": "RequestRedirect", "requestRedirect": redirect}]

    world.write(
        gateway("web", listener("http", 80), listener("alt", 8090)),
        *(route(f"r{i}", rule(at="/scheme", filters=to(scheme="https")),
                rule(at="/port", filters=to(port=8083)),
                rule(at="/host", filters=to(hostname="other.com", statusCode=301)),
                rule(at="/prefix", filters=to(path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})),
                rule(at="/swap", filters=to(path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new/"})),
                rule(at="/full", filters=to(path={"type": "ReplaceFullPath", "replaceFullPath": "/x"})), hosts=h)
          for i, h in enumerate([["a.com"], []])))

    def where(host, path, port=80):
        answer = world.get(host, path, port)
        return answer.status, answer.headers["location"]

    for host in ("a.com", "b.com"):
        assert where(host, "/scheme/x?q=1") == (302, f"https://{host}/scheme/x?q=1")
        assert where(f"{host}:8080", "/scheme")[1].removesuffix("/scheme") in (f"https://{host}", f"https://{host}:443")
        assert where(host, "/port") == (302, f"http://{host}:8083/port")
        assert where(host, "/host", 8090) == (301, "http://other.com:8090/host")
        assert where(host, "/prefix/rest") == (302, f"http://{host}/rest")
        assert where(host, "/prefix") == (302, f"http://{host}/")
        assert where(host, "/swap/rest") == (302, f"http://{host}/new/rest")
        assert where(f"{host}:8090", "/full/z?q=1", 8090) == (302, f"http://{host}:8090/x?q=1")


def test_rewrites(world):
    """G-FLT-3: Gateway API's table of prefixes; and rewrites of single backends (E-RW-6)."""
    def to(path=None, host=None):
        return [{"type": "URLRewrite", "urlRewrite": {**({"hostname": host} if host else {}),
                                                     **({"path": path} if path else {})}}]

    def prefix(text):
        return {"type": "ReplacePrefixMatch", "replacePrefixMatch": text}

    world.backend("b")
    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("b"), at="/foo", filters=to(prefix("/xyz"))), rule(backend("b"), at="/bar/", filters=to(prefix("/xyz/"))),
        rule(backend("b"), at="/strip", filters=to(prefix("/"), "inside.com")),
        rule(backend("b"), at="/full", filters=to({"type": "ReplaceFullPath", "replaceFullPath": r"/o\1ne"})),
        rule(backend("b"), at="/bare", filters=to({"type": "ReplaceFullPath", "replaceFullPath": "a b"})),
        rule(backend("b"), at="/space", filters=to(prefix("/a b"))),
        rule(backend("b", filters=to(prefix("/one"))), backend("b", filters=to(prefix("/two"))), at="/share")))

    def arrives(path):
        return world.get(path=path).body.split()[1:]

    assert {p: arrives(p)[1] for p in ("/foo/bar", "/foo/", "/foo", "/bar/x", "/strip/a?q=1", "/strip", "/strip/", "/full/z?q=1", "/bare", "/space/x")} == {
        "/foo/bar": "/xyz/bar", "/foo/": "/xyz/", "/foo": "/xyz", "/bar/x": "/xyz/x", "/strip/a?q=1": "/a?q=1",
        "/strip": "/", "/strip/": "/", "/full/z?q=1": r"/o\1ne?q=1", "/bare": "/a%20b", "/space/x": "/a%20b/x"}
    assert arrives("/strip")[0] == "inside.com"
    assert collections.Counter(arrives("/share/x")[1] for _ in range(60)).keys() == {"/one/x", "/two/x"}


def test_headers_are_edited(world):
    """G-FLT-1, V-3, V-5: of a rule, and of one backend, whose edits come after the rule's."""
    got = world.backend("b", lambda asked: (200, [("x-response", "old"), ("x-gone", "1")]))
    world.write(gateway("web", listener("http", 80)), route("r", rule(
        backend("b", filters=[{"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "X-Share", "value": "b"}], "remove": ["x-both"]}},
            {"type": "URLRewrite", "urlRewrite": {"hostname": "backend.org"}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-by", "value": "b"}]}}]),
        filters=[{"type": "RequestHeaderModifier", "requestHeaderModifier": {
            "set": [{"name": "X-Set", "value": "100%"}, {"name": "x-share", "value": "rule"},
                    {"name": "X-Both", "value": "rule"}], "add": [{"name": "X-Add", "value": "more"}],
            "remove": ["X-Remove"]}},
            {"type": "URLRewrite", "urlRewrite": {"hostname": "rule.org"}},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": {
                "set": [{"name": "X-Response", "value": "new"}, {"name": "X-By", "value": "rule"}],
                "remove": ["x-gone"]}}])))
    answer = world.get(headers={"x-set": "1", "x-add": "1", "x-remove": "1"})
    headers = got.asked[-1].headers
    assert (headers["x-set"], headers.get_all("x-add"), headers["x-remove"], headers["x-share"]) == (
        "100%", ["1", "more"], None, "b")
    assert (headers["x-both"], headers["host"]) == (None, "backend.org")
    assert (answer.headers["x-response"], answer.headers.get("x-gone"), answer.headers["x-by"]) == ("new", None, "b")


def test_cors(world):
    """E-CO-1…8: preflights also of entries for one method; the backend's own headers do not count."""
    world.backend("b", lambda asked: (200, [("Access-Control-Allow-Origin", "*"),
                                            ("Access-Control-Allow-Credentials", "true")]))
    world.write(gateway("web", listener("http", 80)), route("r", rule(
        backend("b"), matches=[{"path": {"value": "/"}, "method": "GET"}], filters=[{"type": "CORS", "cors": {
            "allowOrigins": ["https://*.bar.com", "https://foo.com:443"], "allowMethods": ["GET", "PUT"],
            "allowHeaders": ["x-a"], "exposeHeaders": ["x-b"], "maxAge": 60, "allowCredentials": True}}])))

    def preflight(origin):
        client = world.client()
        connection = client.connect("a.com")
        try:
            connection.request("OPTIONS", "/", headers={"Host": "a.com", "Origin": origin,
                                                        "Access-Control-Request-Method": "PUT"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    for origin in ("https://a.b.bar.com", "https://foo.com", "https://FOO.com"):
        status, headers = preflight(origin)
        assert (status, headers["access-control-allow-origin"], headers["access-control-max-age"],
                headers["access-control-allow-credentials"]) == (200, origin, "60", "true")
    assert "access-control-allow-origin" not in preflight("https://bar.com")[1]
    headers = world.get(headers={"Origin": "https://x.bar.com"}).headers
    assert (headers["access-control-allow-origin"], headers["access-control-allow-credentials"],
            headers["access-control-expose-headers"]) == ("https://x.bar.com", "true", "x-b")
    headers = world.get(headers={"Origin": "https://evil.com"}).headers
    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_mirrors(world):
    """G-FLT-2: several, with the path and the Host of the request."""
    for name in ("main", "copy1", "copy2"):
        world.backend(name)
    world.write(gateway("web", listener("http", 80)), route("r", rule(backend("main"), filters=[
        {"type": "RequestMirror", "requestMirror": {"backendRef": backend(n)}} for n in ("copy1", "copy2", "missing")])))
    assert world.ask(path="/x") == "main"
    for name in ("copy1", "copy2"):
        asked = world.backends[name].wait_asked(1)[0]
        assert (asked.path, asked.headers["host"]) == ("/x", "a.com")


def test_timeouts_and_retries(world):
    """G-TMO-1, G-TMO-2, G-RTY-1 (v1.7): codes are exact, attempts count retries."""
    import threading
    tries = collections.Counter()
    release = threading.Event()

    def reply(asked):
        tries[asked.path] += 1
        if asked.path.startswith("/slow"):
            release.wait(60)
        return (int(asked.path.split("/")[2]) if asked.path.startswith("/fail") else 200), ()

    world.backend("b", reply)
    world.write(gateway("web", listener("http", 80)), route(
        "r", rule(backend("b"), at="/slow", timeouts={"request": "300ms"}),
        rule(backend("b"), at="/slow/try", timeouts={"backendRequest": "300ms"}),
        rule(backend("b"), at="/fail", retry={"codes": [500], "attempts": 2, "backoff": "10ms"}),
        rule(backend("b"), at="/fail/501", retry={"codes": [501], "attempts": 0})))
    assert world.ask(path="/slow/a") == 504
    assert world.ask(path="/slow/try") == 504
    release.set()
    assert [(world.get(path=p).status, tries[p]) for p in ("/fail/500", "/fail/503", "/fail/501")] == [
        (500, 3), (503, 1), (501, 1)]


def test_grpc_routes(world):
    """E-GR-1…5: HTTP/2 to the backend, 12 if no route matches, 14 if a backend is missing."""
    with_h2 = H2Backend("calls", world.address)
    world.backend("pages")
    world.write(service("calls", port(80, target=with_h2.port)), slice_of("calls", with_h2.port, with_h2.address),
                gateway("web", listener("http", 80)),
                route("g", {"matches": [{"method": {"service": "a.B", "method": "C"}}], "backendRefs": [backend("calls")]},
                      {"matches": [{"method": {"service": "a.Gone"}}], "backendRefs": [backend("missing")]},
                      kind="GRPCRoute"),
                route("h", rule(backend("pages"), at="/pages")))
    grpc = {"content-type": "application/grpc", "te": "trailers"}
    assert world.get(path="/a.B/C", headers=grpc).body == "calls /a.B/C\n"
    assert world.get(path="/a.Gone/X", headers=grpc).headers["grpc-status"] == "14"
    assert world.get(path="/a.B/D", headers=grpc).headers["grpc-status"] == "12"
    assert (world.ask(path="/a.B/C"), world.ask(path="/pages")) == (404, "pages")
    with_h2.close()


def test_tls_routes_pass_through_and_terminate(world):
    """G-L4-6…8, TLSRouteModeMixed: by server name, on one port with HTTPS; unknown names are refused. A policy
    does not wrap the client's TLS again."""
    authority = Authority()
    inner = authority.issue("pass.com", "a.wild.com")
    world.backend("tls", certificate=inner)
    world.backend("plain")
    world.client()
    world.write(api.thing("BackendTLSPolicy", "p", {
                    "targetRefs": [{"group": "", "kind": "Service", "name": "tls"}],
                    "validation": {"hostname": "pass.com", "wellKnownCACertificates": "System"}}),
                tls_secret("cert", authority.issue("term.com", "https.com")),
                gateway("web", listener("pass", 443, "TLS", "pass.com", tls={"mode": "Passthrough"}),
                        listener("wild", 443, "TLS", "*.wild.com", tls={"mode": "Passthrough"}),
                        listener("term", 443, "TLS", "term.com", **terminated("cert")),
                        listener("https", 443, "HTTPS", "https.com", **terminated("cert")),
                        listener("http", 443, "HTTP")),
                route("pass", {"backendRefs": [backend("tls")]}, kind="TLSRoute", hosts=["pass.com", "a.wild.com"],
                      parents=[{"name": "web", "sectionName": "pass"}, {"name": "web", "sectionName": "wild"}]),
                route("term", {"backendRefs": [backend("plain")]}, kind="TLSRoute", hosts=["term.com"],
                      parents=[{"name": "web", "sectionName": "term"}]),
                route("h", rule(backend("plain"), at="/h"), parents=[{"name": "web", "sectionName": "https"},
                                                                    {"name": "web", "sectionName": "http"}]))
    client = world.client(443, 443, authority.text)
    assert client.get("pass.com", tls=True).backend == "tls"
    assert client.get("a.wild.com", tls=True).backend == "tls"
    assert client.get("term.com", tls=True).backend == "plain"
    assert client.get("https.com", "/h", tls=True).backend == "plain"
    assert client.get("any.com", "/h").backend == "plain"
    for unknown in ("b.wild.com", "nobody.com"):
        with pytest.raises(OSError):
            client.get(unknown, tls=True, sni=unknown)


def test_tcp_goes_to_the_oldest_route(world):
    """G-L4-2, G-L4-3, G-L4-9: the others are attached, too; without a route the port closes what connects."""
    world.backend("old")
    world.backend("new")
    world.write(gateway("web", listener("tcp", 9300, "TCP"), listener("bare", 9301, "TCP")),
                *(route(n, {"backendRefs": [backend(n)]}, kind="TCPRoute", created=c,
                        parents=[{"name": "web", "sectionName": "tcp"}])
                  for n, c in (("new", "2024-01-01T00:00:00Z"), ("old", "2023-01-01T00:00:00Z"))))
    assert {world.ask(port=9300) for _ in range(20)} == {"old"}
    with pytest.raises(OSError):
        world.get(port=9301)


def test_udp(world):
    """A datagram and its answer."""
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind((world.address, 0))
    own = echo.getsockname()[1]
    world.write(service("dns", port(53, "dns", own, "UDP")),
                {**slice_of("dns", own, world.address, port_name="dns"), "ports": [
                    {"name": "dns", "port": own, "protocol": "UDP"}]},
                gateway("web", listener("udp", 5300, "UDP")),
                route("u", {"backendRefs": [backend("dns", port=53)]}, kind="UDPRoute"))
    echo.settimeout(60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(b"question", (world.address, 5300))
        data, peer = echo.recvfrom(100)
        echo.sendto(data + b" answer", peer)
        assert client.recv(100) == b"question answer"
    echo.close()


def test_tls_to_backends_as_a_policy_says(world):
    """G-BTP-1…6: right and wrong names; without a usable authority no backend is reached."""
    authority = Authority()
    world.backend("secure", certificate=authority.issue("in.example"))

    def policy(name, hostname, ca="ca"):
        return api.thing("BackendTLSPolicy", "p", {
            "targetRefs": [{"group": "", "kind": "Service", "name": name}],
            "validation": {"hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": ca}]}})

    ca = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "default"},
          "data": {"ca.crt": authority.text}}
    common = [ca, gateway("web", listener("http", 80)), route("r", rule(backend("secure")))]
    world.write(*common, policy("secure", "in.example"))
    assert world.ask() == "secure"
    world.write(*common, policy("secure", "other.example"))
    assert world.ask() == 503
    world.write(*common, policy("secure", "in.example", "missing"))
    assert world.ask() == 500


@pytest.mark.parametrize("kind", ["Secret", "ClusterTrustBundle"])
def test_other_sources_of_authorities_than_config_maps(world, kind):
    """G-BTP-4: a Secret, and a ClusterTrustBundle by its name; a change of it counts at once."""
    authority, other = Authority(), Authority()
    world.backend("secure", certificate=authority.issue("in.example"))
    group = {"Secret": "", "ClusterTrustBundle": "certificates.k8s.io"}[kind]

    def source(trusted):
        if kind == "Secret":
            return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"},
                    "stringData": {"ca.crt": trusted.text}}
        return {"apiVersion": "certificates.k8s.io/v1beta1", "kind": "ClusterTrustBundle", "metadata": {"name": "ca"},
                "spec": {"trustBundle": trusted.text}}

    common = [gateway("web", listener("http", 80)), route("r", rule(backend("secure"))), api.thing("BackendTLSPolicy", "p", {
        "targetRefs": [{"group": "", "kind": "Service", "name": "secure"}],
        "validation": {"hostname": "in.example", "caCertificateRefs": [{"group": group, "kind": kind, "name": "ca"}]}})]
    world.write(*common, source(authority))
    assert world.ask() == "secure"
    world.write(*common, source(other))
    assert world.ask() == 503
    world.write(*common)
    assert world.ask() == 500


def test_client_certificates(world):
    """G-FCV-1…4: a CA a port, and the fallback."""
    ours, other = Authority(), Authority()
    world.backend("b")

    def ca(name, authority):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"},
                "data": {"ca.crt": authority.text}}

    def validated(name, mode="AllowValidOnly"):
        return {"validation": {"mode": mode, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": name}]}}

    world.write(ca("one", ours), ca("two", other), tls_secret("cert", ours.issue("a.com")),
                gateway("web", *(listener(f"l{p}", p, "HTTPS", **terminated("cert")) for p in (443, 8444, 8445)),
                        tls={"frontend": {"default": validated("one"), "perPort": [
                            {"port": 8444, "tls": validated("two")},
                            {"port": 8445, "tls": validated("one", "AllowInsecureFallback")}]}}),
                route("r", rule(backend("b"))))

    def ask(port, authority=None):
        from backends import loaded
        client = world.client(port, port)
        if authority:
            loaded(client.context, authority.issue("client"))
        try:
            return client.get("a.com", tls=True).status
        except OSError:
            return "refused"

    assert [(ask(p, a)) for p in (443, 8444, 8445) for a in (ours, other, None)] == [
        200, "refused", "refused", "refused", 200, "refused", 200, 200, 200]


def test_no_wrong_answer_while_a_route_changes(world):
    """G-BE-8, R-28: backends are there before the route, whichever was written first."""
    for name in ("one", "two"):
        world.backend(name)
    web = gateway("web", listener("http", 80))
    world.write(web, route("r", rule(backend("one"))))
    with Load(world.client(), "a.com") as load:
        for i in range(10):
            world.write(web, route("r", rule(backend("two" if i % 2 == 0 else "one"))))
        load.more(20)
    assert load.failed == []


def test_references_are_granted_and_revoked(world):
    """G-RG-4: both count at once."""
    world.backend("b")
    others = [o for o in backend_objects(world.backends["b"], namespace="other")]
    common = [*others, gateway("web", listener("http", 80)), route("r", rule(backend("b", namespace="other")))]
    world.write(*common, api.grant("g", "other", "Service"))
    assert world.ask() == "b"
    world.write(*common)
    assert world.ask() == 500


def test_one_bad_certificate_harms_its_listener_only(world):
    """E-LI-7, R-20: its host does not fall to a less specific listener, the others go on."""
    authority = Authority()
    world.backend("b")
    world.write(tls_secret("cert", authority.issue("*.com")),
                gateway("web", listener("any", 443, "HTTPS", **terminated("cert")),
                        listener("bad", 443, "HTTPS", "bad.com", **terminated("missing"))),
                route("r", rule(backend("b"))))
    assert world.ask("good.com", port=443, tls=True) == "b"
    with pytest.raises(OSError):
        world.get("bad.com", port=443, tls=True)


def test_an_address_that_is_not_there_is_told(world):
    """G-ADR-2, S-GW-4: by Envoy's answer; another Gateway goes on."""
    world.backend("b")
    world.write_refused(
        *backend_objects(world.backends["b"]), gateway("web", listener("http", 80)),
        gateway("away", listener("http", 8099), addresses=[{"value": "192.0.2.1"}]),
        route("r", rule(backend("b"))))
    assert world.ask() == "b"
    # While another Envoy may still come and accept the listener, it is pending.
    end = Deadline(60)
    while (told := world.condition("Gateway", "away", "Programmed")) != ("False", "AddressNotUsable"):
        assert told == ("False", "Pending")
        end.left("the address that is not there")
        world.another_world()
    assert world.condition("Gateway", "away", "Accepted") == ("True", "Accepted")
    assert world.condition("Gateway", "web", "Programmed") == ("True", "Programmed")
    world.write(gateway("web", listener("http", 80)), gateway("away", listener("http", 8099)), route("r", rule(backend("b"))))
    assert world.condition("Gateway", "away", "Programmed") == ("True", "Programmed")


def test_sessions_stay_at_their_endpoint(world):
    """G-SP-1, N-1: by cookie, and by header."""
    from objects import endpoint
    for name in ("one", "two"):
        world.backend(name)
    both = [service("both", port(80, "http")), *(
        slice_of("both", b.port, endpoint(b.address), port_name="http", suffix=n) for n, b in world.backends.items())]
    world.write(*both, gateway("web", listener("http", 80)), route(
        "r", rule(backend("both"), at="/cookie", sessionPersistence={"cookie": {"name": "stay", "path": "/cookie"}}),
        rule(backend("both"), at="/header", sessionPersistence={"type": "Header", "header": {"name": "x-stay"}})))
    first = world.get(path="/cookie")
    cookie = first.cookies[0]
    assert cookie.startswith("stay=") and "Path=/cookie" in cookie and "Max-Age" not in cookie
    assert {world.ask(path="/cookie", headers={"Cookie": cookie.split(";")[0]}) for _ in range(10)} == {first.backend}
    first = world.get(path="/header")
    assert {world.ask(path="/header", headers={"x-stay": first.headers["x-stay"]}) for _ in range(10)} == {first.backend}


def test_udp_shares(site, world):
    """E-L4-4: by weight, and the share of a missing backend is lost."""
    sockets = {}
    for name in ("a", "b"):
        sockets[name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sockets[name].bind((world.address, 0))
    ports = {n: s.getsockname()[1] for n, s in sockets.items()}
    world.write(*(o for n, p in ports.items() for o in (
        service(n, port(53, "dns", p, "UDP")),
        {**slice_of(n, p, world.address, port_name="dns"), "ports": [{"name": "dns", "port": p, "protocol": "UDP"}]})),
        gateway("web", listener("udp", 5301, "UDP")),
        route("u", {"backendRefs": [backend("a", 6, 53), backend("b", 3, 53), backend("missing", 3, 53)]}, kind="UDPRoute"))

    def passed_on():
        return sum(site.envoy.stats("[.]udp[.]sess_tx_datagrams$").values())

    before = passed_on()
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(120)]
    for client in clients:
        client.sendto(b"x", (world.address, 5301))
    poll(lambda: passed_on() == before + len(clients))
    # They are in the sockets' buffers by now.
    seen = collections.Counter()
    for name, one in sockets.items():
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while one.recvfrom(10):
                seen[name] += 1
    for one in [*clients, *sockets.values()]:
        one.close()
    assert 35 <= seen["a"] <= 85 and 10 <= seen["b"] <= 55 and sum(seen.values()) <= 115, seen


def test_explain_names_listener_route_and_field(site, world):
    world.backend("b")
    world.write(gateway("web", listener("http", 8095), listener("foo", 8095, hostname="*.foo.com")),
                route("r", rule(backend("b"), at="/a"), rule(backend("missing"), at="/b"), parents=[{"name": "web", "sectionName": "http"}]))

    def explain(url):
        return json.loads(site.pipeline.translator.get(f"/debug/explain?url={url}"))

    said = explain("http://any.com:8095/a/b")
    assert said["served"] is True
    assert said["listener"]["port"] == 8095
    made_by = said["route"]["made_by"]
    assert (made_by["kind"], made_by["name"], made_by["field"]) == ("HTTPRoute", "r", "spec.rules[0]")
    assert explain("http://any.com:8095/b")["served"] is False
    assert explain("http://x.foo.com:8095/a")["action"] == "not-found"
