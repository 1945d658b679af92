"""Requests that a rate limit service counts, as clients see them: requests through a real Envoy."""

import pytest

from certs import Authority
from extension_services import RateLimitServer
from objects import ingress, path, port, rule, service, slice_of, tls_secret
from test_authorization import configuration, proxy, status, to

HOST = "web.example.com"


def entry(**kind):
    return {"descriptors": [{"entries": [kind]}]}


def key(value):
    return {"rateLimitPolicy": {"global": entry(genericKey={"value": value})}}


def limits(**more):
    return configuration(rateLimitService={
        "extensionService": {"namespace": "default", "name": "limits"}, "domain": "shop", **more})


@pytest.fixture
def shop(site, request):
    """A site with an application, and a certificate that the client trusts. Its parameter: which Envoy."""
    site.start(getattr(request, "param", "newest"))
    authority = Authority()
    site.client.__init__(site.address, ca=authority.text)
    web = site.backend("web")
    site.write("app.yaml", service("web", port(80, target=web.port)), slice_of("web", web.port, site.address),
               tls_secret("cert", authority.issue(HOST, "other.example.com")))
    return site


@pytest.fixture
def counter(shop):
    once = (("generic_key", "host"),), (("generic_key", "route"),), (("generic_key", "default"),), (("tenant", "a"),)
    with RateLimitServer("limits", shop.address, dict.fromkeys(once, 1)) as server:
        yield server


@pytest.mark.parametrize("shop", ["newest", "oldest"], indirect=True)
def test_hosts_and_routes_are_counted_by_what_they_say(shop, counter):
    site = shop
    many = {"descriptors": [
        {"entries": [{"requestHeader": {"headerName": "X-Tenant", "descriptorKey": "tenant"}}]},
        {"entries": [{"requestHeaderValueMatch": {"headers": [{"name": "x-a", "exact": "1"}], "value": "a"}},
                     {"genericKey": {"key": "k", "value": "v"}}]},
        {"entries": [{"requestHeaderValueMatch": {
            "headers": [{"name": "x-a", "present": True}], "expectMatch": False, "value": "no-a"}}]},
        {"entries": [{"remoteAddress": {}}]}]}
    site.write("all.yaml", limits(), *counter.objects(),
               proxy(to(), to(at="/route", **key("route")),
                     to(at="/off", rateLimitPolicy={"global": {"disabled": True}}),
                     {"conditions": [{"prefix": "/moved"}], "requestRedirectPolicy": {"path": "/new"},
                      **key("route")}, **key("host")),
               proxy(to(), name="plain", host="plain.example.com", tls=False, rateLimitPolicy={"global": many}))
    assert [status(site) for _ in range(3)] == [200, 429, 429]
    assert counter.last() == ("shop", [(("generic_key", "host"),)])
    # A route's own limits replace the host's.
    assert [status(site, "/route") for _ in range(2)] == [200, 429]
    before = len(counter.asked)
    assert [status(site, "/off") for _ in range(2)] == [200, 200]
    # Envoy answers itself here, so it asks no service; the status says so.
    assert status(site, "/moved") == 302
    assert [p["field"] for p in site.pipeline.statuses()["HTTPProxy default/web"]["problems"]] == [
        "spec.routes[3].rateLimitPolicy.global"]
    assert len(counter.asked) == before

    def plain(**headers):
        return status(site, host="plain.example.com", tls=False, **headers), counter.last()[1]

    source = [d for d in plain()[1] if d[0][0] == "remote_address"]
    assert len(source) == 1
    assert plain() == (200, [(("header_match", "no-a"),), *source])
    assert plain(**{"x-tenant": "a", "x-a": "1"}) == (
        200, [(("tenant", "a"),), (("header_match", "a"), ("k", "v")), *source])
    assert plain(**{"x-tenant": "a"})[0] == 429
    assert plain(**{"x-tenant": "b"})[0] == 200


