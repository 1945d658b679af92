"""HTTP filters that wait in the listener until a route turns them on."""

import pytest

from certs import Authority
from h2_backend import H2Backend
from objects import backend_objects, port, proxy, service, slice_of, tls_secret, to

HOST = "web.example.com"
TLS = "tls.example.com"
COOKIE = {"name": "a", "pathRewrite": {"value": "/new"}}
ORIGIN = "https://a.example.com"


def start(site, form, which):
    site.pipeline.translator.args += ["--tls-hosts", form]
    return site.start(which)


def listener_changes(site):
    found = site.envoy.stats("^listener_manager.listener_(modified|in_place_updated|added)$")
    return sum(found.values())


def share(name, **more):
    return {"name": name, "port": 80, **more}


# Each function says what a route begins to do, and how a request to it is then answered.
def cors(site, host, tls):
    answer = site.get(host, "/x", tls=tls, headers={"Origin": ORIGIN})
    return answer.headers.get("access-control-allow-origin") == ORIGIN


def limited(site, host, tls):
    return [site.get(host, "/x", tls=tls).status for _ in range(2)] == [200, 429]


def refused(site, host, tls):
    return site.get(host, "/x", tls=tls).status == 403


def cookies(site, host, tls):
    return site.get(host, "/x", tls=tls).cookies == ["a=1; Path=/new"]


HERE = [{"source": "Peer", "cidr": "127.0.0.0/8"}]
ROUTES = {
    "a limit of its own": ({"rateLimitPolicy": {"local": {"requests": 1, "unit": "hour"}}}, limited),
    "addresses": ({"ipDenyPolicy": HERE}, refused),
    "cookies of a route": ({"cookieRewritePolicies": [COOKIE]}, cookies),
    "cookies of a target": ({"services": [share("web", cookieRewritePolicies=[COOKIE])]}, cookies),
    "cookies of one of two targets": (
        {"services": [share("web", weight=1, cookieRewritePolicies=[COOKIE]), share("rest", weight=0)]}, cookies),
}
HOSTS = {
    "cors": ({"corsPolicy": {"allowOrigin": [ORIGIN], "allowMethods": ["GET"]}}, cors),
    "a limit": ({"rateLimitPolicy": {"local": {"requests": 1, "unit": "hour"}}}, limited),
    "addresses": ({"ipDenyPolicy": HERE}, refused),
}


@pytest.mark.parametrize("form, which", [("chains", "oldest"), ("shared", "newest")])
def test_a_route_turns_a_filter_on_and_the_listener_stays(site, form, which):
    start(site, form, which)
    web = site.backend("web", lambda _: (200, [("Set-Cookie", "a=1; Path=/old")]))
    authority = Authority()
    fixed = [*backend_objects(web), *backend_objects(site.backend("rest")), tls_secret("tls", authority.issue(TLS))]

    def serve(route, virtualhost):
        routes = [to("web", permitInsecure=True), to("web", conditions=[{"prefix": "/x"}], permitInsecure=True, **route)]
        site.write("all.yaml", *fixed, proxy("web", *routes, fqdn=HOST, **virtualhost),
                   proxy("tls", *routes, fqdn=TLS, tls={"secretName": "tls"}, **virtualhost))

    def plain(host, tls):
        answer = site.get(host, tls=tls, headers={"Origin": ORIGIN})
        return (answer.status, answer.headers.get("access-control-allow-origin"), answer.cookies)

    places = [(HOST, False), (TLS, False), (TLS, True)]
    serve({}, {})
    assert [plain(*p) for p in places] == [(200, None, ["a=1; Path=/old"])] * 3
    for what, (route, acts) in ROUTES.items():
        # A host with a chain of its own gets the Lua filter there when it begins to rewrite cookies.
        expected = listener_changes(site)
        serve(route, {})
        assert [acts(site, *p) for p in places] == [True] * 3, what
        assert [plain(*p) for p in places] == [(200, None, ["a=1; Path=/old"])] * 3, what
        if not (form == "chains" and "cookies" in what):
            assert listener_changes(site) == expected, what
        serve({}, {})
        assert not any(acts(site, *p) for p in places), what
    for what, (virtualhost, acts) in HOSTS.items():
        expected = listener_changes(site)
        serve({}, virtualhost)
        assert [acts(site, *p) for p in places] == [True] * 3, what
        assert listener_changes(site) == expected, what
        serve({}, {})
        assert not any(acts(site, *p) for p in places), what


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_grpc_web_becomes_grpc_where_grpc_can_get_to(site, which):
    start(site, "chains", which)
    calls = site.backends["calls"] = H2Backend("calls", site.address, grpc=True)
    web = site.backend("web")
    services = [*backend_objects(web), slice_of("calls", calls.port, calls.address)]

    def serve(protocol):
        site.write("all.yaml", *services, service("calls", port(80, target=calls.port, protocol=None),
                                                  annotations={"projectcontour.io/upstream-protocol.h2c": protocol}),
                   proxy("web", to("web"), {"conditions": [{"prefix": "/calls"}], "services": [share("calls")]},
                         fqdn=HOST))

    def call(path):
        return site.get(HOST, path, headers={"Content-Type": "application/grpc-web+proto"})

    serve("81")  # not this port
    assert call("/").status == 200
    before = listener_changes(site)
    serve("80")
    call("/calls/x")
    assert [r["content-type"] for r in calls.asked] == ["application/grpc"]
    # A client that speaks gRPC-Web itself needs no translation.
    assert call("/").status == 200
    assert web.asked[-1].headers["content-type"] == "application/grpc-web+proto"
    assert listener_changes(site) == before
    assert site.envoy.stats("grpc[.]success") == {"cluster.default_calls_80.grpc.success": 1}