def test_the_default_is_for_hosts_that_say_nothing(shop, counter):
    site = shop
    site.write("all.yaml", limits(defaultGlobalRateLimitPolicy=entry(genericKey={"value": "default"})),
               *counter.objects(),
               proxy(to(), to(at="/off", rateLimitPolicy={"global": {"disabled": True}})),
               proxy(to(), name="own", host="own.example.com", tls=False, **key("host")),
               proxy(to(), name="off", host="off.example.com", tls=False, rateLimitPolicy={"global": {"disabled": True}}),
               ingress("ingress", rule("ingress.example.com", path("web"))))

    def statuses(host, at="/", tls=False):
        return [status(site, at, host=host, tls=tls) for _ in range(2)]

    assert statuses(HOST, tls=True) == [200, 429]
    assert statuses(HOST, "/off", tls=True) == [200, 200]
    assert statuses("own.example.com") == [200, 429]
    assert statuses("off.example.com") == [200, 200]
    assert statuses("ingress.example.com") == [200, 200]


def test_limits_are_told_of_where_that_is_wished_for(shop, counter):
    site = shop
    host = proxy(to(), **key("host"))
    site.write("all.yaml", limits(), *counter.objects(), host)
    assert "x-ratelimit-limit" not in site.get(HOST, tls=True).headers
    counter.counted.clear()
    site.write("all.yaml", limits(enableXRateLimitHeaders=True, enableResourceExhaustedCode=True),
               *counter.objects(), host)
    first, second = (site.get(HOST, tls=True, headers=grpc) for grpc in (
        {}, {"content-type": "application/grpc", "te": "trailers"}))
    assert first.headers["x-ratelimit-limit"].startswith("1, 1;w=3600")
    assert first.headers["x-ratelimit-remaining"] == "0"
    # gRPC's own word for it (RESOURCE_EXHAUSTED).
    assert second.headers["grpc-status"] == "8"


def test_a_service_that_is_missing_or_out_of_reach_refuses_unless_it_may_fail(shop, counter):
    site = shop
    hosts = [proxy(to(), **key("host")), proxy(to(), name="other", host="other.example.com")]
    site.write("all.yaml", limits(), *hosts)
    assert status(site) == 500
    assert status(site, host="other.example.com") == 200
    told = site.pipeline.statuses()["ContourConfiguration portolan/portolan"]["problems"]
    assert [p["reason"] for p in told] == ["ExtensionServiceNotFound"]
    site.write("all.yaml", limits(), *counter.objects(), *hosts)
    assert [status(site) for _ in range(2)] == [200, 429]
    counter.close()
    assert status(site) == 500
    site.write("all.yaml", limits(failOpen=True), *counter.objects(), *hosts)
    assert [status(site) for _ in range(2)] == [200, 200]
    counter.start()
    assert status(site) == 429
    # Without a service nothing is counted, and the status says so.
    site.write("all.yaml", *counter.objects(), *hosts)
    assert [status(site) for _ in range(2)] == [200, 200]
    warned = site.pipeline.statuses()["HTTPProxy default/web"]["problems"]
    assert [p["field"] for p in warned] == ["spec.virtualhost.rateLimitPolicy.global"]


@pytest.mark.parametrize("shop", ["newest", "oldest"], indirect=True)
@pytest.mark.parametrize("value", ["100%", "%ENVIRONMENT(HOME)%", "%FILE_CONTENT(/etc/hostname)%", "%REQ(x)%", "%%"])
def test_a_value_is_what_is_written_and_no_command_of_envoys(shop, counter, value):
    site = shop
    match = {"requestHeaderValueMatch": {"headers": [{"name": "x-a", "notpresent": True}], "value": value}}
    site.write("all.yaml", limits(), *counter.objects(), proxy(
        to(), **{"rateLimitPolicy": {"global": {"descriptors": [
            {"entries": [{"genericKey": {"key": "k", "value": value}}, match]}]}}}))
    status(site)
    assert counter.last() == ("shop", [(("k", value), ("header_match", value))])
